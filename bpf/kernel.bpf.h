/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel structs and fields that we read, as CO-RE flavours: offsets come from the running kernel's BTF. Every kernel oddity that we
 * depend on stands here with its source.
 */
#ifndef TOLL_KERNEL_BPF_H
#define TOLL_KERNEL_BPF_H

#include <asm/unistd.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/wire.h"

#define KERNEL_AF_INET 2
#define KERNEL_AF_INET6 10
#define KERNEL_IPPROTO_TCP 6
#define KERNEL_IPPROTO_UDP 17

/* include/net/tcp_states.h; stable ABI through struct bpf_sock */
enum kernel_tcp_state {
	KERNEL_TCP_ESTABLISHED = 1,
	KERNEL_TCP_SYN_SENT = 2,
	KERNEL_TCP_SYN_RECV = 3,
	KERNEL_TCP_FIN_WAIT1 = 4,
	KERNEL_TCP_FIN_WAIT2 = 5,
	KERNEL_TCP_TIME_WAIT = 6,
	KERNEL_TCP_CLOSE = 7,
	KERNEL_TCP_CLOSE_WAIT = 8,
	KERNEL_TCP_LAST_ACK = 9,
	KERNEL_TCP_LISTEN = 10,
	KERNEL_TCP_CLOSING = 11,
	KERNEL_TCP_NEW_SYN_RECV = 12,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};
typedef struct {
	__s64 counter;
} atomic64_t;
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
};
typedef struct {
	int owned;
} socket_lock_t;
struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	int sk_err;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	__u16 sk_protocol;
	void *sk_bpf_storage; /* NULL: no BPF program keeps anything of this socket */
};
struct socket {
	struct sock *sk;
};
struct tcp_sock {
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 write_seq;
	__u64 bytes_received;
	__u64 bytes_sent;
	__u64 bytes_retrans;
	__u64 tcp_clock_cache; /* CLOCK_MONOTONIC; see tcp_stamp_ns() */
};
struct sk_buff {
	struct sock *sk;
	unsigned int len;
	unsigned char *head;
	unsigned char *data;
	__u16 transport_header;
};
/* Only the type is used, of direct loads from a header. */
struct tcphdr {
	__be32 seq;
};
struct file_operations;
struct file {
	const struct file_operations *f_op;
	void *private_data;
};
struct upid {
	int nr;
	void *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1]; /* flexible since 6.6 (b69f0aeb0689): only its address is taken */
};
typedef struct {
	int counter;
} atomic_t;
struct signal_struct {
	atomic_t live;
};
struct cfs_rq {
	int throttle_count; /* of it and its parents; CONFIG_CFS_BANDWIDTH */
	__u64 throttled_clock_pelt_time; /* time it was throttled, or its parents (5.19) */
};
struct sched_entity {
	__u64 sum_exec_runtime;
	struct cfs_rq *cfs_rq;
};
struct thread_info {
	__u32 cpu;
};
struct task_struct {
	struct thread_info thread_info;
	int pid;
	int tgid;
	unsigned int flags;
	unsigned int __state; /* 5.14 (2f064a59a11f) */
	unsigned int on_cpu; /* int until 7.x made it smaller: only an unsigned one is adjusted to that by CO-RE */
	unsigned in_iowait : 1;
	unsigned in_memstall : 1; /* CONFIG_PSI */
	bool throttled; /* 6.18: a throttled task leaves its queue by itself, on its way to user space (e1fad12dcb66) */
	struct sched_entity se;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct signal_struct *signal;
	void *bpf_storage; /* NULL: no BPF program keeps anything of this task */
	void *stack;
	char comm[16];
};
struct task_struct___before_5_14 {
	volatile long state;
};
struct task_struct___before_5_16 {
	unsigned int cpu; /* in thread_info since (bcf9033e5449) */
};
/* A flavour, for asm/ptrace.h has a pt_regs of its own. */
#ifdef __TARGET_ARCH_arm64
struct pt_regs___kernel {
	__u64 regs[31], sp, pc, orig_x0;
	__s32 syscallno; /* of the entry into the kernel; -1: it was no system call */
};
#else
struct pt_regs___kernel {
	unsigned long bp, ip, sp;
	unsigned long
		orig_ax; /* of the entry into the kernel: a system call's number, -1 by an exception, below it by an interrupt */
	unsigned long ax, di, si, dx, r10;
};
#endif
struct bpf_iter_meta;
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *map;
	void *key;
	void *value;
};
struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	void *map;
	struct sock *sk;
	void *value;
};

