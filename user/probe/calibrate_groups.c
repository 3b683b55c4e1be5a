// SPDX-License-Identifier: GPL-2.0-only
#include "probe/calibrate_groups.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "probe/find.h"
#include "probe/samples.h"
#include "symbol/maps.h"

#define BATCHES 15
#define CALLS 200
#define ROUNDS 30
#define BURNS 12 /* batches of it: each takes about half a millisecond */
#define BURN_STEPS 250000
#define SAMPLE_PERIOD_NS 20000

enum work { WORK_CALLS = 'c', WORK_ROUNDS = 'r', WORK_BURN = 'b' };

static bool send_byte(int fd)
{
	return write(fd, "x", 1) == 1;
}

static bool take_byte(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1;
}

static void work_calls(void)
{
	for (unsigned i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
}

/* Off its CPU and on again, once each. */
static void work_rounds(int in, int out)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		if (!send_byte(out) || !take_byte(in))
			_exit(1);
}

static void work_burn(void)
{
	for (volatile unsigned i = 0; i < BURN_STEPS; i = i + 1)
		;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Of both ends: a round passes through the parent. A sample runs in an interrupt, which some kernels charge to nobody, so a burn is timed by the wall. */
static uint64_t work_clock_ns(enum work work, clockid_t parent)
{
	if (work == WORK_BURN)
		return clock_now_ns();
	return clock_thread_cpu_ns() + (work == WORK_ROUNDS ? clock_ns(parent) : 0);
}

/* The best of the batches: other programs of this machine only ever add to one. ns of one operation. */
static uint64_t work_ns(enum work work, int in, int out)
{
	const unsigned batches = work == WORK_BURN ? BURNS : BATCHES, per_batch = work == WORK_CALLS    ? CALLS
										  : work == WORK_ROUNDS ? ROUNDS
													: 1;
	clockid_t parent = CLOCK_MONOTONIC;
	uint64_t best = UINT64_MAX;

	if (clock_getcpuclockid(getppid(), &parent))
		return 0;

	for (unsigned i = 0; i < batches; i++) {
		uint64_t start_ns = work_clock_ns(work, parent), took_ns;

		if (work == WORK_CALLS)
			work_calls();
		else if (work == WORK_ROUNDS)
			work_rounds(in, out);
		else
			work_burn();
		took_ns = work_clock_ns(work, parent) - start_ns;
		best = took_ns < best ? took_ns : best;
	}
	return best / per_batch;
}

static void child_serve(int in, int out)
{
	char work;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(in, &work, 1) == 1) {
		uint64_t ns = work_ns((enum work)work, in, out);

		if (write(out, &ns, sizeof(ns)) != (ssize_t)sizeof(ns))
			break;
	}
	_exit(0);
}

/* Both on one CPU: then what either pays is part of the time that a round takes. */
static bool pin(pid_t pid, cpu_set_t *before)
{
	int cpu = sched_getcpu();
	cpu_set_t one;

	if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(*before), before))
		return false;
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	return !sched_setaffinity(pid, sizeof(one), &one) && !sched_setaffinity(0, sizeof(one), &one);
}

/* 0: the child did not do it. */
static uint64_t let_work(const struct group_trial *t, enum work work)
{
	const char byte = (char)work;
	uint64_t ns = 0;

	if (write(t->to, &byte, 1) != 1)
		return 0;
	for (unsigned i = 0; work == WORK_ROUNDS && i < BATCHES * ROUNDS; i++)
		if (!take_byte(t->from) || !send_byte(t->to))
			return 0;
	return read(t->from, &ns, sizeof(ns)) == (ssize_t)sizeof(ns) ? ns : 0;
}

/* false: it was not done. */
static bool let_all_work(const struct group_trial *t, uint64_t *call_ns, uint64_t *round_ns)
{
	cpu_set_t before;
	bool pinned;

	*call_ns = let_work(t, WORK_CALLS);
	pinned = pin(t->pid, &before);
	*round_ns = pinned ? let_work(t, WORK_ROUNDS) : 0;
	if (pinned)
		sched_setaffinity(0, sizeof(before), &before);
	return *call_ns && *round_ns;
}

