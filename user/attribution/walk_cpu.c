// SPDX-License-Identifier: GPL-2.0-only
/* Whose work a thread did while it was on a CPU, and what kind of work. */
#include <stddef.h>

#include "attribution/walk.h"

/* Marks, periods and calls that are looked through for a boundary between two errands. */
#define LOOK_MAX 256
/* Less than this share of a stretch is no steal: the two clocks are read some instructions apart. */
#define STEAL_MIN_SHARE 0.02
#define STEAL_MIN_NS 3000

enum walk_owner walk_mark_owner(const struct cause_question *q, const struct thread_mark *m)
{
	if (m->flags & THREAD_MARK_NEUTRAL)
		return WALK_NEUTRAL;
	for (uint32_t i = 0; i < q->owns; i++)
		if (q->own[i].conn == m->conn && m->time_ns >= q->own[i].from_ns && m->time_ns <= q->own[i].to_ns)
			return WALK_OWN;
	return WALK_OTHER;
}

static enum walk_owner by_default(const struct walk *w)
{
	return w->custody ? WALK_OWN : WALK_OTHER;
}

/* When the thread last began another errand in (from_ns, to_ns], back from waiting for whatever comes; 0: it did not. */
static uint64_t errand_begin(const struct thread *t, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t last_ns = 0, i = thread_off_after(t, to_ns);

	for (unsigned n = 0; n < LOOK_MAX; n++, i--) {
		const struct thread_off *o = thread_off_at(t, i - 1);
		if (!o || o->in_ns <= from_ns)
			break;
		if (walk_parks(t, o)) {
			last_ns = o->in_ns;
			break;
		}
	}
	i = thread_call_after(t, to_ns);
	for (unsigned n = 0; n < LOOK_MAX; n++, i--) {
		const struct wire_syscall *c = thread_call_at(t, i - 1);
		if (!c || c->enter_ns < from_ns || c->exit_ns <= last_ns)
			break; /* entered before: the wait that the thread was just coming back from */
		if (thread_call_polls(c->nr))
			return c->exit_ns;
	}
	return last_ns;
}

/* The first mark at or after an errand's begin tells whose it is, if no other one begins before that mark. */
static enum walk_owner owner_ahead(const struct walk *w, const struct thread *t, uint64_t begin_ns)
{
	uint64_t i = begin_ns ? thread_mark_after(t, begin_ns - 1) : t->mark.head;

	for (unsigned n = 0; n < LOOK_MAX; n++, i++) {
		const struct thread_mark *m = thread_mark_at(t, i);
		if (!m)
			break;
		enum walk_owner owner = walk_mark_owner(w->question, m);
		if (owner != WALK_NEUTRAL)
			return errand_begin(t, begin_ns, m->time_ns) ? by_default(w) : owner;
	}
	return by_default(w);
}

/* Whose work goes on at at_ns: that of the last mark of this errand, else that of its first. */
static enum walk_owner owner_at(const struct walk *w, const struct thread *t, uint64_t at_ns)
{
	uint64_t i = thread_mark_after(t, at_ns);

	for (unsigned n = 0; n < LOOK_MAX && i > t->mark.head; n++, i--) {
		const struct thread_mark *m = thread_mark_at(t, i - 1);
		enum walk_owner owner = walk_mark_owner(w->question, m);
		if (owner == WALK_NEUTRAL)
			continue;
		if (owner == WALK_OTHER && m->time_ns <= w->taken_ns)
			return WALK_OWN;
		uint64_t begin_ns = errand_begin(t, m->time_ns, at_ns);
		return begin_ns ? owner_ahead(w, t, begin_ns) : owner;
	}
	return owner_ahead(w, t, errand_begin(t, 0, at_ns));
}

/* Share of the stretch between two periods in which the thread was on its CPU but did not run. */
static double stolen_share(const struct thread *t, uint64_t next_off)
{
	const struct thread_off *last = next_off ? thread_off_at(t, next_off - 1) : NULL, *next = thread_off_at(t, next_off);

	if (!last || !next || !last->exec_ns || next->exec_ns < last->exec_ns || next->out_ns <= last->in_ns)
		return 0;
	uint64_t wall_ns = next->out_ns - last->in_ns, ran_ns = next->exec_ns - last->exec_ns;
	if (ran_ns >= wall_ns || wall_ns - ran_ns < STEAL_MIN_NS)
		return 0;
	double share = (double)(wall_ns - ran_ns) / (double)wall_ns;
	return share < STEAL_MIN_SHARE ? 0 : share;
}

