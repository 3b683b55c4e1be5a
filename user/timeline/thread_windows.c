// SPDX-License-Identifier: GPL-2.0-only
/* Probes that are on in windows: what is not known of the time between. */
#include "timeline/threads.h"

/* What the thread did meanwhile is a period of its own, so that nothing before is taken to have gone on. */
static void untold_push(struct threads *s, struct thread *t, uint64_t from_ns, uint64_t to_ns)
{
	const struct thread_off *last = t->off.end ? thread_off_at(t, t->off.end - 1) : NULL;
	struct thread_off o = {.flags = THREAD_OFF_UNTOLD, .syscall = WIRE_SYSCALL_NONE}, lost;

	if (last && last->in_ns > from_ns)
		from_ns = last->in_ns;
	if (t->known_ns > from_ns)
		from_ns = t->known_ns;
	if (from_ns >= to_ns || t->role != WIRE_ROLE_GATEWAY)
		return;
	o.out_ns = o.runnable_ns = from_ns;
	o.in_ns = to_ns;
	if (ring_push(&t->off, &s->budget, &o, &lost) && lost.in_ns > t->known_ns)
		t->known_ns = lost.in_ns;
}

void threads_switched(struct threads *s, const struct wire_groups *r)
{
	const struct thread_groups g = {.from_ns = r->whole_ns, .off = r->off};
	const struct thread_groups *last = ring_at(&s->groups, s->groups.end - 1);
	struct thread_groups lost;

	if (last && last->from_ns > g.from_ns) {
		s->stats.rejected++;
		return;
	}
	ring_push(&s->groups, &s->budget, &g, &lost);
	if (r->off & WIRE_GROUP_THREADS) {
		s->off_ns = s->off_ns ? s->off_ns : r->h.time_ns;
		return;
	}
	for (struct thread *t = s->off_ns ? s->first : NULL; t; t = t->next)
		untold_push(s, t, s->off_ns, r->h.time_ns);
	s->off_ns = 0;
}

unsigned threads_untold(const struct threads *s, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t off = 0;

	for (uint64_t i = s->groups.end; i > s->groups.head; i--) {
		const struct thread_groups *g = ring_at(&s->groups, i - 1);

		if (g->from_ns >= to_ns)
			continue;
		off |= g->off;
		if (g->from_ns <= from_ns)
			break;
	}
	return (unsigned)off;
}