int group_trial_begin(struct group_trial *t)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1}, rc = 0;

	*t = (struct group_trial){.to = -1, .from = -1};
	if (pipe(to) || pipe(from))
		rc = -errno;
	if (!rc)
		t->pid = fork();
	if (!rc && !t->pid) {
		close(to[1]); /* or its own copy would keep it from seeing our end closed */
		child_serve(to[0], from[1]);
	}
	if (!rc && t->pid < 0) {
		rc = -errno;
		t->pid = 0;
	}
	close(to[0]);
	close(from[1]);
	t->to = to[1];
	t->from = from[0];
	if (!rc && (!let_all_work(t, &t->call_ns, &t->round_ns) || !(t->burn_ns = let_work(t, WORK_BURN))))
		rc = -EPROTO;
	if (rc)
		group_trial_end(t);
	return rc;
}

static uint32_t more(uint64_t with, uint64_t without)
{
	return with > without ? (uint32_t)(with - without) : 0;
}

/* What the samples of a burning thread take of it; how long the program itself runs is what a stack of a wait costs. */
static int samples_measure(const struct group_trial *t, struct bpf_program *prog, struct probe_group_costs *out)
{
	struct bpf_prog_info info = {};
	uint32_t bytes = sizeof(info);
	struct bpf_link *link = NULL;
	int stats_fd = probe_stats_enable(), rc = samples_open_thread(&link, prog, t->pid, SAMPLE_PERIOD_NS);
	uint64_t burn_ns = rc ? 0 : let_work(t, WORK_BURN);

	if (!rc && (!burn_ns || bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &bytes) || !info.run_cnt))
		rc = -ENODATA;
	bpf_link__destroy(link);
	if (stats_fd >= 0)
		close(stats_fd);
	if (rc)
		return rc;
	out->wait_ns = (uint32_t)(info.run_time_ns / info.run_cnt);
	out->sample_ns = more(burn_ns, t->burn_ns) / (uint32_t)(info.run_cnt / BURNS ? info.run_cnt / BURNS : 1);
	if (out->sample_ns < out->wait_ns)
		out->sample_ns = out->wait_ns; /* the burn was disturbed: it costs at least what the program runs */
	return 0;
}

/* Its process, its thread and its code. */
static int child_watch(const struct group_trial *t, struct toll_bpf *skel, const struct paths *paths)
{
	const uint32_t pid = (uint32_t)t->pid, role = WIRE_ROLE_GATEWAY;
	struct code_maps maps = {0};
	int rc = bpf_map__update_elem(skel->maps.wanted, &pid, sizeof(pid), &role, sizeof(role), BPF_ANY);

	skel->bss->find_targets_only = true;
	if (!rc)
		rc = find_open(skel, paths);
	skel->bss->find_targets_only = false;
	if (!rc && bpf_program__autoload(skel->progs.toll_sample))
		rc = code_maps_read(pid, &maps);
	if (!rc && maps.count)
		rc = samples_text(skel, pid, &maps, false);
	code_maps_fini(&maps);
	return rc;
}

static void child_forget(const struct group_trial *t, struct toll_bpf *skel)
{
	const uint32_t pid = (uint32_t)t->pid, zero = 0;
	const size_t bytes = (size_t)libbpf_num_possible_cpus() * WIRE_COUNTERS * sizeof(uint64_t);
	void *none = calloc(1, bytes);

	bpf_map__delete_elem(skel->maps.wanted, &pid, sizeof(pid), 0);
	if (bpf_program__autoload(skel->progs.toll_sample))
		bpf_map__delete_elem(skel->maps.texts, &pid, sizeof(pid), 0);
	if (none)
		bpf_map__update_elem(skel->maps.counters, &zero, sizeof(zero), none, bytes, BPF_ANY);
	free(none);
}

int group_trial_measure(const struct group_trial *t, struct toll_bpf *skel, const struct paths *paths,
			struct probe_group_costs *out)
{
	uint64_t call_ns, round_ns;
	int rc = t->pid ? child_watch(t, skel, paths) : -ESRCH;

	if (!rc && !let_all_work(t, &call_ns, &round_ns))
		rc = -EPROTO;
	if (!rc) {
		out->call_ns = more(call_ns, t->call_ns);
		/* the child enters the kernel twice a round */
		out->period_ns = more(round_ns, t->round_ns + 2 * (uint64_t)out->call_ns);
		if (bpf_program__autoload(skel->progs.toll_sample))
			rc = samples_measure(t, skel->progs.toll_sample, out);
	}
	if (t->pid)
		child_forget(t, skel);
	return rc;
}

void group_trial_end(struct group_trial *t)
{
	if (t->to >= 0)
		close(t->to);
	if (t->from >= 0)
		close(t->from);
	if (t->pid > 0)
		waitpid(t->pid, NULL, 0);
	*t = (struct group_trial){.to = -1, .from = -1};
}
