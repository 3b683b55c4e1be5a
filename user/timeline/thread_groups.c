// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "timeline/threads.h"

static struct thread_group *group_of(struct thread_group *groups, unsigned *count, const char comm[16])
{
	for (unsigned i = 0; i < *count; i++)
		if (!strncmp(groups[i].comm, comm, sizeof(groups[i].comm)))
			return &groups[i];
	if (*count == THREAD_GROUPS) {
		groups[THREAD_GROUPS - 1].comm[0] = '\0';
		return &groups[THREAD_GROUPS - 1];
	}
	struct thread_group *g = &groups[(*count)++];
	*g = (struct thread_group){.threads = 0};
	memcpy(g->comm, comm, sizeof(g->comm));
	return g;
}

static void group_sum(struct thread_group *g, uint64_t threads, const struct thread_totals *t)
{
	g->threads += threads;
	g->totals.on_cpu_ns += t->on_cpu_ns;
	g->totals.run_queue_ns += t->run_queue_ns;
	g->totals.throttled_ns += t->throttled_ns;
	g->totals.periods += t->periods;
	for (unsigned i = 0; i < WIRE_HOLDERS; i++)
		g->totals.held_ns[i] += t->held_ns[i];
	for (unsigned i = 0; i < THREAD_WAITS; i++)
		g->totals.blocked_ns[i] += t->blocked_ns[i];
}

void thread_group_add(struct thread_group *groups, unsigned *count, const struct thread *t)
{
	if (t->role == WIRE_ROLE_GATEWAY)
		group_sum(group_of(groups, count, t->comm), 1, &t->totals);
}

unsigned threads_groups(const struct threads *s, struct thread_group out[THREAD_GROUPS])
{
	unsigned count = s->ended_groups;

	memcpy(out, s->ended, count * sizeof(*out));
	for (const struct thread *t = s->first; t; t = t->next)
		thread_group_add(out, &count, t);
	return count;
}

const char *thread_purpose(const char *comm)
{
	static const struct {
		const char *begin, *purpose;
	} rows[] = {
		{"V8Worker", "V8 platform worker (GC, compiler)"},
		{"V8 ", "V8 platform worker (GC, compiler)"},
		{"DelayedTaskSche", "V8 delayed tasks"},
		{"libuv-worker", "libuv thread pool"},
		{"GC Thread", "garbage collector"},
		{"G1 ", "garbage collector"},
		{"Shenandoah", "garbage collector"},
		{"ZWorker", "garbage collector"},
		{"VM Thread", "JVM, with the garbage collector"},
		{"C1 Compiler", "JIT compiler"},
		{"C2 Compiler", "JIT compiler"},
		{".NET Tiered", "JIT compiler"},
		{".NET Server GC", "garbage collector"},
		{".NET BGC", "garbage collector"},
		{".NET TP Worker", "thread pool"},
		{"HeapHelper", "garbage collector"},
		{"JITWorker", "JIT compiler"},
		{"Bun Pool", "thread pool"},
		{"tokio-runtime-w", "tokio worker"},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strncmp(comm, rows[i].begin, strlen(rows[i].begin)))
			return rows[i].purpose;
	return NULL;
}
