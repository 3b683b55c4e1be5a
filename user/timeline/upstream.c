// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "timeline/internal.h"

/* The provider's end and the gateway's, as far as they are known. */
struct upstream_ends {
	struct conn *provider, *gateway;
};

static struct upstream_ends ends_find(struct timeline *t, const struct upturn *u)
{
	struct upstream_ends e = {.provider = conns_find(&t->conns, u->p.conn)};

	if (e.provider)
		e.gateway = conns_peer(&t->conns, e.provider);
	if (e.gateway && e.gateway->info.role != WIRE_ROLE_GATEWAY)
		e.gateway = NULL;
	return e;
}

static bool ends_ready(const struct upstream_ends *e, const struct record_provider *p)
{
	if (!e->provider || !e->gateway)
		return false;
	return lane_covers(&e->provider->lane[WIRE_LANE_IN], p->in_start_pos, p->in_end_pos) &&
	       lane_covers(&e->provider->lane[WIRE_LANE_OUT], p->out_start_pos, p->out_end_pos) &&
	       lane_covers(&e->gateway->lane[WIRE_LANE_OUT], p->in_start_pos, p->in_end_pos) &&
	       lane_covers(&e->gateway->lane[WIRE_LANE_IN], p->out_start_pos, p->out_end_pos) &&
	       lane_covers(&e->gateway->lane[WIRE_LANE_READ], p->out_start_pos, p->out_end_pos);
}

static int harvest_chunks(struct upturn *u, const struct conn *provider, const struct conn *gateway)
{
	const struct record_event *event;
	uint32_t n = conn_events_in(&provider->events, u->p.out_start_pos, u->p.out_end_pos, &event);

	if (!n)
		return 0;
	u->chunk = calloc(n, sizeof(*u->chunk));
	if (!u->chunk)
		return -ENOMEM;
	u->chunks = n;
	for (uint32_t i = 0; i < n; i++) {
		struct upturn_chunk *c = &u->chunk[i];
		uint64_t last = event[i].pos - 1;
		c->written_ns = event[i].time_ns;
		c->left_ns = lane_time(&provider->lane[WIRE_LANE_OUT], last, &u->inexact);
		c->readable_ns = lane_time(&gateway->lane[WIRE_LANE_IN], last, &u->inexact);
		c->read_ns = lane_time(&gateway->lane[WIRE_LANE_READ], last, &u->inexact);
	}
	return 0;
}

static int keep_gaps(struct timeline *t, const struct conn *c, uint64_t start_pos, uint64_t end_pos, struct timeline_gap **gap,
		     uint32_t *gaps, bool *inexact)
{
	int rc = lane_find_gaps(&c->lane[WIRE_LANE_IN], &c->lane[WIRE_LANE_READ], start_pos, end_pos, &t->gaps);

	*inexact |= t->gaps.inexact;
	free(*gap);
	*gap = NULL;
	*gaps = 0;
	if (rc || !t->gaps.count)
		return rc;
	*gap = malloc(t->gaps.count * sizeof(**gap));
	if (!*gap)
		return -ENOMEM;
	*gaps = t->gaps.count;
	memcpy(*gap, t->gaps.gap, t->gaps.count * sizeof(**gap));
	return 0;
}

static int harvest_gateway(struct timeline *t, struct upturn *u, struct conn *c)
{
	const struct record_provider *p = &u->p;
	int rc;

	u->conn = c->cookie;
	u->peer_port = c->info.peer_port;
	memcpy(u->peer_addr, c->info.peer_addr, sizeof(u->peer_addr));
	if (u->turn_of_conn == 0 && !(c->info.flags & WIRE_CONN_FOUND_OPEN)) {
		u->syn_ns = c->info.syn_ns;
		u->established_ns = c->info.established_ns;
	}
	u->sender_tid = lane_window(&c->lane[WIRE_LANE_OUT], p->in_start_pos, p->in_end_pos, &u->t4, &u->t4_last, &u->inexact);
	lane_window(&c->lane[WIRE_LANE_IN], p->out_start_pos, p->out_end_pos, &u->t7, &u->t7_last, &u->inexact);
	u->reader_tid = lane_window(&c->lane[WIRE_LANE_READ], p->out_start_pos, p->out_end_pos, &u->t8, &u->t8_last, &u->inexact);
	rc = keep_gaps(t, c, p->out_start_pos, p->out_end_pos, &u->gap, &u->gaps, &u->inexact);
	lane_use(&c->lane[WIRE_LANE_OUT], p->in_end_pos);
	lane_use(&c->lane[WIRE_LANE_IN], p->out_end_pos);
	lane_use(&c->lane[WIRE_LANE_READ], p->out_end_pos);
	return rc;
}

