// SPDX-License-Identifier: GPL-2.0-only
/* Plants that keep a CPU busy: in user mode, in system calls, in the allocator, with first touches of memory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/plant_tool.h"

#define RANDOM_BYTES 4096 /* some µs of work in the kernel that nothing blocks: what else a call costs is small beside it */
#define BURN_STEP_NS (20 * NS_PER_US)
#define THROTTLED_NS (500 * NS_PER_US)
#define HELD_MAX 64 /* blocks held at once, so that not every malloc() gets back what was just freed */

/* The clock that the loop looks at is read in user mode; the thread's own, which is a system call, only when it should be over. */
void plant_burn_cpu(uint64_t amount_ns)
{
	uint64_t used_ns = clock_thread_cpu_ns(), until_ns = used_ns + amount_ns;

	for (; used_ns < until_ns; used_ns = clock_thread_cpu_ns()) {
		uint64_t look_ns = clock_now_ns() + (until_ns - used_ns);
		while (clock_now_ns() < look_ns)
			;
	}
}

/* The kernel's own count for this thread: ns on a CPU, ns that it waited for one, times that it got one. 0: it keeps none. */
static uint64_t run_delay_ns(void)
{
	unsigned long long delay_ns = 0;
	char text[96] = "";

	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0 || sscanf(text, "%*u %llu", &delay_ns) != 1)
		delay_ns = 0;
	close(fd);
	return delay_ns;
}

void plant_watch_start(struct plant_watch *w)
{
	w->delay_ns = run_delay_ns();
	w->cpu_ns = clock_thread_cpu_ns();
	w->wall_ns = clock_now_ns();
}

uint64_t plant_watch_blocked_ns(const struct plant_watch *w)
{
	uint64_t wall_ns = clock_now_ns() - w->wall_ns, cpu_ns = clock_thread_cpu_ns() - w->cpu_ns,
		 delay_ns = run_delay_ns() - w->delay_ns;

	return wall_ns > cpu_ns + delay_ns ? wall_ns - cpu_ns - delay_ns : 0;
}

static uint64_t run_cpu(void *ctx, const struct gateway_plant *p)
{
	uint64_t cpu_ns = clock_thread_cpu_ns();

	(void)ctx;
	plant_burn_cpu(p->amount);
	return clock_thread_cpu_ns() - cpu_ns;
}
const struct plant_tool plant_cpu = {.run = run_cpu};

/* Until the quota is used up, which is when the clock runs on without us. */
static uint64_t run_quota(void *ctx, const struct gateway_plant *p)
{
	uint64_t began_ns = clock_now_ns(), cpu_ns = clock_thread_cpu_ns(), waited_ns = 0, used_ns = 0;

	(void)ctx;
	while (waited_ns < THROTTLED_NS && used_ns < 2 * p->amount) { /* it may begin with the end of a period */
		plant_burn_cpu(BURN_STEP_NS);
		used_ns = clock_thread_cpu_ns() - cpu_ns;
		waited_ns = clock_now_ns() - began_ns - used_ns;
	}
	return waited_ns;
}
const struct plant_tool plant_quota = {.run = run_quota};

static uint64_t run_syscalls(void *ctx, const struct gateway_plant *p)
{
	uint64_t cpu_ns = clock_thread_cpu_ns();
	char bytes[RANDOM_BYTES];

	(void)ctx;
	for (uint64_t i = 0; i < p->amount; i++)
		if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) < 0)
			break; /* the kernel's pool is not up yet: seconds after boot */
	return clock_thread_cpu_ns() - cpu_ns;
}
const struct plant_tool plant_syscalls = {.run = run_syscalls};

static void touch(void *at)
{
	*(volatile char *)at = 1;
}

/* In the allocator alone: first touches are the kernel's. What a probe takes at each call is in it, too. */
static uint64_t run_malloc(void *ctx, const struct gateway_plant *p)
{
	uint64_t taken_ns = 0, from_ns;
	void *held[HELD_MAX];

	(void)ctx;
	for (uint64_t left = p->amount; left;) {
		unsigned n = left < HELD_MAX ? (unsigned)left : HELD_MAX;

		from_ns = clock_thread_cpu_ns();
		for (unsigned i = 0; i < n; i++)
			held[i] = malloc(p->second);
		taken_ns += clock_thread_cpu_ns() - from_ns;
		for (unsigned i = 0; i < n; i++)
			if (held[i])
				touch(held[i]); /* else the compiler drops the pair */
		from_ns = clock_thread_cpu_ns();
		for (unsigned i = 0; i < n; i++)
			free(held[i]);
		taken_ns += clock_thread_cpu_ns() - from_ns;
		left -= n;
	}
	return taken_ns;
}
const struct plant_tool plant_malloc = {.run = run_malloc};

static uint64_t run_page_faults(void *ctx, const struct gateway_plant *p)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = page * (p->amount ? p->amount : 1);
	uint64_t cpu_ns = clock_thread_cpu_ns();

	(void)ctx;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 0;
	madvise(memory, bytes, MADV_NOHUGEPAGE); /* else one fault brings 512 pages */
	for (uint64_t i = 0; i < p->amount; i++)
		touch(memory + i * page);
	uint64_t taken_ns = clock_thread_cpu_ns() - cpu_ns;
	munmap(memory, bytes);
	return taken_ns;
}
const struct plant_tool plant_page_faults = {.run = run_page_faults};