/* Time in system calls within [from_ns, to_ns). */
static uint64_t kernel_time(struct walk *w, const struct thread *t, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t sum = 0;

	for (uint64_t i = thread_call_after(t, from_ns);; i++) {
		const struct wire_syscall *c = thread_call_at(t, i);
		if (!c || c->enter_ns >= to_ns)
			return sum;
		uint64_t start = c->enter_ns > from_ns ? c->enter_ns : from_ns, end = c->exit_ns < to_ns ? c->exit_ns : to_ns;
		sum += end - start;
		if (w->toll && w->witness->in_call)
			w->witness->in_call(w->witness->ctx, c->nr, end - start);
	}
}

static void own_part(struct walk *w, enum cause cause, uint64_t ns, double stolen)
{
	uint64_t lost = (uint64_t)((double)ns * stolen);

	walk_add(w, CAUSE_STEAL, lost);
	walk_add(w, cause, ns - lost);
}

static void own_work(struct walk *w, const struct thread *t, uint64_t from_ns, uint64_t to_ns, double stolen)
{
	uint64_t told_from = from_ns > t->calls_known_ns ? from_ns : t->calls_known_ns,
		 told_to = to_ns < t->call_seen_ns ? to_ns : t->call_seen_ns;

	if (told_from >= told_to || w->question->untold & WIRE_GROUP_SYSCALLS) {
		own_part(w, CAUSE_OWN_CPU, to_ns - from_ns, stolen);
		return;
	}
	uint64_t kernel = kernel_time(w, t, told_from, told_to);
	w->out->calls_known = true;
	own_part(w, CAUSE_OWN_KERNEL, kernel, stolen);
	own_part(w, CAUSE_OWN_USER, told_to - told_from - kernel, stolen);
	own_part(w, CAUSE_OWN_CPU, to_ns - from_ns - (told_to - told_from), stolen);
}

/* Where its code was found in [from_ns, to_ns). */
static void samples_tell(const struct walk *w, const struct thread *t, enum walk_owner owner, uint64_t from_ns, uint64_t to_ns)
{
	if (!w->witness->stack)
		return;
	for (uint64_t i = thread_sample_from(t, from_ns);; i++) {
		struct thread_sample *s = thread_sample_at(t, i);
		struct cause_stack told = {.phase = w->phase, .cause = CAUSE_OTHER_WORK};

		if (!s || s->time_ns >= to_ns)
			return;
		if (owner == WALK_OWN)
			told.cause = s->flags & WIRE_SAMPLE_KERNEL ? CAUSE_OWN_KERNEL : CAUSE_OWN_USER;
		told.stack = s->stack;
		told.ns = s->period_ns;
		told.first = !s->told;
		s->told = 1;
		w->witness->stack(w->witness->stack_ctx, &told);
	}
}

/* Returns the own part of it. */
static uint64_t piece(struct walk *w, const struct thread *t, enum walk_owner owner, uint64_t from_ns, uint64_t to_ns,
		      double stolen)
{
	if (from_ns >= to_ns)
		return 0;
	samples_tell(w, t, owner, from_ns, to_ns);
	if (owner == WALK_OWN) {
		own_work(w, t, from_ns, to_ns, stolen);
		return to_ns - from_ns;
	}
	walk_add(w, CAUSE_OTHER_WORK, to_ns - from_ns);
	if (w->toll && w->witness->other_work)
		w->witness->other_work(w->witness->ctx, t->tid, to_ns - from_ns);
	return 0;
}

/* The next call after index *at that waits for whatever comes, returning before to_ns; UINT64_MAX: none. */
static uint64_t next_poll(const struct thread *t, uint64_t *at, uint64_t to_ns)
{
	for (;; (*at)++) {
		const struct wire_syscall *c = thread_call_at(t, *at);
		if (!c || c->exit_ns >= to_ns)
			return UINT64_MAX;
		if (thread_call_polls(c->nr))
			return c->exit_ns;
	}
}