bool upturn_harvest(struct timeline *t, struct upturn *u, bool final, int *rc)
{
	struct upstream_ends e = ends_find(t, u);
	const struct record_provider *p = &u->p;

	*rc = 0;
	conns_prefetch(e.provider, e.gateway);
	if (!final && !ends_ready(&e, p))
		return false;
	if (e.provider) {
		struct lane *lane = e.provider->lane;
		bool unused = false; /* serves the self-check only */
		lane_window(&lane[WIRE_LANE_IN], p->in_start_pos, p->in_end_pos, &u->t5, &u->t5_last, &u->inexact);
		lane_window(&lane[WIRE_LANE_OUT], p->out_start_pos, p->out_end_pos, &u->t6, &u->t6_last, &u->inexact);
		u->provider_read_last = lane_time(&lane[WIRE_LANE_READ], p->in_end_pos - 1, &unused);
		lane_use(&lane[WIRE_LANE_IN], p->in_end_pos);
		lane_use(&lane[WIRE_LANE_READ], p->in_end_pos);
		lane_use(&lane[WIRE_LANE_OUT], p->out_end_pos);
	}
	if (e.gateway) {
		*rc = harvest_gateway(t, u, e.gateway);
		if (!*rc)
			*rc = harvest_chunks(u, e.provider, e.gateway);
	}
	conn_done_upturn(e.provider, u);
	u->state = u->t4 ? UPTURN_DONE : UPTURN_PARTIAL;
	u->sent_ns = u->t4 ? u->t4 : u->t5 ? u->t5 : p->request_first_ns;
	u->answer_ns = u->t7 ? u->t7 : u->t6 ? u->t6 : p->answer_first_ns;
	return true;
}

static int turn_take_spans(struct timeline *t, struct upturn *u, const struct conn *c, const struct wire_turn *turn)
{
	const struct wire_lane_span *in = &turn->lane[WIRE_LANE_IN], *read = &turn->lane[WIRE_LANE_READ],
				    *out = &turn->lane[WIRE_LANE_OUT];

	u->t4 = u->sent_ns = out->first_ns;
	u->t4_last = out->last_ns;
	u->t7 = u->answer_ns = in->first_ns;
	u->t7_last = in->last_ns;
	u->t8 = read->first_ns;
	u->t8_last = read->last_ns;
	u->sender_tid = turn->sender.tid;
	u->reader_tid = turn->reader.tid;
	u->base_ns = later(out->last_ns, later(in->last_ns, read->last_ns));
	return keep_gaps(t, c, in->start_pos, in->end_pos, &u->gap, &u->gaps, &u->inexact);
}

static struct upturn *turn_new(struct timeline *t, const struct conn *c, const struct wire_turn *turn)
{
	struct upturn *u = spares_take(&t->upturns);

	if (!u)
		return NULL;
	u->state = UPTURN_DONE;
	u->conn = c->cookie;
	u->turn_of_conn = turn->turn;
	u->peer_port = c->info.peer_port;
	memcpy(u->peer_addr, c->info.peer_addr, sizeof(u->peer_addr));
	if (turn->turn == 0 && c->known && !(c->info.flags & WIRE_CONN_FOUND_OPEN)) {
		u->syn_ns = c->info.syn_ns;
		u->established_ns = c->info.established_ns;
		u->maybe_tls = port_is_tls(c->info.peer_port);
	}
	return u;
}

