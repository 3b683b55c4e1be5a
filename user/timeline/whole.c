// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "timeline/internal.h"

static void attach_fill(const struct open_request *q, struct whole_request *w)
{
	const struct inbound_turn *in = &q->in;

	/* no end of ours: the request begins when it is readable and ends when its answer has left */
	w->driver.due_ns = w->t1 = w->t1_last = w->t2 = in->t2;
	w->t2_last = in->t2_last;
	w->t3 = in->t3;
	w->t3_last = in->t3_last;
	w->t9 = in->t9;
	w->t9_last = w->t10 = w->t11 = w->driver.end_ns = in->t9_last;
	w->inbound_conn = in->conn;
	w->reader_tid = in->reader_tid;
	w->sender_tid = in->sender_tid;
	w->gaps = lane_fit_gaps(in->gap, in->gaps, in->t3, in->t9, w->gap);
}

static enum timeline_unmatched attach_cause(const struct timeline *t, const struct open_request *q)
{
	const struct conn *c = conns_find(&t->conns, q->in.conn);

	if (q->in.flags & WIRE_TURN_MID)
		return TIMELINE_OPEN_AT_ATTACH;
	if (!q->in.t3 || !q->in.t9)
		return TIMELINE_FAILED_REQUEST;
	if (c && c->known && q->in.turn == 0 && !(c->info.flags & WIRE_CONN_FOUND_OPEN) && port_is_tls(c->info.local_port))
		return TIMELINE_FIRST_TLS_TURN;
	return TIMELINE_MATCHED;
}

/* Takes the provider's records of this tag off the books, in order of sending, those that could be harvested first. */
static int tagged_take(struct timeline *t, struct open_request *q)
{
	struct upturn *u = q->r.id ? map_remove(t->tags, q->r.id) : NULL;
	int rc = 0;

	for (struct upturn *next; u; u = next) {
		next = u->next;
		if (u->queue == PENDING_STAGES)
			upturn_unqueue(&t->held, u);
		else
			upturn_unqueue(&t->provider[u->queue], u);
		if (u->state == UPTURN_WAITING)
			upturn_harvest(t, u, true, &rc);
		u->joined_by = TIMELINE_JOIN_TAG;
		struct upturn **at = &q->turns;
		while (*at && (*at)->sent_ns <= u->sent_ns)
			at = &(*at)->next;
		u->next = *at;
		*at = u;
		t->classes_tagged |= UINT64_C(1) << (q->r.class_index < 63 ? q->r.class_index : 63);
	}
	return rc;
}

/* A connection serves one turn after another: where it was opened for this request, one turn at most may own the handshake. */
static const struct upturn *upstreams_fill(const struct timeline *t, const struct open_request *q, struct whole_request *w)
{
	const struct upturn *of[TIMELINE_UPSTREAMS_MAX] = {0};

	for (const struct upturn *u = q->turns; u; u = u->next) {
		w->inexact |= u->inexact;
		if (w->upstreams == TIMELINE_UPSTREAMS_MAX) {
			/* the last attempts hold the answer: the one before makes room */
			w->upstreams--;
			w->upstreams_dropped++;
		}
		struct whole_upstream *out = &w->upstream[w->upstreams];
		of[w->upstreams++] = u;
		memset(out, 0, offsetof(struct whole_upstream, gap));
		memset(&out->gaps, 0, sizeof(*out) - offsetof(struct whole_upstream, gaps));
		upturn_fill(u, w, out);
		thread_lookup_span(t, w->t3, out->syn_ns, out->t4_tid, &out->dns);
	}
	for (uint32_t i = 0; i < w->upstreams && of[i]; i++)
		w->upstream[i].gaps = lane_fit_gaps(of[i]->gap, of[i]->gaps, 0, w->t9 ? w->t9 : UINT64_MAX, w->upstream[i].gap);
	int answering = upstream_answering(w);
	if (answering < 0)
		return NULL;
	w->upstream[answering].answered = true;
	w->early_answer = w->t9 && w->t9 < w->upstream[answering].t7;
	return of[answering];
}