#pragma clang attribute pop

/*
 * What is called differently by architecture. On arm64 the return address of a function is in a register and placement.h knows no
 * instruction, so there are no programs on functions; their source only has to compile: number n of a register is xn.
 */
#ifdef __TARGET_ARCH_arm64
#define REGS_IP pc
#define REGS_SP sp
#define REGS_BP regs[29]
#define REGS_CALL syscallno
#define call_argument(r, n) ((n) ? (r)->regs[n] : (r)->orig_x0)
#define is_user_mode(r) (((r).pstate & 0xf) == 0) /* PSR_MODE_EL0t */
struct pt_regs { /* struct user_pt_regs */
	__u64 rax, rcx, rdx, rbx, x4, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, x16_to_x30[15], rsp, rip, pstate;
};
#else
#define REGS_IP ip
#define REGS_SP sp
#define REGS_BP bp
#define REGS_CALL orig_ax
#define CALL_ARGUMENT_0 di
#define CALL_ARGUMENT_1 si
#define CALL_ARGUMENT_2 dx
#define CALL_ARGUMENT_3 r10
#define call_argument(r, n) ((__u64)(r)->CALL_ARGUMENT_##n)
#define is_user_mode(r) (((r).cs & 3) != 0)
#endif
/* Calls that only x86 has; where there are none: numbers of no call. */
#ifndef __NR_open
#define __NR_open 0xff00
#define __NR_creat 0xff01
#define __NR_dup2 0xff02
#define __NR_pipe 0xff03
#define __NR_epoll_create 0xff04
#define __NR_epoll_wait 0xff05
#define __NR_eventfd 0xff06
#define __NR_signalfd 0xff07
#define __NR_inotify_init 0xff08
#define __NR_poll 0xff09
#define __NR_select 0xff0a
#endif

/* include/linux/sched.h */
#define KERNEL_TASK_INTERRUPTIBLE 0x1
#define KERNEL_TASK_UNINTERRUPTIBLE 0x2
#define KERNEL_TASK_STOPPED_OR_TRACED (0x4 | 0x8)
#define KERNEL_PF_NO_USER_MODE                                                                                                   \
	(0x10 | 0x4000 | 0x200000) /* PF_IO_WORKER, PF_USER_WORKER, PF_KTHREAD: no system call of their own */

/*
 * First 20 bytes of a TCP header, as on the wire. skb->len cannot tell data: SYNs and ACKs carry options, and at
 * net_dev_queue link and network headers stand before it.
 */
struct tcp_head {
	__be16 source, dest;
	__be32 seq, ack_seq;
	__u8 doff_res; /* data offset in the upper 4 bits, in words */
	__u8 flags;
	__be16 window, check, urg_ptr;
};

/* The compiler may not forget what it knows of the value: the verifier wants to see the same bounds. */
#define verifier_sees(variable) asm volatile("" : "+r"(variable))

/* Programs on uprobes and system calls can be preempted by another thread that runs them on this CPU. */
static __always_inline void shared_add(__u64 *counter, __u64 n)
{
	__sync_fetch_and_add(counter, n);
}

/* The highest bit that is set, counted from 0; 0 has none: 0. */
static __always_inline __u64 log2_of(__u64 v)
{
	__u64 top = 0;

	if (v >> 32) {
		top += 32;
		v >>= 32;
	}
	if (v >> 16) {
		top += 16;
		v >>= 16;
	}
	if (v >> 8) {
		top += 8;
		v >>= 8;
	}
	if (v >> 4) {
		top += 4;
		v >>= 4;
	}
	if (v >> 2) {
		top += 2;
		v >>= 2;
	}
	return top + (v >> 1);
}

