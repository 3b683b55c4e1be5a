/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What we keep of a thread: made when it is forked or found, never in a scheduler tracepoint. Written by whoever runs the thread, takes it
 * off its CPU or wakes it, which the scheduler's locks keep apart; `off.out_ns` is written last when it leaves, for a waker on another CPU
 * looks at it first.
 */
#ifndef TOLL_THREAD_STATE_BPF_H
#define TOLL_THREAD_STATE_BPF_H

#include "bpf/target.bpf.h"

/* Of enum wire_holder, those whose time is counted; idle is the rest. */
#define HOLDERS_COUNTED WIRE_HOLDER_IDLE

struct thread_state {
	__u8 role; /* enum wire_role; NONE: a thread of our own session */
	__u8 holder; /* enum wire_holder */
	__u16 reserved0;
	__u32 tgid;
	__u32 tid;
	__u32 waits_on_cpu; /* runnable: whose queue it is in */
	__u64 throttled_clock; /* of its run queue when it began to wait */
	__u64 held_ns[HOLDERS_COUNTED]; /* while it waited on other CPUs than waits_on_cpu */
	__u64 held_from_ns[HOLDERS_COUNTED]; /* of waits_on_cpu, when it began to wait there */
	struct wire_off_cpu off; /* out_ns: 0 while it is on a CPU, or not known; runnable_ns: 0 while it is blocked */
	__u64 call_enter_ns; /* 0: not inside a system call, or not known */
	struct wire_syscalls calls; /* the batch that is filling */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} threads SEC(".maps") __weak;

/* Where task storage is refused to tracing programs: a hash by the thread's id, cleaned at its exit. As in socket_state.bpf.h. */
const volatile bool threads_in_hash SEC(".rodata") __weak = false;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16); /* threads_max */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct thread_state);
} threads_hash SEC(".maps") __weak;
_Static_assert(sizeof(struct thread_state) <= ZEROES_BYTES, "a new entry of threads_hash");

/*
 * NULL: no thread of gateway, driver, provider or session. The pointer is looked at first: a look-up that finds nothing costs the other
 * threads of the machine more than the rest of a program that has nothing to do.
 */
static __always_inline struct thread_state *thread_state_get(struct task_struct *task)
{
	__u32 tid;

	if (threads_in_hash) {
		tid = (__u32)task->pid;
		return bpf_map_lookup_elem(&threads_hash, &tid);
	}
	if (bpf_core_field_exists(task->bpf_storage) && !task->bpf_storage)
		return NULL;
	return bpf_task_storage_get(&threads, task, NULL, 0);
}

static __always_inline struct thread_state *thread_state_current(void)
{
	__u32 tid;

	if (threads_in_hash) {
		tid = (__u32)bpf_get_current_pid_tgid();
		return bpf_map_lookup_elem(&threads_hash, &tid);
	}
	return thread_state_get(bpf_get_current_task_btf());
}

/* NULL: refused. Never in a scheduler tracepoint: the entry is allocated. */
static __always_inline struct thread_state *thread_state_make(struct task_struct *task)
{
	__u32 tid;

	if (threads_in_hash) {
		tid = (__u32)task->pid;
		bpf_map_update_elem(&threads_hash, &tid, zeroes, BPF_NOEXIST);
		return bpf_map_lookup_elem(&threads_hash, &tid);
	}
	return bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* The kernel frees task storage with its task. */
static __always_inline void thread_state_drop(__u32 tid)
{
	if (threads_in_hash)
		bpf_map_delete_elem(&threads_hash, &tid);
}

/* Sends the batch of system calls that is filling. */
static __always_inline void calls_send(struct thread_state *t, __u64 now_ns)
{
	__u32 count = t->calls.count, bytes;

	if (!count || count > WIRE_SYSCALLS_MAX)
		return;
	bytes = (__u32) __builtin_offsetof(struct wire_syscalls, call) + count * (__u32)sizeof(struct wire_syscall);
	emit_header(&t->calls.h, WIRE_KIND_SYSCALLS, bytes, now_ns);
	emit_copy(&t->calls, bytes);
	t->calls.count = 0;
}

#endif
