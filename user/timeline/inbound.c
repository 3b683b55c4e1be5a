// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "timeline/internal.h"

/* Without positions: the kernel's turns of the driver's socket that began within the request's own times. */
static void window_by_time(struct inbound *in, const struct record_request *r)
{
	const struct lane *lane = in->driver->lane;
	const struct lane_segment *out = lane_segment_at(&lane[WIRE_LANE_OUT], r->sent_ns ? r->sent_ns : r->due_ns, r->end_ns);
	struct lane_mark first = {0};

	in->by_order = true;
	if (!out || lane_find(&lane[WIRE_LANE_OUT], out->start_pos, &first) == LANE_MISSING)
		return;
	in->out_start = out->start_pos;
	in->out_end = out->end_pos;
	const struct lane_segment *back = lane_segment_at(&lane[WIRE_LANE_IN], first.time_ns, r->end_ns);
	if (!back)
		return;
	in->in_start = back->start_pos;
	in->in_end = back->end_pos;
}

void inbound_find(struct timeline *t, const struct open_request *q, struct inbound *in)
{
	const struct record_request *r = &q->r;

	*in = (struct inbound){0};
	if (r->conn)
		in->driver = conns_find(&t->conns, r->conn);
	if (!in->driver)
		return;
	in->gateway = conns_peer(&t->conns, in->driver);
	if (in->gateway && in->gateway->info.role != WIRE_ROLE_GATEWAY)
		in->gateway = NULL;
	conns_prefetch(in->driver, in->gateway);
	if (r->flags & RECORD_POSITIONS) {
		in->out_start = r->out_start_pos;
		in->out_end = r->out_end_pos;
		in->in_start = r->in_start_pos;
		in->in_end = r->in_end_pos;
	} else {
		window_by_time(in, r);
	}
}

bool inbound_ready(const struct inbound *in)
{
	if (!in->driver || !in->gateway || in->out_start >= in->out_end || in->in_start >= in->in_end)
		return false;
	const struct lane *d = in->driver->lane, *g = in->gateway->lane;
	return lane_covers(&d[WIRE_LANE_OUT], in->out_start, in->out_end) &&
	       lane_covers(&d[WIRE_LANE_IN], in->in_start, in->in_end) &&
	       lane_covers(&g[WIRE_LANE_IN], in->out_start, in->out_end) && lane_segment_of(&g[WIRE_LANE_READ], in->out_start) &&
	       lane_covers(&g[WIRE_LANE_OUT], in->in_start, in->in_end);
}

/* Was the connection found in the middle of the turn that holds this byte? */
static bool open_at_attach(const struct conn *c, const struct inbound *in)
{
	const struct lane_segment *s = lane_segment_of(&c->lane[WIRE_LANE_OUT], in->in_start);

	if (!(c->info.flags & WIRE_CONN_FOUND_OPEN))
		return false;
	if (c->info.side == WIRE_SIDE_SERVER)
		return in->out_start < c->info.in_pos || in->in_start < c->info.out_pos || (s && s->flags & WIRE_TURN_MID);
	return in->out_start < c->info.out_pos || in->in_start < c->info.in_pos;
}

static void connection_fill(const struct inbound *in, struct whole_request *w)
{
	const struct conn *d = in->driver, *g = in->gateway;
	bool inexact = false;

	if (w->driver.flags & RECORD_CONN_REUSED || d->info.flags & WIRE_CONN_FOUND_OPEN)
		return;
	w->inbound_syn_ns = d->info.syn_ns;
	w->listen_full_syn = d->info.flags & WIRE_CONN_LISTEN_FULL;
	w->inbound_established_ns = d->info.established_ns;
	w->client_tls_end_ns = w->driver.tls_end_ns;
	w->accepted_ns = g->accepted_ns;
	w->inbound_first_data_ns = lane_time(&g->lane[WIRE_LANE_IN], 0, &inexact);
}