/* May it be said that the gateway answered by itself? */
static bool cache_hit_is_certain(const struct timeline *t, const struct open_request *q)
{
	return t->config.provider_is_ours && !q->attach && !q->ambiguous && !q->doubtful &&
	       (!t->loss_ns || t->loss_ns < q->r.due_ns);
}

static enum timeline_unmatched upstream_cause(const struct timeline *t, const struct open_request *q, struct whole_request *w)
{
	if (q->ambiguous)
		return TIMELINE_NO_UPSTREAM_SEEN;
	if (!q->turns) {
		w->cache_hit = cache_hit_is_certain(t, q);
		return w->cache_hit ? TIMELINE_MATCHED : TIMELINE_NO_UPSTREAM_SEEN;
	}
	for (const struct upturn *u = q->turns; u; u = u->next) {
		if (u->state == UPTURN_PARTIAL)
			return TIMELINE_NO_UPSTREAM_TURN;
		if (u->maybe_tls && !u->ours)
			return TIMELINE_FIRST_TLS_TURN;
		/* the provider wrote an answer and nobody took it away: the response's marks are lost */
		if (u->ours && u->p.out_end_pos > u->p.out_start_pos && !(u->p.flags & RECORD_PROVIDER_ABORTED) &&
		    (!u->t7 || !u->t8))
			return TIMELINE_NO_UPSTREAM_TURN;
	}
	return TIMELINE_MATCHED;
}

