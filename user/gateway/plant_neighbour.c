// SPDX-License-Identifier: GPL-2.0-only
/*
 * A busy neighbour: a process that is none of the gateway's, on one CPU together with the thread that runs the plant and ahead of it in
 * the scheduler.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/orphan.h"
#include "gateway/plant_tool.h"

struct plant_neighbour {
	int pipe; /* to it: ns to be busy */
	unsigned cpu;
	bool pinned; /* the thread that runs the plant */
};

static cpu_set_t only(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return set;
}

/* The CPUs that we may use, handed out to one thread after the other. */
static unsigned cpu_pick(unsigned thread)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return 0;
	unsigned skip = thread / 2 % (unsigned)CPU_COUNT(&allowed);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && skip-- == 0)
			return cpu;
	return 0;
}

/* In the process that it becomes: busy for as long as it is told; first it says whether it may. */
static void neighbour(unsigned cpu)
{
	const struct sched_param first = {.sched_priority = 1};
	cpu_set_t set = only(cpu);
	int failed = 0;
	uint64_t busy_ns;

	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &first))
		failed = errno;
	if (write(1, &failed, sizeof(failed)) != (ssize_t)sizeof(failed) || failed)
		return;
	close(1);
	while (read(0, &busy_ns, sizeof(busy_ns)) == (ssize_t)sizeof(busy_ns))
		for (uint64_t until_ns = clock_now_ns() + busy_ns; clock_now_ns() < until_ns;)
			;
}

static int neighbour_open(struct plant_neighbour *n, unsigned thread)
{
	int to[2], from[2], failed = EPIPE;

	n->cpu = cpu_pick(thread);
	if (pipe2(to, O_CLOEXEC))
		return -errno;
	n->pipe = to[1];
	int ret = pipe2(from, O_CLOEXEC) ? -errno : 0;
	if (!ret) {
		ret = orphan_start("neighbour", neighbour, n->cpu, to[0], from[1]);
		close(from[1]);
		if (!ret && read(from[0], &failed, sizeof(failed)) != (ssize_t)sizeof(failed))
			failed = EPIPE;
		close(from[0]);
		ret = ret ? ret : -failed;
	}
	close(to[0]);
	return ret;
}

static void close_neighbour(void *ctx)
{
	struct plant_neighbour *n = ctx;

	close(n->pipe);
	free(n);
}

static int open_neighbour(const struct gateway_plant *p, const struct plant_site *site, void **ctx, struct err *err)
{
	struct plant_neighbour *n = calloc(1, sizeof(*n));

	(void)p;
	if (!n)
		return err_set(err, -ENOMEM, "out of memory for a plant's neighbour");
	n->pipe = -1;
	*ctx = n;
	int ret = neighbour_open(n, site->thread);
	return ret ? err_set(err, ret, "cannot start a plant's neighbour with a real-time priority: %s", strerror(-ret)) : 0;
}

/* The write wakes it, and it has the CPU until it is done: all but our own CPU time was waited for. */
static uint64_t run_neighbour(void *ctx, const struct gateway_plant *p)
{
	struct plant_neighbour *n = ctx;

	if (!n->pinned) {
		cpu_set_t set = only(n->cpu);
		n->pinned = !sched_setaffinity(0, sizeof(set), &set);
	}
	uint64_t began_ns = clock_now_ns(), cpu_ns = clock_thread_cpu_ns();
	if (write(n->pipe, &p->amount, sizeof(p->amount)) != (ssize_t)sizeof(p->amount))
		return 0;
	cpu_ns = clock_thread_cpu_ns() - cpu_ns;
	uint64_t taken_ns = clock_now_ns() - began_ns;
	return taken_ns > cpu_ns ? taken_ns - cpu_ns : 0;
}
const struct plant_tool plant_neighbour = {open_neighbour, run_neighbour, close_neighbour};
