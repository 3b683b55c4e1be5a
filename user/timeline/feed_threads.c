// SPDX-License-Identifier: GPL-2.0-only
/* What comes in about threads: their records, the marks that their turns tell, and look-ups of names. */
#include "timeline/internal.h"

/* Does a byte of this connection tell whose request its thread works for? */
static bool conn_is_neutral(struct timeline *t, struct conn *c)
{
	const struct conn *peer = conns_peer(&t->conns, c);

	if (peer && peer->info.role == WIRE_ROLE_GATEWAY)
		return true;
	return t->config.provider_is_ours && c->known && c->info.side == WIRE_SIDE_CLIENT &&
	       !(peer && peer->info.role == WIRE_ROLE_PROVIDER);
}

static void mark_add(struct timeline *t, struct conn *c, uint64_t neutral, uint64_t time_ns, const struct wire_thread *by,
		     bool out)
{
	const struct thread_mark m = {
		.time_ns = time_ns, .conn = c->cookie, .alloc_ns = by->alloc_ns, .flags = neutral | (out ? THREAD_MARK_OUT : 0)};

	threads_mark(&t->threads, by->tid, &m);
}

void thread_turn(struct timeline *t, struct conn *c, const struct wire_turn *r)
{
	const struct wire_lane_span *read = &r->lane[WIRE_LANE_READ], *out = &r->lane[WIRE_LANE_OUT];

	if (r->role != WIRE_ROLE_GATEWAY || !t->threads.stats.threads)
		return;
	uint64_t neutral = conn_is_neutral(t, c) ? THREAD_MARK_NEUTRAL : 0;
	if (read->count && r->reader.tid)
		mark_add(t, c, neutral, read->first_ns, &r->reader, false);
	if (out->count && r->sender.tid)
		mark_add(t, c, neutral, out->first_ns, &r->sender, true);
}

void thread_marks(struct timeline *t, struct conn *c, const struct wire_marks *r)
{
	if (!c->known || c->info.role != WIRE_ROLE_GATEWAY || !t->threads.stats.threads)
		return;
	uint64_t neutral = conn_is_neutral(t, c) ? THREAD_MARK_NEUTRAL : 0;
	for (uint32_t i = 0; i < r->count; i++) {
		const struct wire_mark *m = &r->mark[i];
		const struct wire_thread by = {.tid = m->tid};
		if (m->flags & WIRE_MARK_THREAD && m->lane != WIRE_LANE_IN)
			mark_add(t, c, neutral, m->time_ns, &by, m->lane == WIRE_LANE_OUT);
	}
}

void thread_wire(struct timeline *t, const struct wire_header *h)
{
	switch (h->kind) {
	case WIRE_KIND_THREAD:
		threads_life(&t->threads, (const void *)h);
		break;
	case WIRE_KIND_OFF_CPU:
		threads_off(&t->threads, (const void *)h);
		break;
	case WIRE_KIND_SYSCALLS:
		threads_calls(&t->threads, (const void *)h);
		break;
	case WIRE_KIND_SAMPLE:
		threads_sample(&t->threads, (const void *)h);
		break;
	case WIRE_KIND_GROUPS:
		threads_switched(&t->threads, (const void *)h);
		break;
	case WIRE_KIND_LOOKUP:
		threads_look_up(&t->threads, (const void *)h);
		break;
	default:
		break;
	}
}

/* The last answered look-up of [from_ns, to_ns]; a thread that sends to this turn's connection is believed first. */
static const struct thread_lookup *lookup_last(const struct threads *s, uint64_t from_ns, uint64_t to_ns, uint32_t tid)
{
	const struct thread_lookup *best = NULL;

	for (uint64_t i = s->lookup.end; i > s->lookup.head; i--) {
		const struct thread_lookup *l = ring_at(&s->lookup, i - 1);
		if (l->told_ns < from_ns)
			break;
		if (!l->end_ns || l->start_ns < from_ns || l->end_ns > to_ns)
			continue;
		bool better = !best || (l->tid == tid && best->tid != tid) || (l->tid == best->tid && l->end_ns > best->end_ns);
		best = better ? l : best;
	}
	return best;
}

/*
 * A name is looked up between the request's reading and the connect that it is for, by one thread that may ask several times (A and
 * AAAA, a server that does not answer): the span is from its first question to the last answer.
 */
void thread_lookup_span(const struct timeline *t, uint64_t from_ns, uint64_t connect_ns, uint32_t tid, struct timeline_gap *out)
{
	const struct threads *s = &t->threads;
	const struct thread_lookup *last = connect_ns ? lookup_last(s, from_ns, connect_ns, tid) : NULL;

	if (!last)
		return;
	*out = (struct timeline_gap){last->start_ns, last->end_ns};
	for (uint64_t i = s->lookup.end; i > s->lookup.head; i--) {
		const struct thread_lookup *l = ring_at(&s->lookup, i - 1);
		if (l->told_ns < from_ns)
			break;
		if (l->tid == last->tid && l->start_ns >= from_ns && l->start_ns < out->start_ns)
			out->start_ns = l->start_ns;
	}
}
