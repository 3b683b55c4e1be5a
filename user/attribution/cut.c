// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cut. Who owns an instant, first match wins:
 *  1. before t1: the client's connect, the accept queue of a connection whose first data came before t1 (TLS), its handshake, else the driver;
 *     (a connect that a full accept queue held up belongs to the accept queue);
 *  2. t1 to t2: network, or the accept queue if that was full; t2 to t3: the accept queue until accepted, else pick up request;
 *  3. t3 to t9, no upstream turn: starved for the request, else local answer;
 *  4. t3 to t9 with upstream turns: the turn that answered owns from its t4 on; before that, the one that began last. Within a turn
 *     in order of its marks; between turns starved for the response, then the upstream's name, connect and TLS, else between attempts;
 *  5. t9 to t10: network; t10 to t11: stream.
 * A mark that is missing or behind the cursor moves nothing: its time falls to the next phase.
 */
#include <errno.h>
#include <string.h>

#include "attribution/segments.h"

struct cursor {
	struct phase_cut *cut;
	struct phase_segments *segments; /* NULL: not wanted */
	uint64_t at_ns;
	struct phase_span *span; /* NULL: not wanted */
	unsigned spans, spans_max;
	uint64_t limit_ns; /* t9 until the answer has left: an early answer ends every phase before it */
};

/* A stretch of time that overrides the phase below it; earlier in a list wins. */
struct overlay {
	enum phase phase;
	const struct timeline_gap *span; /* in time order, disjoint */
	uint32_t spans;
};
struct overlays {
	struct overlay of[4];
	unsigned count;
};

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool span_holds(const struct overlay *o, uint64_t at_ns)
{
	for (uint32_t i = 0; i < o->spans; i++)
		if (o->span[i].start_ns <= at_ns && at_ns < o->span[i].end_ns)
			return true;
	return false;
}

/* The next instant after at_ns, at most to_ns, where some overlay begins or ends. */
static uint64_t next_edge(const struct overlays *o, uint64_t at_ns, uint64_t to_ns)
{
	uint64_t edge = to_ns;

	for (unsigned k = 0; k < o->count; k++) {
		for (uint32_t i = 0; i < o->of[k].spans; i++) {
			const struct timeline_gap *span = &o->of[k].span[i];
			if (span->start_ns > at_ns)
				edge = min_u64(edge, span->start_ns);
			if (span->end_ns > at_ns)
				edge = min_u64(edge, span->end_ns);
		}
	}
	return edge;
}

static void span_add(struct cursor *c, enum phase phase, uint64_t to_ns)
{
	struct phase_span *last = c->spans ? &c->span[c->spans - 1] : NULL;

	if (last && (last->phase == phase || c->spans == c->spans_max))
		last->to_ns = to_ns;
	else
		c->span[c->spans++] = (struct phase_span){phase, c->at_ns, to_ns};
}

/* Everything from the cursor to to_ns: to the first overlay that holds, else to base. to_ns 0: the mark was not seen. */
static void paint(struct cursor *c, uint64_t to_ns, enum phase base, const struct overlays *o)
{
	to_ns = min_u64(to_ns, c->limit_ns);
	while (c->at_ns < to_ns) {
		uint64_t edge = next_edge(o, c->at_ns, to_ns);
		enum phase phase = base;
		for (unsigned k = o->count; k-- > 0;)
			if (span_holds(&o->of[k], c->at_ns))
				phase = o->of[k].phase;
		c->cut->ns[phase] += edge - c->at_ns;
		if (c->span)
			span_add(c, phase, edge);
		if (c->segments && phase_is_gateway(phase))
			segments_add(c->segments, phase, c->at_ns, edge);
		c->at_ns = edge;
	}
}

static void move(struct cursor *c, uint64_t to_ns, enum phase phase)
{
	const struct overlays none = {.count = 0};

	paint(c, to_ns, phase, &none);
}

/* From here on the request is in these threads' hands. */
static void hold(struct cursor *c, uint64_t from_ns, uint32_t from_tid, uint64_t to_ns, uint32_t to_tid)
{
	if (c->segments)
		segments_hold(c->segments, &(struct custody){from_ns, to_ns, from_tid, to_tid, false});
}

