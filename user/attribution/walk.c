// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/walk.h"

#include <stddef.h>

/* How many periods of a waker are looked through. */
#define WAKES_MAX 64

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void walk_add(struct walk *w, enum cause cause, uint64_t ns)
{
	w->out->ns[w->phase][cause] += ns;
}

/* The last thing that it did before was to read: it has something in its hands. */
static bool has_work(const struct thread *t, uint64_t at_ns)
{
	const struct thread_mark *m = thread_mark_at(t, thread_mark_after(t, at_ns) - 1);

	return m && !(m->flags & THREAD_MARK_OUT);
}

bool walk_parks(const struct thread *t, const struct thread_off *o)
{
	if (o->runnable_ns == o->out_ns)
		return false;
	switch (thread_off_wait(o)) {
	case THREAD_WAIT_POLL:
	case THREAD_WAIT_TIMER:
		return true;
	case THREAD_WAIT_FUTEX: /* a condition variable, unless there is work that a lock can hold up */
		return !has_work(t, o->out_ns);
	default:
		return false;
	}
}

static const struct thread *waker_of(const struct walk *w, const struct thread *t, const struct thread_off *o)
{
	const struct thread *waker = threads_find(w->threads, o->waker_tid);

	return waker && waker != t && waker->role == WIRE_ROLE_GATEWAY ? waker : NULL;
}

/* When t last woke this one up since it had the request: it gave work away, and what it waits for is the result. 0: it did not. */
static uint64_t sent_by(const struct walk *w, const struct thread *worker, const struct thread *t, uint64_t until_ns)
{
	uint64_t sent_ns = 0, i = thread_off_after(worker, w->window_ns);

	for (unsigned n = 0; n < WAKES_MAX; n++, i++) {
		const struct thread_off *o = thread_off_at(worker, i);
		if (!o || o->runnable_ns >= until_ns)
			break;
		if (o->waker_tid == t->tid && o->runnable_ns >= w->window_ns)
			sent_ns = o->runnable_ns;
	}
	return sent_ns;
}

static enum cause parked_cause(const struct walk *w, const struct thread *t, const struct thread_off *o)
{
	return w->borrowed || waker_of(w, t, o) ? CAUSE_HAND_OFF : CAUSE_IDLE;
}

static enum cause futex_cause(const struct walk *w, const struct thread *t, const struct thread_off *o)
{
	const struct thread *waker = waker_of(w, t, o);

	if (!has_work(t, o->out_ns))
		return parked_cause(w, t, o);
	return w->custody && waker && sent_by(w, waker, t, o->runnable_ns) ? CAUSE_HAND_OFF : CAUSE_LOCK;
}

static enum cause blocked_cause(const struct walk *w, const struct thread *t, const struct thread_off *o)
{
	switch (thread_off_wait(o)) {
	case THREAD_WAIT_POLL:
		return parked_cause(w, t, o);
	case THREAD_WAIT_TIMER:
		return CAUSE_IDLE;
	case THREAD_WAIT_FUTEX:
		return futex_cause(w, t, o);
	case THREAD_WAIT_DISK:
		return CAUSE_DISK;
	case THREAD_WAIT_PAGE_FAULT:
		return CAUSE_PAGE_FAULT;
	case THREAD_WAIT_SWAP:
		return CAUSE_SWAP;
	case THREAD_WAIT_SOCKET: /* who blocks in the read of its own socket is parked there */
		return w->custody ? CAUSE_SOCKET : parked_cause(w, t, o);
	default:
		return CAUSE_OTHER_BLOCKED;
	}
}

/*
 * t waits for another thread's result: where it had woken that one up for it, what that one did from then on is what was waited
 * for. Returns until when it was on its way.
 */
static uint64_t followed(struct walk *w, const struct thread *t, const struct thread_off *o, uint64_t from_ns, uint64_t to_ns)
{
	const struct thread *worker = w->custody && !w->borrowed ? waker_of(w, t, o) : NULL;
	uint64_t sent_ns = worker ? sent_by(w, worker, t, o->runnable_ns) : 0;

	if (!sent_ns || sent_ns >= to_ns)
		return to_ns;
	sent_ns = max_u64(sent_ns, from_ns);
	struct walk borrowed = *w;
	borrowed.borrowed = true;
	borrowed.taken_ns = sent_ns;
	walk_thread(&borrowed, worker, sent_ns, to_ns);
	return sent_ns;
}

