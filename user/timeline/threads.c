// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/threads.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 16384
/* A stretch on a CPU of which this much, and more than half, was not run has lost a record: no interrupt takes that long. */
#define HOLE_NS UINT64_C(10000000)

int threads_init(struct threads *s, uint64_t bytes_max)
{
	*s = (struct threads){.by_tid = map_new(), .budget = {.limit = bytes_max}};
	s->lookup.item_bytes = sizeof(struct thread_lookup);
	s->groups.item_bytes = sizeof(struct thread_groups);
	return s->by_tid ? 0 : -ENOMEM;
}

static void thread_free(struct threads *s, struct thread *t)
{
	ring_fini(&t->off, &s->budget);
	ring_fini(&t->call, &s->budget);
	ring_fini(&t->mark, &s->budget);
	ring_fini(&t->sample, &s->budget);
	free(t);
}

void threads_fini(struct threads *s)
{
	for (struct thread *t = s->first, *next; t; t = next) {
		next = t->next;
		thread_free(s, t);
	}
	ring_fini(&s->lookup, &s->budget);
	ring_fini(&s->groups, &s->budget);
	map_free(s->by_tid);
	free(s->scratch);
	*s = (struct threads){0};
}

const struct thread *threads_find(const struct threads *s, uint32_t tid)
{
	return tid ? map_get(s->by_tid, tid) : NULL;
}

/* The thread of this tid, made when it is new: known from at_ns on. NULL: refused. */
static struct thread *thread_get(struct threads *s, uint32_t tid, uint64_t at_ns)
{
	struct thread *t = map_get(s->by_tid, tid);

	if (t || !tid)
		return t;
	t = map_count(s->by_tid) < THREADS_MAX ? calloc(1, sizeof(*t)) : NULL;
	if (!t || map_put(s->by_tid, tid, t)) {
		free(t);
		s->stats.refused++;
		return NULL;
	}
	t->tid = tid;
	t->known_ns = at_ns;
	t->calls_known_ns = UINT64_MAX;
	t->off.item_bytes = sizeof(struct thread_off);
	t->call.item_bytes = sizeof(struct wire_syscall);
	t->mark.item_bytes = sizeof(struct thread_mark);
	t->sample.item_bytes = sizeof(struct thread_sample);
	t->next = s->first;
	s->first = t;
	s->stats.threads++;
	return t;
}

static void seen(struct thread *t, uint64_t at_ns)
{
	if (at_ns > t->seen_ns)
		t->seen_ns = at_ns;
}

void threads_life(struct threads *s, const struct wire_thread_life *r)
{
	struct thread *t = thread_get(s, r->tid, r->h.time_ns);

	if (!t)
		return;
	if (r->event == WIRE_THREAD_FOUND && t->exit_ns) {
		t->exit_ns = 0; /* another thread of this number */
		t->known_ns = r->h.time_ns;
	}
	t->tgid = r->tgid;
	t->role = r->role;
	memcpy(t->comm, r->comm, sizeof(t->comm));
	t->comm[sizeof(t->comm) - 1] = '\0';
	if (r->event == WIRE_THREAD_EXIT) {
		t->exit_ns = r->h.time_ns;
		seen(t, r->h.time_ns);
	}
}

static void totals_add(struct thread *t, const struct thread_off *o)
{
	const struct thread_off *last = t->off.end ? thread_off_at(t, t->off.end - 1) : NULL;
	uint64_t since_ns = last ? last->in_ns : t->known_ns;
	struct thread_totals *sum = &t->totals;

	sum->periods++;
	if (o->out_ns > since_ns && !(o->flags & THREAD_OFF_HOLE))
		sum->on_cpu_ns += o->out_ns - since_ns;
	if (o->flags & WIRE_OFF_THROTTLED)
		sum->throttled_ns += o->in_ns - o->runnable_ns;
	else
		sum->run_queue_ns += o->in_ns - o->runnable_ns;
	for (unsigned i = 0; i < WIRE_HOLDERS && !(o->flags & WIRE_OFF_THROTTLED); i++)
		sum->held_ns[i] += o->held_ns[i];
	sum->blocked_ns[thread_off_wait(o)] += o->runnable_ns - o->out_ns;
}

static bool is_hole(const struct thread_off *last, const struct thread_off *o)
{
	if (!last || !last->exec_ns || o->exec_ns < last->exec_ns)
		return false;
	uint64_t wall_ns = o->out_ns - last->in_ns, ran_ns = o->exec_ns - last->exec_ns;
	return wall_ns > ran_ns + HOLE_NS && wall_ns / 2 > ran_ns;
}

