/* SPDX-License-Identifier: GPL-2.0-only */
/* What we keep of a thread for its calls of the allocator: the call that it is in, and the time it has spent there so far. */
#ifndef TOLL_ALLOC_STATE_BPF_H
#define TOLL_ALLOC_STATE_BPF_H

#include "bpf/emit.bpf.h"

struct alloc_thread {
	__u64 total_ns; /* inside the allocator, calls that have ended */
	__u64 enter_ns; /* of the call that it is in; 0: it is in none */
	__u64 sp; /* where that call's return address is */
	__u64 size;
	__u32 window;
	__u32 function; /* whose call it is in */
	__u32 weight; /* for how many calls it stands; 0: only its end is of interest */
	__u32 reserved0;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct alloc_thread);
} alloc_threads SEC(".maps") __weak;

/* Allocator probes were asked for; without them nothing of this is loaded. */
const volatile bool alloc_is_wanted SEC(".rodata") __weak = false;
/* Set while they are on: marks carry their thread's time in the allocator. */
bool alloc_is_on SEC(".bss") __weak;

/* 0: the probes are off. */
static __always_inline __u64 alloc_ns_current(void)
{
	struct alloc_thread *t;

	if (!alloc_is_wanted || !alloc_is_on)
		return 0;
	t = bpf_task_storage_get(&alloc_threads, bpf_get_current_task_btf(), NULL, 0);
	return t && t->total_ns ? t->total_ns : 1;
}

#endif
