// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose threads a phase is followed through. Within one thread's hands it is followed from end to end. Between two threads: if the
 * second was woken by the first, the first has it until then and the second from then on. Else the first has it until it parks or picks
 * other work up, the second from its last wake-up or the end of its last other work on, and what lies between is the hand-off.
 */
#include <string.h>

#include "attribution/walk.h"

#define LOOK_MAX 256

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The first thread has it to given_ns, the second from taken_ns on. */
struct passing {
	const struct thread *first, *second;
	uint64_t given_ns, taken_ns;
};

/* When the first thread woke the second up within the custody; 0: it did not. */
static uint64_t woken_by(const struct custody *c, const struct thread *second)
{
	uint64_t i = thread_off_after(second, c->from_ns);

	for (unsigned n = 0; n < LOOK_MAX; n++, i++) {
		const struct thread_off *o = thread_off_at(second, i);
		if (!o || o->in_ns > c->to_ns)
			return 0;
		if (o->waker_tid == c->from_tid && o->runnable_ns >= c->from_ns && o->runnable_ns > o->out_ns)
			return o->runnable_ns;
	}
	return 0;
}

/* The thread began what led to the end of the custody at its last wake-up from parking, or when its last other work was done. */
static uint64_t taken_at(const struct cause_question *q, const struct custody *c, const struct thread *t)
{
	uint64_t taken_ns = c->from_ns, i = thread_off_after(t, c->to_ns);

	for (unsigned n = 0; n < LOOK_MAX; n++, i--) {
		const struct thread_off *o = thread_off_at(t, i - 1);
		if (!o || o->in_ns <= c->from_ns)
			break;
		if (walk_parks(t, o)) {
			taken_ns = max_u64(taken_ns, o->runnable_ns);
			break;
		}
	}
	i = thread_mark_after(t, c->to_ns);
	for (unsigned n = 0; n < LOOK_MAX; n++, i--) {
		const struct thread_mark *m = thread_mark_at(t, i - 1);
		if (!m || m->time_ns <= taken_ns)
			break;
		if (walk_mark_owner(q, m) == WALK_OTHER)
			return m->time_ns;
	}
	return taken_ns;
}

/* Until when the first thread worked on: until it waits for whatever comes, or has other work in its hands. */
static uint64_t given_at(const struct cause_question *q, const struct custody *c, const struct thread *t, uint64_t until_ns)
{
	uint64_t given_ns = min_u64(until_ns, max_u64(t->seen_ns, c->from_ns)), i = thread_off_after(t, c->from_ns);

	for (unsigned n = 0; n < LOOK_MAX; n++, i++) {
		const struct thread_off *o = thread_off_at(t, i);
		if (!o || o->out_ns >= given_ns)
			break;
		bool leaves = walk_parks(t, o) || (thread_off_wait(o) == THREAD_WAIT_FUTEX && o->in_ns > until_ns);
		if (leaves && o->runnable_ns > o->out_ns)
			given_ns = max_u64(o->out_ns, c->from_ns);
	}
	i = thread_mark_after(t, c->from_ns);
	for (unsigned n = 0; n < LOOK_MAX; n++, i++) {
		const struct thread_mark *m = thread_mark_at(t, i);
		if (!m || m->time_ns >= given_ns)
			break;
		if (walk_mark_owner(q, m) == WALK_OTHER)
			return m->time_ns;
	}
	return given_ns;
}

static struct passing pass(const struct threads *threads, const struct cause_question *q, const struct custody *c)
{
	struct passing p = {.first = threads_find(threads, c->from_tid), .second = threads_find(threads, c->to_tid)};

	if (c->picks_up || p.first == p.second) {
		p.first = p.second;
		p.given_ns = p.taken_ns = c->to_ns;
		return p;
	}
	p.given_ns = p.taken_ns = p.first && p.second ? woken_by(c, p.second) : 0;
	if (p.given_ns)
		return p;
	p.taken_ns = p.second ? taken_at(q, c, p.second) : c->to_ns;
	p.given_ns = p.first ? given_at(q, c, p.first, p.taken_ns) : c->from_ns;
	return p;
}

static void segment_split(struct walk *w, const struct passing *p, const struct phase_segment *s)
{
	uint64_t given_ns = min_u64(max_u64(p->given_ns, s->start_ns), s->end_ns),
		 taken_ns = min_u64(max_u64(p->taken_ns, given_ns), s->end_ns);

	w->taken_ns = 0;
	walk_thread(w, p->first, s->start_ns, given_ns);
	walk_add(w, p->first && p->second ? CAUSE_HAND_OFF : CAUSE_UNKNOWN, taken_ns - given_ns);
	w->taken_ns = p->taken_ns;
	walk_thread(w, p->second, taken_ns, s->end_ns);
}

void cause_split(const struct threads *threads, const struct cause_question *q, const struct cause_witness *witness,
		 struct cause_cut *out)
{
	static const struct cause_witness nobody;
	struct walk w = {.threads = threads, .question = q, .witness = witness ? witness : &nobody, .out = out};
	struct passing p = {0};

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < q->segments; i++) {
		const struct phase_segment *s = &q->segment[i];
		const struct custody *c = &q->custody[s->custody];
		if (!i || s->custody != s[-1].custody)
			p = pass(threads, q, c);
		w.phase = (enum phase)s->phase;
		w.toll = phase_is_toll(w.phase);
		w.custody = !c->picks_up;
		w.window_ns = c->from_ns;
		segment_split(&w, &p, s);
	}
}