static enum timeline_unmatched gateway_fill(struct timeline *t, const struct inbound *in, struct whole_request *w)
{
	const struct lane *g = in->gateway->lane;

	w->inbound_conn = in->gateway->cookie;
	lane_window(&g[WIRE_LANE_IN], in->out_start, in->out_end, &w->t2, &w->t2_last, &w->inexact);
	w->reader_tid = lane_window(&g[WIRE_LANE_READ], in->out_start, in->out_end, &w->t3, &w->t3_last, &w->inexact);
	w->sender_tid = lane_window(&g[WIRE_LANE_OUT], in->in_start, in->in_end, &w->t9, &w->t9_last, &w->inexact);
	connection_fill(in, w);
	if (lane_find_gaps(&g[WIRE_LANE_IN], &g[WIRE_LANE_READ], in->out_start, in->out_end, &t->gaps)) {
		w->inexact = true;
	} else {
		w->inexact |= t->gaps.inexact;
		w->gaps = lane_fit_gaps(t->gaps.gap, t->gaps.count, w->t3, w->t9 ? w->t9 : UINT64_MAX, w->gap);
	}
	if (w->t2 && w->t3 && w->t9)
		return TIMELINE_MATCHED;
	return open_at_attach(in->gateway, in) ? TIMELINE_OPEN_AT_ATTACH : TIMELINE_NO_INBOUND_TURN;
}

static void foreign_note(struct timeline *t, struct conn *driver)
{
	if (driver->foreign)
		return;
	driver->foreign = true;
	t->stats.conns_foreign++;
	for (unsigned i = 0; i < t->foreign_ports; i++)
		if (t->foreign_port[i] == driver->info.local_port)
			return;
	if (t->foreign_ports < TIMELINE_PORTS_MAX)
		t->foreign_port[t->foreign_ports++] = driver->info.local_port;
}

enum timeline_unmatched inbound_fill(struct timeline *t, const struct inbound *in, struct whole_request *w)
{
	if (!in->driver || !in->driver->known)
		return TIMELINE_NO_DRIVER_TURN;
	const struct lane *d = in->driver->lane;
	uint64_t out_last = 0, in_first = 0, in_last = 0;
	bool unused = false; /* t11_read serves the self-check only */
	lane_window(&d[WIRE_LANE_OUT], in->out_start, in->out_end, &w->t1, &out_last, &w->inexact);
	lane_window(&d[WIRE_LANE_IN], in->in_start, in->in_end, &in_first, &in_last, &w->inexact);
	w->t11_read = in->in_end ? lane_time(&d[WIRE_LANE_READ], in->in_end - 1, &unused) : 0;
	const struct lane_segment *sent = lane_segment_of(&d[WIRE_LANE_OUT], in->out_start);
	w->listen_full_data = sent && sent->flags & WIRE_TURN_LISTEN_FULL;
	w->t1_last = out_last;
	w->t10 = in_first;
	w->t11 = in_last;
	enum timeline_unmatched gateway = in->gateway ? gateway_fill(t, in, w) : TIMELINE_NO_INBOUND_CONN;
	if (!w->t1 || !w->t10 || !w->t11)
		return open_at_attach(in->driver, in) ? TIMELINE_OPEN_AT_ATTACH : TIMELINE_NO_DRIVER_TURN;
	if (!in->gateway) {
		/* its record may have been lost: that is no process between */
		if (t->loss_ns && t->loss_ns >= in->driver->info.h.time_ns)
			return TIMELINE_NO_INBOUND_TURN;
		foreign_note(t, in->driver);
	}
	return gateway;
}