/* Does this kernel have the helper? A constant when the program is loaded: the way that is not taken is taken out. */
#define HAS_HELPER(name) bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_##name)

/* bpf_get_current_task_btf() came with 5.11 (3ca1032ab7ab). */
static __always_inline unsigned int current_flags(void)
{
	if (HAS_HELPER(get_current_task_btf))
		return bpf_get_current_task_btf()->flags;
	return BPF_CORE_READ((struct task_struct *)bpf_get_current_task(), flags);
}

#define KERNEL_STACK_BYTES (4 * 4096) /* THREAD_SIZE without KASAN and, on arm64, with pages of 4 KiB */
/* Registers of the thread's last entry into the kernel, to be read by helper: where task_pt_regs() finds them. */
static __always_inline const struct pt_regs___kernel *task_regs_address(const struct task_struct *task)
{
	char *stack = BPF_CORE_READ(task, stack);

	return (const void *)(stack + KERNEL_STACK_BYTES - bpf_core_type_size(struct pt_regs___kernel));
}

/* The number of that entry. bpf_task_pt_regs() came with 5.15 (dd6e10fbd9fb). */
static __always_inline long task_entry(struct task_struct *task)
{
	if (HAS_HELPER(task_pt_regs))
		return (long)((struct pt_regs___kernel *)bpf_task_pt_regs(task))->REGS_CALL;
	return (long)BPF_CORE_READ(task_regs_address(task), REGS_CALL);
}

static __always_inline long current_entry(void)
{
	if (HAS_HELPER(get_current_task_btf))
		return task_entry(bpf_get_current_task_btf());
	return (long)BPF_CORE_READ(task_regs_address((struct task_struct *)bpf_get_current_task()), REGS_CALL);
}

struct user_registers {
	__u64 ip, sp, bp;
};
/* Of the current thread, as it was when it last left user mode. */
static __always_inline void current_registers(struct user_registers *out)
{
	const struct pt_regs___kernel *regs;

	if (HAS_HELPER(get_current_task_btf) && HAS_HELPER(task_pt_regs)) {
		regs = (struct pt_regs___kernel *)bpf_task_pt_regs(bpf_get_current_task_btf());
		out->ip = regs->REGS_IP;
		out->sp = regs->REGS_SP;
		out->bp = regs->REGS_BP;
		return;
	}
	regs = task_regs_address((struct task_struct *)bpf_get_current_task());
	out->ip = BPF_CORE_READ(regs, REGS_IP);
	out->sp = BPF_CORE_READ(regs, REGS_SP);
	out->bp = BPF_CORE_READ(regs, REGS_BP);
}

static __always_inline unsigned int task_state(const struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return (unsigned int)((const struct task_struct___before_5_14 *)task)->state;
}

static __always_inline __u32 task_cpu(const struct task_struct *task)
{
	if (bpf_core_field_exists(task->thread_info.cpu))
		return task->thread_info.cpu;
	return ((const struct task_struct___before_5_16 *)task)->cpu;
}

/* Numbers of pid namespaces, innermost last (struct pid, kernel/pid.c). */
static __always_inline __u32 pid_nr_innermost(struct pid *pid)
{
	unsigned int level = BPF_CORE_READ(pid, level);
	__u32 nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr),
			      (char *)__builtin_preserve_access_index(&pid->numbers[0]) +
				      level * bpf_core_type_size(struct upid) + bpf_core_field_offset(struct upid, nr));
	return nr;
}

static __always_inline bool tcp_fin_received(unsigned char state)
{
	return state == KERNEL_TCP_CLOSE_WAIT || state == KERNEL_TCP_LAST_ACK || state == KERNEL_TCP_CLOSING ||
	       state == KERNEL_TCP_TIME_WAIT || state == KERNEL_TCP_CLOSE;
}

/* Segments also leave from softirq in other processes' contexts: `current` did it only while it owns the socket's lock. */
static __always_inline bool sock_is_owned(const struct sock *sk)
{
	return sk->sk_lock.owned != 0;
}

#endif