int upstream_turn_add(struct timeline *t, struct conn *c, const struct wire_turn *turn)
{
	const struct conn *peer = conns_peer(&t->conns, c);

	if (peer &&
	    (peer->info.role == WIRE_ROLE_GATEWAY || (peer->info.role == WIRE_ROLE_PROVIDER && t->config.provider_is_ours)))
		return 0;
	if (turn->lane[WIRE_LANE_OUT].count == 0)
		return 0;
	/* nobody's positions will be asked for here, unless the record of our provider's end is late */
	bool foreign = !t->config.provider_is_ours || t->now_ns > c->info.h.time_ns + t->config.grace_ns;
	for (unsigned i = 0; i < WIRE_LANES && foreign; i++)
		lane_use(&c->lane[i], turn->lane[i].start_pos);
	struct upturn *u = order_find_turn(&t->order, turn->lane[WIRE_LANE_OUT].first_ns, c->cookie, turn->turn);
	if (u)
		return turn_take_spans(t, u, c, turn);
	if (turn->turn < c->turns_taken)
		return 0; /* has been decided */
	u = turn_new(t, c, turn);
	if (!u)
		return -ENOMEM;
	int rc = turn_take_spans(t, u, c, turn);
	if (!rc)
		rc = order_add_turn(&t->order, u);
	if (rc)
		upturn_free(u);
	else
		c->turns_taken = turn->turn + 1;
	return rc;
}

bool upturn_is_foreign(struct timeline *t, const struct upturn *u)
{
	struct conn *c = conns_find(&t->conns, u->conn);
	const struct conn *peer = c ? conns_peer(&t->conns, c) : NULL;

	if (u->ours)
		return false;
	if (!peer)
		return true;
	return peer->info.role != WIRE_ROLE_GATEWAY && !(peer->info.role == WIRE_ROLE_PROVIDER && t->config.provider_is_ours);
}

void upturn_fill(const struct upturn *u, const struct whole_request *w, struct whole_upstream *out)
{
	bool opened = u->syn_ns && u->syn_ns >= w->t2;

	out->conn = u->conn;
	out->t4 = u->t4;
	out->t4_last = u->t4_last;
	out->t5 = u->t5;
	out->t5_last = u->t5_last;
	out->t6 = u->t6;
	out->t6_last = u->t6_last;
	out->t7 = u->t7;
	out->t7_last = u->t7_last;
	out->t8 = u->t8;
	out->t8_last = u->t8_last;
	out->syn_ns = opened ? u->syn_ns : 0;
	out->established_ns = opened ? u->established_ns : 0;
	out->tls_end_ns = opened && u->ours ? u->p.tls_end_ns : 0;
	out->provider_read_last = u->provider_read_last;
	out->hold_start_ns = u->ours ? u->p.request_last_ns : 0;
	out->hold_end_ns = u->ours ? u->p.answer_first_ns : 0;
	out->t4_tid = u->sender_tid;
	out->t8_tid = u->reader_tid;
	out->turn_of_conn = u->turn_of_conn;
	out->peer_index = u->ours ? u->p.upstream_index : UINT32_MAX;
	out->peer_port = u->peer_port;
	memcpy(out->peer_addr, u->peer_addr, sizeof(out->peer_addr));
	out->http_status = u->ours ? u->p.http_status : 0;
	out->joined_by = u->joined_by;
}

/* Is a a better guess than b? The status that the client got first, then the one that was read last. */
static bool answers_better(const struct whole_request *w, const struct whole_upstream *a, const struct whole_upstream *b)
{
	bool a_status = a->http_status == w->driver.http_status, b_status = b->http_status == w->driver.http_status;

	if (a_status != b_status)
		return a_status;
	return a->t8 > b->t8;
}

static int best_answer(const struct whole_request *w, uint64_t until_ns)
{
	int best = -1;

	for (uint32_t i = 0; i < w->upstreams; i++) {
		const struct whole_upstream *u = &w->upstream[i];
		if (u->t7 && u->t8 && u->t8 <= until_ns && (best < 0 || answers_better(w, u, &w->upstream[best])))
			best = (int)i;
	}
	return best;
}

int upstream_answering(const struct whole_request *w)
{
	int best = best_answer(w, w->t9);

	if (best < 0)
		best = best_answer(w, w->t9_last); /* the head left before the response came */
	return best < 0 ? best_answer(w, UINT64_MAX) : best;
}