void threads_off(struct threads *s, const struct wire_off_cpu *r)
{
	struct thread *t = thread_get(s, r->tid, r->out_ns);
	struct thread_off o = {.out_ns = r->out_ns,
			       .runnable_ns = r->runnable_ns,
			       .in_ns = r->h.time_ns,
			       .exec_ns = r->exec_ns,
			       .waker_tid = r->waker_tid,
			       .syscall = r->syscall,
			       .flags = r->flags,
			       .stack = r->stack},
			  lost;

	if (!t)
		return;
	const struct thread_off *last = t->off.end ? thread_off_at(t, t->off.end - 1) : NULL;
	if (o.out_ns > o.in_ns || o.runnable_ns > o.in_ns || o.runnable_ns < o.out_ns || (last && o.out_ns < last->in_ns)) {
		s->stats.rejected++;
		return;
	}
	if (!t->role)
		t->role = WIRE_ROLE_GATEWAY; /* only its threads have such records */
	if (!last && o.out_ns < t->known_ns)
		t->known_ns = o.out_ns;
	memcpy(o.held_ns, r->held_ns, sizeof(o.held_ns));
	if (is_hole(last, &o)) {
		o.flags |= THREAD_OFF_HOLE;
		s->stats.holes++;
	}
	totals_add(t, &o);
	if (ring_push(&t->off, &s->budget, &o, &lost) && lost.in_ns > t->known_ns)
		t->known_ns = lost.in_ns;
	/* calls are sent when the thread leaves its CPU: what it was in none of is told up to here */
	if (t->call.end && o.syscall == WIRE_SYSCALL_NONE && o.out_ns > t->call_seen_ns)
		t->call_seen_ns = o.out_ns;
	seen(t, o.in_ns);
	s->stats.periods++;
}

void threads_calls(struct threads *s, const struct wire_syscalls *r)
{
	struct thread *t = map_get(s->by_tid, r->tid);
	struct wire_syscall lost;

	for (uint32_t i = 0; t && i < r->count; i++) {
		const struct wire_syscall *c = &r->call[i];
		const struct wire_syscall *last = t->call.end ? thread_call_at(t, t->call.end - 1) : NULL;
		if (c->exit_ns < c->enter_ns || (last && c->enter_ns < last->exit_ns)) {
			s->stats.rejected++;
			continue;
		}
		if (t->calls_known_ns == UINT64_MAX)
			t->calls_known_ns = c->enter_ns;
		if (ring_push(&t->call, &s->budget, c, &lost))
			t->calls_known_ns = lost.exit_ns;
		if (c->exit_ns > t->call_seen_ns)
			t->call_seen_ns = c->exit_ns;
		s->stats.calls++;
	}
	if (t)
		seen(t, t->call_seen_ns);
}

void threads_mark(struct threads *s, uint32_t tid, const struct thread_mark *m)
{
	struct thread *t = map_get(s->by_tid, tid);
	struct thread_mark lost;

	if (!t)
		return;
	if (ring_push(&t->mark, &s->budget, m, &lost) && lost.time_ns > t->known_ns)
		t->known_ns = lost.time_ns;
	if (t->marks_sorted < t->mark.head)
		t->marks_sorted = t->mark.head;
	const struct thread_mark *before = t->mark.end > 1 ? thread_mark_at(t, t->mark.end - 2) : NULL;
	if (t->marks_sorted == t->mark.end - 1 && (!before || before->time_ns <= m->time_ns))
		t->marks_sorted = t->mark.end;
	seen(t, m->time_ns);
	s->stats.marks++;
}

/* A thread without an account of its periods has no use for samples: nothing tells when it was on a CPU between them. */
void threads_sample(struct threads *s, const struct wire_sample *r)
{
	struct thread *t = map_get(s->by_tid, r->tid);
	struct thread_sample sample = {.time_ns = r->h.time_ns,
				       .stack = r->stack,
				       .period_ns = r->period_ns,
				       .flags = (uint16_t)r->flags},
			     lost;
	const struct thread_sample *last = t && t->sample.end ? thread_sample_at(t, t->sample.end - 1) : NULL;

	if (!t)
		return;
	if (last && sample.time_ns < last->time_ns) {
		s->stats.rejected++;
		return;
	}
	ring_push(&t->sample, &s->budget, &sample, &lost);
	s->stats.samples++;
}

void threads_look_up(struct threads *s, const struct wire_lookup *r)
{
	struct thread_lookup l = {.told_ns = r->h.time_ns, .start_ns = r->start_ns, .end_ns = r->end_ns, .tid = r->tid}, lost;

	ring_push(&s->lookup, &s->budget, &l, &lost);
}

