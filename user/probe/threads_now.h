/* SPDX-License-Identifier: GPL-2.0-only */
/* What the threads of some processes are doing at this moment, as /proc tells it. */
#ifndef TOLL_PROBE_THREADS_NOW_H
#define TOLL_PROBE_THREADS_NOW_H

#include <stdint.h>

struct thread_now {
	uint32_t pid, tid;
	char comm[32];
	char state; /* 'R', 'S', 'D' ... */
	uint64_t cpu_ns; /* since it began; 0 also where the kernel keeps no schedstat */
};

/* At most max of them, in order of pid and tid; returns how many. Processes and threads that have just gone are left out. */
unsigned threads_now(const uint32_t *pid, unsigned pids, struct thread_now *out, unsigned max);

#endif
