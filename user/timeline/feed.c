// SPDX-License-Identifier: GPL-2.0-only
/* What comes in: every record finds its connection, request or tag here. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record/capture.h"
#include "timeline/internal.h"

/* The sweep trims every lane once a second; a busy one by itself too. */
#define TRIM_EVERY_TURNS 16

/* The end of this cookie, made when it is new. */
static struct conn *end_of(struct timeline *t, uint64_t cookie)
{
	struct conn *c = conns_get(&t->conns, cookie);

	if (c)
		c->touched_ns = t->now_ns;
	return c;
}

static int wire_conn(struct timeline *t, const struct wire_conn *r)
{
	struct conn *c = end_of(t, r->conn);
	int rc = c ? conns_open(&t->conns, c, r, t->config.grace_ns) : -ENOMEM;

	if (rc == 1) {
		t->stats.conns++;
		t->stats.conns_found_open += r->flags & WIRE_CONN_FOUND_OPEN ? 1 : 0;
	}
	return rc < 0 ? rc : 0;
}

static int wire_marks(struct timeline *t, const struct wire_marks *r)
{
	struct conn *c = end_of(t, r->conn);
	int rc = c ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < r->count && !rc; i++) {
		const struct wire_mark *m = &r->mark[i];
		const struct lane_mark mark = {
			.time_ns = m->time_ns, .pos = m->pos, .tid = m->flags & WIRE_MARK_THREAD ? m->tid : 0};
		if (m->lane < WIRE_LANES)
			rc = lane_add_mark(&c->lane[m->lane], &mark);
		else
			t->stats.wire_rejected++;
	}
	if (c)
		thread_marks(t, c, r);
	return rc;
}

static int wire_turn(struct timeline *t, const struct wire_turn *r)
{
	struct conn *c = end_of(t, r->conn);
	int rc = c ? 0 : -ENOMEM;

	t->stats.turns++;
	t->stats.turns_mid += r->flags & WIRE_TURN_MID ? 1 : 0;
	for (unsigned i = 0; i < WIRE_LANES && !rc; i++) {
		uint32_t tid = i == WIRE_LANE_READ ? r->reader.tid : i == WIRE_LANE_OUT ? r->sender.tid : 0;
		rc = lane_add_span(&c->lane[i], &r->lane[i], r->turn, r->flags, tid);
	}
	if (rc)
		return rc;
	thread_turn(t, c, r);
	if (r->role == WIRE_ROLE_GATEWAY && r->side == WIRE_SIDE_CLIENT)
		rc = upstream_turn_add(t, c, r);
	else if (t->config.attach && r->role == WIRE_ROLE_GATEWAY && r->side == WIRE_SIDE_SERVER)
		rc = inbound_turn_add(t, c, r);
	if (++c->untrimmed >= TRIM_EVERY_TURNS)
		timeline_trim(t, c);
	return rc;
}

static int wire_accept(struct timeline *t, const struct wire_accept *r)
{
	struct conn *c = end_of(t, r->conn);

	if (!c)
		return -ENOMEM;
	c->accepted_ns = r->h.time_ns;
	return 0;
}

static int wire_close(struct timeline *t, const struct wire_close *r)
{
	struct conn *c = conns_find(&t->conns, r->conn);

	if (c)
		conns_close(&t->conns, c, r->h.time_ns, later(t->now_ns, r->h.time_ns) + 2 * t->config.grace_ns);
	return 0;
}

static int wire_feed(struct timeline *t, const void *record)
{
	const struct wire_header *h = record;

	switch (h->kind) {
	case WIRE_KIND_CONN:
		return wire_conn(t, record);
	case WIRE_KIND_MARKS:
		return wire_marks(t, record);
	case WIRE_KIND_TURN:
		return wire_turn(t, record);
	case WIRE_KIND_ACCEPT:
		return wire_accept(t, record);
	case WIRE_KIND_CLOSE:
		return wire_close(t, record);
	default:
		thread_wire(t, h);
		return 0; /* processes and failed connects are the session's, samples attribution's */
	}
}

int timeline_wire(struct timeline *t, const void *record, uint32_t bytes)
{
	uint64_t aligned[sizeof(struct wire_marks) / sizeof(uint64_t)]; /* the largest record of this room */

	if (capture_wire_check(record, bytes)) {
		t->stats.wire_rejected++;
		return -EPROTO;
	}
	if (bytes > sizeof(aligned))
		return 0; /* stacks: attribution's */
	if ((uintptr_t)record % sizeof(uint64_t) == 0)
		return wire_feed(t, record);
	memcpy(aligned, record, bytes); /* frames of a capture lie anywhere */
	return wire_feed(t, aligned);
}

/* HTTP/2: kernel marks stand for a request only when no other stream was open. Later ends come first in the list. */
static void http2_note(struct conn *c, struct open_request *q)
{
	for (struct open_request *o = c->http2; o && o->r.end_ns > q->r.sent_ns; o = o->http2_next)
		if (o->r.sent_ns < q->r.end_ns)
			o->multiplexed = q->multiplexed = true;
	struct open_request **at = &c->http2;
	while (*at && (*at)->r.end_ns > q->r.end_ns)
		at = &(*at)->http2_next;
	q->http2_next = *at;
	*at = q;
}

int timeline_request(struct timeline *t, const struct record_request *r)
{
	struct open_request *q = spares_take(&t->requests);

	if (!q)
		return -ENOMEM;
	q->r = *r;
	q->base_ns = r->end_ns ? r->end_ns : r->due_ns;
	if (r->conn) {
		struct conn *c = end_of(t, r->conn);
		if (!c) {
			open_request_free(q);
			return -ENOMEM;
		}
		conn_wait_request(c, q);
		if (r->flags & RECORD_HTTP2)
			http2_note(c, q);
	}
	t->stats.requests++;
	open_request_push(&t->request[0], q);
	return 0;
}

int timeline_provider(struct timeline *t, const struct record_provider *p)
{
	struct upturn *u = spares_take(&t->upturns);
	struct conn *c = end_of(t, p->conn);
	int rc = 0;

	t->stats.provider_records++;
	t->stats.provider_untagged += p->tag == 0;
	if (!u || !c) {
		upturn_free(u);
		return -ENOMEM;
	}
	u->p = *p;
	u->ours = true;
	u->turn_of_conn = c->provider_turns++;
	u->base_ns = later(p->answer_last_ns, p->request_last_ns);
	if (p->tag) {
		u->next = map_get(t->tags, p->tag);
		rc = map_put(t->tags, p->tag, u);
	}
	if (rc) {
		upturn_free(u);
		return rc;
	}
	conn_wait_upturn(c, u);
	upturn_push(&t->provider[0], u);
	return 0;
}

int timeline_events(struct timeline *t, const struct record_events *head, const struct record_event *events)
{
	struct conn *c = head->conn ? end_of(t, head->conn) : NULL;

	if (!head->conn)
		return 0;
	return c ? conn_events_add(&c->events, events, head->count) : -ENOMEM;
}

void timeline_counters(struct timeline *t, const uint64_t counters[WIRE_COUNTERS])
{
	static const enum wire_counter losses[] = {WIRE_COUNT_RING_FULL, WIRE_COUNT_STORAGE_REFUSED, WIRE_COUNT_TARGETS_FULL,
						   WIRE_COUNT_MARKS_BOUND};

	for (unsigned i = 0; i < sizeof(losses) / sizeof(losses[0]); i++)
		if (counters[losses[i]] > t->counters[losses[i]])
			t->loss_ns = later(t->now_ns, 1);
	memcpy(t->counters, counters, sizeof(t->counters));
}