static int mark_compare(const void *a, const void *b)
{
	uint64_t x = ((const struct thread_mark *)a)->time_ns, y = ((const struct thread_mark *)b)->time_ns;

	return (x > y) - (x < y);
}

/* Turns of idle connections come up to a flush late: their marks are sorted in from the back. */
static void marks_merge(struct threads *s, struct thread *t)
{
	uint64_t late = t->mark.end - t->marks_sorted;

	if (late > s->scratch_size) {
		struct thread_mark *grown = realloc(s->scratch, late * sizeof(*grown));
		if (!grown)
			return; /* tried again with the next tick */
		s->scratch = grown;
		s->scratch_size = late;
	}
	for (uint64_t i = 0; i < late; i++)
		s->scratch[i] = *thread_mark_at(t, t->marks_sorted + i);
	qsort(s->scratch, late, sizeof(*s->scratch), mark_compare);
	uint64_t in = t->marks_sorted;
	for (uint64_t at = t->mark.end; late;) {
		const struct thread_mark *old = in > t->mark.head ? thread_mark_at(t, in - 1) : NULL;
		struct thread_mark *to = ring_at(&t->mark, --at);
		if (old && old->time_ns > s->scratch[late - 1].time_ns) {
			*to = *old;
			in--;
		} else {
			*to = s->scratch[--late];
		}
	}
	t->marks_sorted = t->mark.end;
}

void threads_settle(struct threads *s)
{
	for (struct thread *t = s->first; t; t = t->next)
		if (t->marks_sorted != t->mark.end)
			marks_merge(s, t);
}

static void thread_trim(struct threads *s, struct thread *t, uint64_t old_ns)
{
	uint64_t off = thread_off_after(t, old_ns), call = thread_call_after(t, old_ns), mark = thread_mark_after(t, old_ns);

	/* one of each stays: it tells what the thread was doing at that time */
	if (off > t->off.head + 1) {
		uint64_t in_ns = thread_off_at(t, off - 2)->in_ns;
		t->known_ns = in_ns > t->known_ns ? in_ns : t->known_ns;
		ring_drop(&t->off, &s->budget, off - 1 - t->off.head);
	}
	if (call > t->call.head + 1) {
		t->calls_known_ns = thread_call_at(t, call - 2)->exit_ns;
		ring_drop(&t->call, &s->budget, call - 1 - t->call.head);
	}
	if (mark > t->mark.head + 1)
		ring_drop(&t->mark, &s->budget, mark - 1 - t->mark.head);
	ring_drop(&t->sample, &s->budget, thread_sample_from(t, old_ns) - t->sample.head);
}

/* The last switch before old_ns tells what is off then. */
static void groups_trim(struct threads *s, uint64_t old_ns)
{
	uint64_t after = ring_after(&s->groups, offsetof(struct thread_groups, from_ns), old_ns);

	if (after > s->groups.head + 1)
		ring_drop(&s->groups, &s->budget, after - 1 - s->groups.head);
}

void threads_trim(struct threads *s, uint64_t old_ns)
{
	threads_settle(s);
	for (struct thread **at = &s->first, *t; (t = *at);) {
		if (t->exit_ns && t->exit_ns < old_ns) {
			*at = t->next;
			thread_group_add(s->ended, &s->ended_groups, t);
			map_remove(s->by_tid, t->tid);
			thread_free(s, t);
			continue;
		}
		thread_trim(s, t, old_ns);
		at = &t->next;
	}
	ring_drop(&s->lookup, &s->budget,
		  ring_after(&s->lookup, offsetof(struct thread_lookup, told_ns), old_ns) - s->lookup.head);
	s->stats.dropped = s->budget.dropped;
	groups_trim(s, old_ns);
}

uint64_t thread_off_after(const struct thread *t, uint64_t at_ns)
{
	return ring_after(&t->off, offsetof(struct thread_off, in_ns), at_ns);
}

uint64_t thread_call_after(const struct thread *t, uint64_t at_ns)
{
	return ring_after(&t->call, offsetof(struct wire_syscall, exit_ns), at_ns);
}

uint64_t thread_mark_after(const struct thread *t, uint64_t at_ns)
{
	return ring_after(&t->mark, offsetof(struct thread_mark, time_ns), at_ns);
}

uint64_t thread_sample_from(const struct thread *t, uint64_t at_ns)
{
	return at_ns ? ring_after(&t->sample, offsetof(struct thread_sample, time_ns), at_ns - 1) : t->sample.head;
}
