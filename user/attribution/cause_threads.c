// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/cause_threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 4096

int cause_threads_init(struct cause_threads *s, const struct threads *threads)
{
	*s = (struct cause_threads){.threads = threads, .by_tid = map_new()};
	return s->by_tid ? 0 : -ENOMEM;
}

void cause_threads_fini(struct cause_threads *s)
{
	for (struct cause_thread *t = s->first, *next; t; t = next) {
		next = t->next;
		free(t);
	}
	map_free(s->by_tid);
	*s = (struct cause_threads){0};
}

/* NULL: one too many, or not known. */
static struct cause_thread *thread_of(struct cause_threads *s, uint32_t tid)
{
	struct cause_thread *t = tid ? map_get(s->by_tid, tid) : NULL;
	const struct thread *named = t ? NULL : threads_find(s->threads, tid);

	if (t || !tid || map_count(s->by_tid) >= THREADS_MAX)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t || map_put(s->by_tid, tid, t)) {
		free(t);
		return NULL;
	}
	t->tid = tid;
	if (named)
		memcpy(t->comm, named->comm, sizeof(t->comm));
	t->next = s->first;
	s->first = t;
	return t;
}

static void other_work(void *ctx, uint32_t tid, uint64_t ns)
{
	struct cause_thread *t = thread_of(ctx, tid);

	if (t)
		t->other_work_ns += ns;
}

static void lock_released(void *ctx, uint32_t by_tid, uint64_t ns)
{
	struct cause_thread *t = thread_of(ctx, by_tid);

	if (t)
		t->released_ns += ns;
}

static void in_call(void *ctx, uint16_t nr, uint64_t ns)
{
	struct cause_threads *s = ctx;

	if (nr < CAUSE_CALLS)
		s->call_ns[nr] += ns;
}

struct cause_witness cause_threads_witness(struct cause_threads *s)
{
	return (struct cause_witness){.ctx = s, .other_work = other_work, .lock_released = lock_released, .in_call = in_call};
}

const struct cause_thread *cause_threads_busiest(const struct cause_threads *s)
{
	const struct cause_thread *most = NULL;

	for (const struct cause_thread *t = s->first; t; t = t->next)
		if (t->other_work_ns > (most ? most->other_work_ns : 0))
			most = t;
	return most;
}

const struct cause_thread *cause_threads_releaser(const struct cause_threads *s)
{
	const struct cause_thread *most = NULL;

	for (const struct cause_thread *t = s->first; t; t = t->next)
		if (t->released_ns > (most ? most->released_ns : 0))
			most = t;
	return most;
}
