/* SPDX-License-Identifier: GPL-2.0-only */
/* Histories of threads made by hand. */
#ifndef TOLL_TESTS_THREAD_RIG_H
#define TOLL_TESTS_THREAD_RIG_H

#include "timeline/threads.h"

void rig_thread(struct threads *s, uint32_t tid, const char *comm, uint64_t found_ns);
void rig_thread_exit(struct threads *s, uint32_t tid, uint64_t ns);

/* An off-CPU period; further fields by name: RIG_OFF(s, 7, 100, 150, 160, .syscall = SYS_futex). */
struct rig_off {
	uint64_t exec_ns;
	uint32_t held_ns[WIRE_HOLDERS];
	uint32_t waker_tid;
	uint16_t syscall;
	uint16_t flags;
};
void rig_off(struct threads *s, uint32_t tid, uint64_t out_ns, uint64_t runnable_ns, uint64_t in_ns, const struct rig_off *more);
#define RIG_OFF(s, tid, out, runnable, in, ...) rig_off(s, tid, out, runnable, in, &(struct rig_off){__VA_ARGS__})

void rig_call(struct threads *s, uint32_t tid, uint16_t nr, uint64_t enter_ns, uint64_t exit_ns);
void rig_read(struct threads *s, uint32_t tid, uint64_t ns, uint64_t conn, uint64_t alloc_ns);
void rig_sent(struct threads *s, uint32_t tid, uint64_t ns, uint64_t conn, uint64_t alloc_ns);

#endif