static void blocked(struct walk *w, const struct thread *t, const struct thread_off *o, uint64_t from_ns, uint64_t to_ns)
{
	enum cause cause = blocked_cause(w, t, o);
	uint64_t ns = (cause == CAUSE_HAND_OFF ? followed(w, t, o, from_ns, to_ns) : to_ns) - from_ns;

	walk_add(w, cause, ns);
	if (w->witness->stack)
		w->witness->stack(
			w->witness->stack_ctx,
			&(struct cause_stack){.phase = w->phase, .cause = cause, .stack = o->stack, .ns = ns, .waited = true});
	if (!w->toll)
		return;
	if (cause == CAUSE_IDLE && thread_off_wait(o) == THREAD_WAIT_TIMER)
		w->out->timer_ns += ns;
	if (cause == CAUSE_LOCK && w->witness->lock_released)
		w->witness->lock_released(w->witness->ctx, o->waker_tid, ns);
	if (w->custody && o->syscall != WIRE_SYSCALL_NONE && w->witness->in_call)
		w->witness->in_call(w->witness->ctx, o->syscall, ns);
}

/* Part of the period's wait for a CPU; who held that meanwhile is told of the whole wait. */
static void waited(struct walk *w, const struct thread_off *o, uint64_t ns)
{
	double share = (double)ns / (double)(o->in_ns - o->runnable_ns);

	if (o->flags & WIRE_OFF_THROTTLED) {
		walk_add(w, CAUSE_THROTTLED, ns);
		return;
	}
	walk_add(w, CAUSE_RUN_QUEUE, ns);
	for (unsigned i = 0; i < WIRE_HOLDERS && w->toll; i++)
		w->out->held_ns[i] += (uint64_t)((double)o->held_ns[i] * share);
}

/* What of [from_ns, to_ns) lies in this period; returns where it ends. */
static uint64_t off(struct walk *w, const struct thread *t, const struct thread_off *o, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t woken_ns = min_u64(o->runnable_ns, to_ns), in_ns = min_u64(o->in_ns, to_ns);

	if (o->flags & THREAD_OFF_UNTOLD) {
		walk_add(w, CAUSE_UNKNOWN, in_ns > from_ns ? in_ns - from_ns : 0);
		return in_ns > from_ns ? in_ns : from_ns;
	}
	if (from_ns < woken_ns) {
		blocked(w, t, o, from_ns, woken_ns);
		from_ns = woken_ns;
	}
	if (from_ns < in_ns) {
		waited(w, o, in_ns - from_ns);
		from_ns = in_ns;
	}
	return from_ns;
}

void walk_thread(struct walk *w, const struct thread *t, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t at_ns = from_ns, own_ns = 0;

	if (from_ns >= to_ns)
		return;
	if (!t || t->known_ns > at_ns) {
		uint64_t known_ns = t ? min_u64(max_u64(t->known_ns, at_ns), to_ns) : to_ns;
		walk_add(w, CAUSE_UNKNOWN, known_ns - at_ns);
		at_ns = known_ns;
	}
	if (at_ns == to_ns)
		return;
	for (uint64_t i = thread_off_after(t, at_ns); at_ns < to_ns; i++) {
		const struct thread_off *o = thread_off_at(t, i);
		uint64_t on_end_ns = o ? min_u64(o->out_ns, to_ns) : to_ns;
		if (at_ns < on_end_ns) {
			if (o && o->flags & THREAD_OFF_HOLE)
				walk_add(w, CAUSE_UNKNOWN, on_end_ns - at_ns);
			else
				own_ns += walk_cpu(w, t, i, at_ns, on_end_ns);
			at_ns = on_end_ns;
		}
		if (o && at_ns < to_ns)
			at_ns = off(w, t, o, at_ns, to_ns);
	}
	walk_allocator(w, t, from_ns, to_ns, own_ns);
}