uint64_t walk_cpu(struct walk *w, const struct thread *t, uint64_t next_off, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t at_ns = from_ns, own_ns = 0, mark = thread_mark_after(t, from_ns), call = thread_call_after(t, from_ns);
	enum walk_owner owner = owner_at(w, t, from_ns);
	double stolen = stolen_share(t, next_off);

	for (;;) {
		const struct thread_mark *m = thread_mark_at(t, mark);
		uint64_t mark_ns = m && m->time_ns < to_ns ? m->time_ns : UINT64_MAX, poll_ns = next_poll(t, &call, to_ns);
		if (mark_ns == UINT64_MAX && poll_ns == UINT64_MAX)
			break;
		uint64_t edge_ns = mark_ns < poll_ns ? mark_ns : poll_ns;
		own_ns += piece(w, t, owner, at_ns, edge_ns, stolen);
		at_ns = edge_ns;
		if (edge_ns == poll_ns) {
			owner = owner_ahead(w, t, at_ns);
			call++;
			continue;
		}
		enum walk_owner by_mark = walk_mark_owner(w->question, m);
		owner = by_mark == WALK_NEUTRAL ? owner : by_mark;
		mark++;
	}
	return own_ns + piece(w, t, owner, at_ns, to_ns, stolen);
}

/* Time on a CPU. */
static uint64_t cpu_time(const struct thread *t, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t sum = to_ns - from_ns;

	for (uint64_t i = thread_off_after(t, from_ns);; i++) {
		const struct thread_off *o = thread_off_at(t, i);
		if (!o || o->out_ns >= to_ns)
			return sum;
		sum -= (o->in_ns < to_ns ? o->in_ns : to_ns) - (o->out_ns > from_ns ? o->out_ns : from_ns);
	}
}

/* In the order in which the allocator's time is most likely part of them. */
static void take_out(struct walk *w, uint64_t ns)
{
	static const enum cause from[] = {CAUSE_OWN_USER, CAUSE_OWN_CPU, CAUSE_OWN_KERNEL};

	for (unsigned i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		uint64_t *has = &w->out->ns[w->phase][from[i]], taken = ns < *has ? ns : *has;
		*has -= taken;
		ns -= taken;
		walk_add(w, CAUSE_ALLOCATOR, taken);
	}
}

/*
 * Marks tell how long the thread has been in the allocator so far. What it took between two of them is spread evenly over
 * the thread's CPU time between them: exact where that is all one request's.
 */
void walk_allocator(struct walk *w, const struct thread *t, uint64_t from_ns, uint64_t to_ns, uint64_t own_ns)
{
	uint64_t here_ns = own_ns ? cpu_time(t, from_ns, to_ns) : 0, i = here_ns ? thread_mark_after(t, from_ns) : 0;
	const struct thread_mark *last = NULL;
	double taken = 0;

	if (!here_ns || w->question->untold & WIRE_GROUP_ALLOC)
		return;
	for (unsigned n = 0; n < LOOK_MAX && i > t->mark.head && !(last && last->alloc_ns); n++)
		last = thread_mark_at(t, --i);
	if (!last || !last->alloc_ns)
		return;
	for (i++; last->time_ns < to_ns; i++) {
		const struct thread_mark *m = thread_mark_at(t, i);
		if (!m)
			break;
		if (!m->alloc_ns || m->time_ns <= last->time_ns)
			continue;
		uint64_t start = last->time_ns > from_ns ? last->time_ns : from_ns, end = m->time_ns < to_ns ? m->time_ns : to_ns;
		uint64_t all_ns = cpu_time(t, last->time_ns, m->time_ns);
		if (start < end && all_ns && m->alloc_ns > last->alloc_ns)
			taken += (double)(m->alloc_ns - last->alloc_ns) * (double)cpu_time(t, start, end) / (double)all_ns;
		last = m;
	}
	taken *= (double)own_ns / (double)here_ns;
	take_out(w, taken < (double)own_ns ? (uint64_t)taken : own_ns);
}