static int chunks_reserve(struct timeline *t, uint32_t count)
{
	if (count <= t->chunk_size)
		return 0;
	struct whole_chunk *grown = realloc(t->chunk, count * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->chunk = grown;
	t->chunk_size = count;
	return 0;
}

/* Events pair by index: a gateway may re-frame them, but neither drops nor adds one of those that both ends log. */
static int chunks_fill(struct timeline *t, const struct inbound *in, const struct upturn *u, struct whole_request *w)
{
	const struct record_event *event;
	uint32_t n = in->driver ? conn_events_in(&in->driver->events, in->in_start, in->in_end, &event) : 0;
	uint32_t m = u ? u->chunks : 0, pairs = n < m ? n : m;
	int rc = chunks_reserve(t, pairs);

	if (rc || !in->gateway)
		return rc;
	w->chunks = pairs;
	w->chunks_unmatched = n > m ? n - m : m - n;
	w->chunk = t->chunk;
	for (uint32_t i = 0; i < pairs; i++) {
		t->chunk[i] = (struct whole_chunk){
			.written_ns = u->chunk[i].written_ns,
			.readable_ns = u->chunk[i].readable_ns,
			.read_ns = u->chunk[i].read_ns,
			.received_ns = event[i].time_ns,
			.sent_ns = lane_time(&in->gateway->lane[WIRE_LANE_OUT], event[i].pos - 1, &w->inexact)};
		if (event[i].pos == w->driver.in_token_pos) {
			w->first_token_t6 = u->chunk[i].left_ns;
			w->first_token_t7 = u->chunk[i].readable_ns;
			w->first_token_t8 = u->chunk[i].read_ns;
		}
	}
	if (w->driver.in_token_pos)
		w->first_token_t9 = lane_time(&in->gateway->lane[WIRE_LANE_OUT], w->driver.in_token_pos - 1, &w->inexact);
	return 0;
}

/*
 * Once a stream's first token is in the gateway's hands it has something to pass on: what it waits for from then on is its own
 * doing (HAProxy corks a stream's first 170 ms), as the split of the first token tells it too.
 */
static void starved_until_token(struct whole_request *w)
{
	for (uint32_t i = 0; w->first_token_t8 && i < w->upstreams; i++) {
		struct whole_upstream *u = &w->upstream[i];
		uint32_t kept = 0;

		while (kept < u->gaps && u->gap[kept].start_ns < w->first_token_t8)
			kept++;
		u->gaps = u->answered ? kept : u->gaps;
	}
}

/* Outcomes that by definition have no whole answer: their times are lower bounds. */
static bool outcome_is_cut(uint16_t outcome)
{
	return outcome == RECORD_TIMEOUT || outcome == RECORD_CONNECT_FAILED || outcome == RECORD_RESET ||
	       outcome == RECORD_TLS_FAILED || outcome == RECORD_CUT_SHORT || outcome == RECORD_LEFT;
}

static bool outcome_is_broken(uint16_t outcome)
{
	return outcome_is_cut(outcome) || outcome == RECORD_MALFORMED || outcome == RECORD_OTHER;
}

/* Strongest first. */
static unsigned join_rank(uint8_t join)
{
	switch (join) {
	case TIMELINE_JOIN_ENDS:
		return 0;
	case TIMELINE_JOIN_TAG:
		return 1;
	case TIMELINE_JOIN_THREAD:
		return 2;
	case TIMELINE_JOIN_ORDER:
		return 3;
	default:
		return 4;
	}
}

static uint8_t weakest_join(const struct open_request *q, const struct inbound *in)
{
	uint8_t weakest = in->by_order ? TIMELINE_JOIN_ORDER : TIMELINE_JOIN_ENDS;

	if (q->attach)
		weakest = TIMELINE_JOIN_THREAD;
	for (const struct upturn *u = q->turns; u; u = u->next) {
		/* the provider's tag leads to its socket, addresses and positions to the gateway's: joined by the ends */
		uint8_t join = u->joined_by == TIMELINE_JOIN_TAG && u->ours ? (uint8_t)TIMELINE_JOIN_ENDS : u->joined_by;
		if (join_rank(join) > join_rank(weakest))
			weakest = join;
	}
	return weakest;
}

static enum timeline_unmatched whole_cause(struct timeline *t, const struct open_request *q, const struct inbound *in,
					   struct whole_request *w)
{
	enum timeline_unmatched cause;

	if (q->attach)
		attach_fill(q, w);
	cause = q->attach ? attach_cause(t, q) : inbound_fill(t, in, w);
	const struct upturn *answering = upstreams_fill(t, q, w);
	if (cause == TIMELINE_MATCHED)
		cause = upstream_cause(t, q, w);
	if (!q->attach && chunks_fill(t, in, answering, w))
		w->chunks = 0;
	starved_until_token(w);
	if (q->multiplexed)
		return TIMELINE_MULTIPLEXED;
	if (!q->attach && (outcome_is_cut(q->r.outcome) || (cause && outcome_is_broken(q->r.outcome))))
		return TIMELINE_FAILED_REQUEST;
	return cause;
}

static void whole_count(struct timeline *t, const struct whole_request *w)
{
	t->stats.unmatched[w->unmatched]++;
	t->stats.order_violations += w->order_violation;
	if (w->unmatched != TIMELINE_MATCHED)
		return;
	t->stats.whole++;
	t->stats.joined_by[w->joined_by]++;
	t->stats.early_answers += w->early_answer;
	t->stats.cache_hits += w->cache_hit;
	t->stats.inexact += w->inexact;
}

static bool is_side_call(void *ctx, const struct upturn *u)
{
	return upturn_is_foreign(ctx, u);
}

int whole_emit(struct timeline *t, struct open_request *q, const struct inbound *in)
{
	struct whole_request *w = &t->whole;
	struct conn *c = q->attach ? conns_find(&t->conns, q->in.conn) : NULL;
	int rc = tagged_take(t, q);

	/* gap[] and upstream[] are most of the struct, and their counts tell what of them is meant */
	memset(w, 0, offsetof(struct whole_request, gap));
	w->gaps = w->upstreams = 0;
	memset((char *)w + offsetof(struct whole_request, upstreams_dropped), 0,
	       sizeof(*w) - offsetof(struct whole_request, upstreams_dropped));
	w->driver = q->r;
	w->unmatched = (uint8_t)whole_cause(t, q, in, w);
	if (t->config.provider_is_ours && w->t3 && w->t9)
		w->side_calls = order_count(&t->order, w->t3, w->t9, is_side_call, t);
	w->joined_by = weakest_join(q, in);
	w->order_violation = !timeline_order_ok(w);
	if (c && !conn_is_inbound(c)) {
		c->last_request = NULL; /* an inner hop after all: no request */
	} else {
		t->stats.requests += q->attach;
		whole_count(t, w);
		t->config.whole(t->config.ctx, w);
	}
	if (c && c->last_request == q)
		c->last_request = NULL;
	inbound_use(in);
	conn_done_request(in->driver, q);
	order_remove_request(&t->order, q);
	open_request_free(q);
	return rc;
}