/* It waits to be read by this thread. */
static void hold_pick_up(struct cursor *c, uint64_t from_ns, uint64_t to_ns, uint32_t tid)
{
	if (c->segments)
		segments_hold(c->segments, &(struct custody){from_ns, to_ns, 0, tid, true});
}

static void overlay_add(struct overlays *o, enum phase phase, const struct timeline_gap *span, uint32_t spans)
{
	if (spans)
		o->of[o->count++] = (struct overlay){phase, span, spans};
}

/* One span between two marks, if both were seen in this order. */
static void overlay_mark(struct overlays *o, enum phase phase, const struct timeline_gap *span)
{
	overlay_add(o, phase, span, span->start_ns && span->start_ns < span->end_ns);
}

/* When the connection had something to accept: the first data, where it is known. */
static struct timeline_gap accept_span(const struct whole_request *w)
{
	uint64_t from = w->inbound_first_data_ns ? w->inbound_first_data_ns : w->t2;

	return (struct timeline_gap){from, w->accepted_ns};
}

static void cut_arrival(struct cursor *c, const struct whole_request *w)
{
	const struct timeline_gap connect = {w->inbound_syn_ns, w->inbound_established_ns}, accept = accept_span(w),
				  tls = {w->inbound_established_ns, w->client_tls_end_ns};
	struct overlays o = {.count = 0};

	overlay_mark(&o, w->listen_full_syn ? PHASE_ACCEPT_QUEUE : PHASE_CLIENT_CONNECT, &connect);
	overlay_mark(&o, PHASE_ACCEPT_QUEUE, &accept);
	overlay_mark(&o, PHASE_CLIENT_TLS, &tls);
	hold_pick_up(c, c->at_ns, w->t3, w->reader_tid);
	paint(c, w->t1, PHASE_DRIVER_LAG, &o);
	move(c, w->t2, w->listen_full_data ? PHASE_ACCEPT_QUEUE : PHASE_NETWORK);
	o.count = 0;
	overlay_mark(&o, PHASE_ACCEPT_QUEUE, &accept);
	paint(c, w->t3, PHASE_PICK_UP_REQUEST, &o);
}

/* The gateway's own time before it sends turn u: first its request's missing bytes, then its connection's making. */
static void cut_before(struct cursor *c, const struct whole_request *w, const struct whole_upstream *u)
{
	const struct timeline_gap connect = {u->syn_ns, u->established_ns}, tls = {u->established_ns, u->tls_end_ns};
	struct overlays o = {.count = 0};

	overlay_add(&o, PHASE_REQUEST_ARRIVAL, w->gap, w->gaps);
	overlay_mark(&o, PHASE_UPSTREAM_DNS, &u->dns);
	overlay_mark(&o, PHASE_UPSTREAM_CONNECT, &connect);
	overlay_mark(&o, PHASE_UPSTREAM_TLS, &tls);
	hold(c, w->t3, w->reader_tid, u->t4, u->t4_tid);
	paint(c, u->t4, PHASE_PROCESS_REQUEST, &o);
}

/* From t4 until the response is in the gateway's hands. */
static void cut_turn(struct cursor *c, const struct whole_request *w, const struct whole_upstream *u)
{
	uint64_t limit = c->limit_ns;
	struct overlays o = {.count = 0};

	/* an answer that comes before the request is all sent ends the sending */
	if (u->t7)
		c->limit_ns = min_u64(limit, u->t7 > c->at_ns ? u->t7 : c->at_ns);
	overlay_add(&o, PHASE_REQUEST_ARRIVAL, w->gap, w->gaps);
	hold(c, u->t4, u->t4_tid, u->t4_last, u->t4_tid);
	paint(c, u->t4_last, PHASE_PROCESS_REQUEST, &o);
	move(c, u->t5_last, PHASE_NETWORK);
	move(c, u->t6, PHASE_PROVIDER);
	if (u->t7)
		move(c, u->t7, u->t6 ? PHASE_NETWORK : PHASE_PROVIDER);
	c->limit_ns = limit;
	hold_pick_up(c, u->t7, u->t8, u->t8_tid);
	if (u->t7)
		move(c, u->t8, PHASE_PICK_UP_RESPONSE);
}

