// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/cause.h"

struct cause_row {
	const char *name, *title, *meaning;
};

static const struct cause_row row[CAUSES] = {
	[CAUSE_OWN_USER] = {"own_user", "own work", "the gateway's code ran for this request"},
	[CAUSE_OWN_KERNEL] = {"own_kernel", "own work, kernel", "the kernel ran for this request, in its system calls"},
	[CAUSE_OWN_CPU] = {"own_cpu", "own work, all CPU", "a CPU ran for this request (code and kernel not told apart)"},
	[CAUSE_ALLOCATOR] = {"allocator", "allocator", "malloc, free and the like, for this request"},
	[CAUSE_OTHER_WORK] = {"other_work", "other work", "its thread was busy with other requests (event-loop wait)"},
	[CAUSE_RUN_QUEUE] = {"run_queue", "run queue", "its thread could run and had no CPU"},
	[CAUSE_THROTTLED] = {"throttled", "throttled", "its cgroup was out of CPU quota"},
	[CAUSE_STEAL] = {"steal", "steal", "interrupts or the hypervisor took the CPU"},
	[CAUSE_LOCK] = {"lock", "lock", "its thread waited for a lock (futex)"},
	[CAUSE_DISK] = {"disk", "disk", "its thread waited for a disk or file system"},
	[CAUSE_PAGE_FAULT] = {"page_fault", "page fault", "its thread waited in a page fault"},
	[CAUSE_SWAP] = {"swap", "swap", "its thread waited for memory to be freed or swapped in"},
	[CAUSE_SOCKET] = {"socket", "socket", "its thread was blocked in a read or write of a socket or pipe"},
	[CAUSE_OTHER_BLOCKED] = {"other_blocked", "other wait", "its thread was blocked in another system call"},
	[CAUSE_IDLE] = {"idle", "idle", "its thread was parked, in epoll or in a timer"},
	[CAUSE_HAND_OFF] = {"hand_off", "hand-off", "it was on its way from one thread to another"},
	[CAUSE_UNKNOWN] = {"unknown", "not known", "there is no account of the thread"},
};

const char *cause_name(enum cause cause)
{
	return (unsigned)cause < CAUSES ? row[cause].name : "unknown";
}

const char *cause_title(enum cause cause)
{
	return (unsigned)cause < CAUSES ? row[cause].title : "unknown";
}

const char *cause_meaning(enum cause cause)
{
	return (unsigned)cause < CAUSES ? row[cause].meaning : "unknown";
}

uint32_t cause_owns(const struct whole_request *w, struct cause_own out[CAUSE_OWNS_MAX])
{
	uint32_t n = 0;

	out[n++] = (struct cause_own){w->inbound_conn, w->inbound_syn_ns ? w->inbound_syn_ns : w->t2,
				      w->t9_last > w->t9 ? w->t9_last : w->t9};
	for (uint32_t i = 0; i < w->upstreams; i++) {
		const struct whole_upstream *u = &w->upstream[i];
		uint64_t to_ns = u->t8_last > u->t8 ? u->t8_last : u->t8;
		/* without an answer it stays the request's until that has its answer from elsewhere */
		out[n++] = (struct cause_own){u->conn, u->syn_ns ? u->syn_ns : u->t4, to_ns ? to_ns : w->t9};
	}
	return n;
}

static void into(uint64_t ns[CAUSES], enum cause from, enum cause to)
{
	ns[to] += ns[from];
	ns[from] = 0;
}

void cause_level_fold(enum cause_level level, uint64_t ns[CAUSES])
{
	if (level >= CAUSE_LEVEL_NO_ALLOCATOR)
		into(ns, CAUSE_ALLOCATOR, CAUSE_OWN_USER);
	if (level < CAUSE_LEVEL_CPU)
		return;
	into(ns, CAUSE_OWN_USER, CAUSE_OWN_CPU);
	into(ns, CAUSE_OWN_KERNEL, CAUSE_OWN_CPU);
}

enum cause_level cause_level_of(unsigned untold)
{
	if (untold & WIRE_GROUP_SYSCALLS)
		return CAUSE_LEVEL_CPU;
	return untold & WIRE_GROUP_ALLOC ? CAUSE_LEVEL_NO_ALLOCATOR : CAUSE_LEVEL_ALL;
}
