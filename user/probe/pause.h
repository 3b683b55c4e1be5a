/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All threads of a process stopped for a moment. By ptrace(2): nothing is sent to the process, its parent is not told, and should we end
 * meanwhile the kernel lets it go on. What its threads were waiting in is begun again, or ends with EINTR (epoll_wait). One thread of ours
 * does it all.
 */
#ifndef TOLL_PROBE_PAUSE_H
#define TOLL_PROBE_PAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/image.h"

struct pause_thread {
	int tid;
	int signal; /* that was on its way to it: given to it when it goes on */
	bool stopped;
};

struct pause {
	uint32_t pid;
	struct pause_thread *thread;
	size_t threads, room;
	uint64_t begun_ns;
};

/*
 * -ESRCH: it has ended; -EPERM: not allowed, or a debugger has it; -ETIME: not all threads stood still at until_ns (CLOCK_MONOTONIC); -ENOMEM.
 * After a failure everything goes on.
 */
int pause_begin(struct pause *p, uint32_t pid, uint64_t until_ns);
/* Registers, those of vectors too, and stack pointers into the image. A 32-bit process: -ENOTSUP. */
int pause_registers(const struct pause *p, struct image *into);
/* Twice is fine. A thread that did not stop in time is waited for, PAUSE_LINGER_NS at most: it can only be let go once it stands. */
#define PAUSE_LINGER_NS UINT64_C(10000000000)
void pause_end(struct pause *p);

#endif