/* From a failed turn's response, if it had one, to the next attempt. */
static void cut_between(struct cursor *c, const struct whole_upstream *u, const struct whole_upstream *next)
{
	const struct timeline_gap connect = {next->syn_ns, next->established_ns}, tls = {next->established_ns, next->tls_end_ns};
	struct overlays o = {.count = 0};

	if (!u->t7) {
		move(c, next->t4, PHASE_PROVIDER); /* no answer: it was waited for until it was given up */
		return;
	}
	overlay_add(&o, PHASE_REST_OF_RESPONSE, u->gap, u->gaps);
	overlay_mark(&o, PHASE_UPSTREAM_DNS, &next->dns);
	overlay_mark(&o, PHASE_UPSTREAM_CONNECT, &connect);
	overlay_mark(&o, PHASE_UPSTREAM_TLS, &tls);
	hold(c, u->t8, u->t8_tid, next->t4, next->t4_tid);
	paint(c, next->t4, PHASE_BETWEEN_ATTEMPTS, &o);
}

static void cut_upstreams(struct cursor *c, const struct whole_request *w)
{
	uint32_t last = w->upstreams - 1;

	for (uint32_t i = 0; i < w->upstreams; i++)
		if (w->upstream[i].answered)
			last = i;
	cut_before(c, w, &w->upstream[0]);
	for (uint32_t i = 0; i <= last; i++) {
		uint64_t limit = c->limit_ns;
		const struct whole_upstream *u = &w->upstream[i], *next = i < last ? u + 1 : NULL;
		/* the next attempt takes over, whatever becomes of this one */
		if (next && next->t4)
			c->limit_ns = min_u64(limit, next->t4 > c->at_ns ? next->t4 : c->at_ns);
		cut_turn(c, w, u);
		if (next)
			cut_between(c, u, next);
		c->limit_ns = limit;
	}
	const struct whole_upstream *u = &w->upstream[last];
	struct overlays o = {.count = 0};
	overlay_add(&o, PHASE_REST_OF_RESPONSE, u->gap, u->gaps);
	hold(c, u->t8, u->t8_tid, w->t9, w->sender_tid);
	paint(c, c->limit_ns, u->t7 ? PHASE_PROCESS_RESPONSE : PHASE_PROVIDER, &o);
}

static void cut_gateway(struct cursor *c, const struct whole_request *w)
{
	struct overlays o = {.count = 0};

	if (w->upstreams) {
		cut_upstreams(c, w);
		return;
	}
	overlay_add(&o, PHASE_REQUEST_ARRIVAL, w->gap, w->gaps);
	hold(c, w->t3, w->reader_tid, w->t9, w->sender_tid);
	paint(c, c->limit_ns, PHASE_LOCAL_ANSWER, &o);
}

static int cut_all(struct cursor *c, const struct whole_request *w)
{
	uint64_t t0 = w->driver.due_ns, t11 = w->t11;

	memset(c->cut, 0, sizeof(*c->cut));
	if (t11 < t0)
		return -EINVAL;
	c->at_ns = t0;
	c->limit_ns = min_u64(w->t9 ? w->t9 : w->t10 ? w->t10 : t11, t11);
	cut_arrival(c, w);
	cut_gateway(c, w);
	c->limit_ns = t11;
	move(c, w->t10, PHASE_NETWORK);
	move(c, t11, PHASE_STREAM);
	return 0;
}

int attribution_segments(const struct whole_request *w, struct phase_cut *out, struct phase_segments *segments)
{
	struct cursor c = {.cut = out, .segments = segments};

	if (cut_all(&c, w))
		return -EINVAL;
	out->total_ns = w->t11 - w->driver.due_ns;
	for (unsigned i = 0; i < PHASES; i++)
		if (phase_is_toll((enum phase)i))
			out->toll_ns += out->ns[i];
	return 0;
}

int attribution_cut(const struct whole_request *w, struct phase_cut *out)
{
	return attribution_segments(w, out, NULL);
}

unsigned attribution_spans(const struct whole_request *w, struct phase_span *out, unsigned max)
{
	struct phase_cut cut;
	struct cursor c = {.cut = &cut, .span = out, .spans_max = max};

	return max && !cut_all(&c, w) ? c.spans : 0;
}