bool inbound_order(const struct inbound *in, struct open_request *q)
{
	struct lane_mark read = {0}, sent = {0};
	bool inexact = false;

	if (!in->gateway || in->out_start >= in->out_end || in->in_start >= in->in_end)
		return false;
	const struct lane *g = in->gateway->lane;
	if (lane_find(&g[WIRE_LANE_READ], in->out_start, &read) == LANE_MISSING ||
	    lane_find(&g[WIRE_LANE_OUT], in->in_start, &sent) == LANE_MISSING)
		return false;
	q->o.t3 = read.time_ns;
	q->o.reader_tid = read.tid;
	q->o.t9 = sent.time_ns;
	q->o.sender_tid = sent.tid;
	q->o.t9_last = later(lane_time(&g[WIRE_LANE_OUT], in->in_end - 1, &inexact), sent.time_ns);
	return true;
}

void inbound_use(const struct inbound *in)
{
	if (in->driver) {
		lane_use(&in->driver->lane[WIRE_LANE_OUT], in->out_end);
		lane_use(&in->driver->lane[WIRE_LANE_IN], in->in_end);
		lane_use(&in->driver->lane[WIRE_LANE_READ], in->in_end);
	}
	if (in->gateway) {
		lane_use(&in->gateway->lane[WIRE_LANE_IN], in->out_end);
		lane_use(&in->gateway->lane[WIRE_LANE_READ], in->out_end);
		lane_use(&in->gateway->lane[WIRE_LANE_OUT], in->in_end);
	}
}

static int request_take_spans(struct timeline *t, struct open_request *q, const struct conn *c, const struct wire_turn *turn)
{
	const struct wire_lane_span *in = &turn->lane[WIRE_LANE_IN], *read = &turn->lane[WIRE_LANE_READ],
				    *out = &turn->lane[WIRE_LANE_OUT];
	struct timeline_gap *gap;

	order_remove_request(&t->order, q);
	free(q->in.gap);
	q->in = (struct inbound_turn){.conn = c->cookie,
				      .t2 = in->first_ns,
				      .t2_last = in->last_ns,
				      .t3 = read->first_ns,
				      .t3_last = read->last_ns,
				      .t9 = out->first_ns,
				      .t9_last = out->last_ns,
				      .reader_tid = turn->reader.tid,
				      .sender_tid = turn->sender.tid,
				      .turn = turn->turn,
				      .flags = turn->flags};
	q->base_ns = later(in->last_ns, later(read->last_ns, out->last_ns));
	q->moved = true;
	int rc = lane_find_gaps(&c->lane[WIRE_LANE_IN], &c->lane[WIRE_LANE_READ], in->start_pos, in->end_pos, &t->gaps);
	if (rc)
		return rc;
	if (t->gaps.count) {
		gap = malloc(t->gaps.count * sizeof(*gap));
		if (!gap)
			return -ENOMEM;
		memcpy(gap, t->gaps.gap, t->gaps.count * sizeof(*gap));
		q->in.gap = gap;
		q->in.gaps = t->gaps.count;
	}
	if (!read->count)
		return 0;
	q->o.t3 = read->first_ns;
	q->o.t9 = out->first_ns;
	q->o.t9_last = out->last_ns;
	q->o.reader_tid = turn->reader.tid;
	q->o.sender_tid = turn->sender.tid;
	return order_add_request(&t->order, q);
}

int inbound_turn_add(struct timeline *t, struct conn *c, const struct wire_turn *turn)
{
	const struct conn *peer = conns_peer(&t->conns, c);

	if (turn->lane[WIRE_LANE_IN].count == 0 || (peer && peer->info.role == WIRE_ROLE_GATEWAY))
		return 0; /* the server speaks first, or an inner hop */
	for (unsigned i = 0; i < WIRE_LANES; i++)
		lane_use(&c->lane[i], turn->lane[i].start_pos);
	if (c->last_request && c->last_request->in.turn == turn->turn)
		return request_take_spans(t, c->last_request, c, turn);
	if (turn->turn < c->requests_taken)
		return 0; /* has been handed out */
	struct open_request *q = spares_take(&t->requests);
	if (!q)
		return -ENOMEM;
	q->attach = true;
	open_request_push(&t->request[0], q);
	c->last_request = q;
	c->requests_taken = turn->turn + 1;
	return request_take_spans(t, q, c, turn);
}
