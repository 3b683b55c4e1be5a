// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/probe_threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/paths_asked.h"
#include "tests/support/test.h"

static int keep_record(void *ctx, const void *data, uint32_t bytes)
{
	const struct wire_header *h = data;
	struct thread_rig *r = ctx;

	if (h->kind != WIRE_KIND_THREAD && h->kind != WIRE_KIND_OFF_CPU && h->kind != WIRE_KIND_SYSCALLS &&
	    h->kind != WIRE_KIND_LOOKUP)
		return 0;
	assert_in_range(bytes, sizeof(struct wire_header), sizeof(union thread_record));
	assert_true(r->records < RIG_RECORDS_MAX);
	memcpy(&r->record[r->records++], data, bytes);
	return 0;
}

bool rig_open(struct thread_rig *r, const char *test, struct thread_rig_config config)
{
	struct probe_target target[] = {{(uint32_t)getpid(), WIRE_ROLE_GATEWAY}, {(uint32_t)config.driver, WIRE_ROLE_DRIVER}};
	struct probe_config probes = {.target = target,
				      .targets = config.driver ? 2 : 1,
				      .ring_bytes = 8 << 20,
				      .groups = config.groups | PROBE_THREADS,
				      .threads_max = config.threads_max,
				      .paths = paths_asked(),
				      .record = keep_record,
				      .ctx = r};
	struct err err = {0};

	memset(r, 0, sizeof(*r));
	r->record = calloc(RIG_RECORDS_MAX, sizeof(*r->record));
	assert_non_null(r->record);
	if (probe_open(&r->probe, &probes, &err))
		fail_msg("%s", err.text);
	if (!probe_no_threads(r->probe))
		return true;
	printf("skip %s: %s\n", test, probe_no_threads(r->probe));
	rig_close(r);
	return false;
}

void rig_close(struct thread_rig *r)
{
	probe_close(r->probe);
	free(r->record);
}

static void off_check(const struct thread_rig *r, unsigned at)
{
	const struct wire_off_cpu *o = &r->record[at].off;
	uint64_t held_ns = 0;

	assert_true(o->out_ns <= o->runnable_ns);
	assert_true(o->runnable_ns <= o->h.time_ns);
	for (int i = 0; i < WIRE_HOLDERS; i++)
		held_ns += o->held_ns[i];
	assert_int_equal(held_ns, o->h.time_ns - o->runnable_ns);
	for (unsigned i = at; i-- > 0;) {
		const struct wire_off_cpu *before = &r->record[i].off;

		if (before->h.kind != WIRE_KIND_OFF_CPU || before->tid != o->tid)
			continue;
		assert_true(before->h.time_ns <= o->out_ns);
		return;
	}
}

void rig_collect(struct thread_rig *r)
{
	unsigned from = r->records;

	assert_return_code(probe_poll(r->probe), 0);
	for (unsigned i = from; i < r->records; i++)
		if (r->record[i].h.kind == WIRE_KIND_OFF_CPU)
			off_check(r, i);
}

uint64_t rig_counter(const struct thread_rig *r, enum wire_counter which)
{
	uint64_t counters[WIRE_COUNTERS];

	assert_int_equal(probe_counters(r->probe, counters), 0);
	return counters[which];
}

const struct wire_off_cpu *rig_off(const struct thread_rig *r, pid_t tid, int syscall, uint64_t since_ns)
{
	const struct wire_off_cpu *found = NULL;

	for (unsigned i = 0; i < r->records; i++) {
		const struct wire_off_cpu *o = &r->record[i].off;

		if (o->h.kind != WIRE_KIND_OFF_CPU || o->tid != (uint32_t)tid || o->out_ns < since_ns)
			continue;
		if (syscall >= 0 && o->syscall != syscall)
			continue;
		if (!found || o->h.time_ns - o->out_ns > found->h.time_ns - found->out_ns)
			found = o;
	}
	return found;
}

void rig_held(const struct thread_rig *r, pid_t tid, uint64_t held_ns[WIRE_HOLDERS])
{
	memset(held_ns, 0, WIRE_HOLDERS * sizeof(held_ns[0]));
	for (unsigned i = 0; i < r->records; i++) {
		const struct wire_off_cpu *o = &r->record[i].off;

		if (o->h.kind != WIRE_KIND_OFF_CPU || o->tid != (uint32_t)tid)
			continue;
		for (int k = 0; k < WIRE_HOLDERS; k++)
			held_ns[k] += o->held_ns[k];
	}
}

unsigned rig_lives(const struct thread_rig *r, enum wire_thread_event event, const char *comm)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->records; i++) {
		const struct wire_thread_life *l = &r->record[i].life;

		n += l->h.kind == WIRE_KIND_THREAD && l->event == event && (!comm || !strncmp(l->comm, comm, sizeof(l->comm)));
	}
	return n;
}

/* --- threads ------------------------------------------------------------------------------------------------------------------- */

static void *thread_main(void *arg)
{
	struct rig_thread *t = arg;

	t->tid = gettid();
	t->run(t);
	return NULL;
}

void rig_thread_start(struct rig_thread *t)
{
	pthread_t handle;

	t->tid = 0;
	assert_int_equal(pthread_create(&handle, NULL, thread_main, t), 0);
	t->handle = handle;
	while (!t->tid)
		sched_yield();
}

void rig_thread_join(struct rig_thread *t)
{
	assert_int_equal(pthread_join(t->handle, NULL), 0);
}

void rig_wait_asleep(pid_t tid)
{
	uint64_t until_ns = clock_now_ns() + 10 * NS_PER_S;
	char path[64], stat[256] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	while (!strstr(stat, ") S ")) {
		FILE *f = fopen(path, "r");

		assert_non_null(f);
		assert_non_null(fgets(stat, sizeof(stat), f));
		fclose(f);
		assert_true(clock_now_ns() < until_ns);
	}
}

void rig_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

void rig_burn(uint64_t cpu_ns)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	cpu_ns += (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while ((uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec < cpu_ns);
}
