// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/thread_rig.h"

#include <stddef.h>
#include <string.h>

static void life(struct threads *s, uint32_t tid, const char *comm, uint8_t event, uint64_t ns)
{
	struct wire_thread_life r = {.h = {.kind = WIRE_KIND_THREAD, .size = sizeof(r), .time_ns = ns},
				     .tgid = 1,
				     .tid = tid,
				     .role = WIRE_ROLE_GATEWAY,
				     .event = event};

	strncpy(r.comm, comm, sizeof(r.comm) - 1);
	threads_life(s, &r);
}

void rig_thread(struct threads *s, uint32_t tid, const char *comm, uint64_t found_ns)
{
	life(s, tid, comm, WIRE_THREAD_FOUND, found_ns);
}

void rig_thread_exit(struct threads *s, uint32_t tid, uint64_t ns)
{
	life(s, tid, "gone", WIRE_THREAD_EXIT, ns);
}

void rig_off(struct threads *s, uint32_t tid, uint64_t out_ns, uint64_t runnable_ns, uint64_t in_ns, const struct rig_off *more)
{
	struct wire_off_cpu r = {.h = {.kind = WIRE_KIND_OFF_CPU, .size = sizeof(r), .time_ns = in_ns},
				 .tgid = 1,
				 .tid = tid,
				 .out_ns = out_ns,
				 .runnable_ns = runnable_ns,
				 .exec_ns = more->exec_ns,
				 .waker_tid = more->waker_tid,
				 .syscall = more->syscall,
				 .flags = more->flags};

	memcpy(r.held_ns, more->held_ns, sizeof(r.held_ns));
	threads_off(s, &r);
}

void rig_call(struct threads *s, uint32_t tid, uint16_t nr, uint64_t enter_ns, uint64_t exit_ns)
{
	const struct wire_syscalls r = {.h = {.kind = WIRE_KIND_SYSCALLS,
					      .size = offsetof(struct wire_syscalls, call) + sizeof(r.call[0]),
					      .time_ns = exit_ns},
					.tgid = 1,
					.tid = tid,
					.count = 1,
					.call = {{.enter_ns = enter_ns, .exit_ns = exit_ns, .nr = nr}}};

	threads_calls(s, &r);
}

void rig_read(struct threads *s, uint32_t tid, uint64_t ns, uint64_t conn, uint64_t alloc_ns)
{
	threads_mark(s, tid, &(struct thread_mark){.time_ns = ns, .conn = conn, .alloc_ns = alloc_ns});
}

void rig_sent(struct threads *s, uint32_t tid, uint64_t ns, uint64_t conn, uint64_t alloc_ns)
{
	threads_mark(s, tid, &(struct thread_mark){.time_ns = ns, .conn = conn, .alloc_ns = alloc_ns, .flags = THREAD_MARK_OUT});
}
