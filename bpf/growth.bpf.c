// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stacks behind growth, where events are few: descriptors, anonymous mappings and threads from the system call that makes them to the one that
 * ends them, growth of the heap by brk, and pages that are written to for the first time. While these are attached every system call of the
 * machine ends here.
 */
#include "bpf/kept.bpf.h"

#define MAP_ANONYMOUS 0x20
#define PROT_WRITE 2
#define CLONE_THREAD 0x10000
#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030
#define PAGE_BYTES 4096
/* arch/x86/include/asm/trap_pf.h */
#define FAULT_PRESENT 1
#define FAULT_WRITE 2

__u64 growth_refused; /* things that found no room */

/* Where each process' heap ended when it last called brk. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} growth_brk SEC(".maps");

/* Only of processes whose code is known: the gateway's. */
static __always_inline bool is_watched(void)
{
	__u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);

	return bpf_map_lookup_elem(&texts, &tgid) != NULL;
}

/*
 * The C library's ways into clone have no unwind information behind the system call, for the new thread comes out there too. They make no
 * frame: where they return to is on top of the stack.
 */
static __always_inline void leave_wrapper(struct stack_take *t)
{
	__u64 back = 0;

	if (bpf_probe_read_user(&back, sizeof(back), (void *)t->sp) || !is_text(t->text, back))
		return;
	t->ip = back;
	t->sp += sizeof(back);
}

static __always_inline __u64 site_key(void *ctx, enum wire_kept_kind kind)
{
	struct stack_take t;
	__u64 key;

	if (!stack_begin(&t))
		return 0;
	if (kind == WIRE_KEPT_THREAD)
		leave_wrapper(&t);
	key = key_mix(key_of_user(ctx, &t), kind);
	return bpf_map_lookup_elem(&stack_keys, &key) ? key : stack_send(&t, key);
}

/* Kinds whose end is seen are kept by number as well. */
static __noinline int taken(void *ctx, __u32 kind, __u64 number, __u64 bytes)
{
	struct wire_block_key key = key_of_block(kind, number);
	struct wire_block b = {.window = kept_window, .weight = 1, .held_bytes = bytes, .birth_ns = bpf_ktime_get_ns()};
	struct wire_block before;
	struct wire_site *site;

	if (kind < WIRE_KEPT_HEAP && block_take_out(kind, number, &before))
		block_ends(&before, b.birth_ns);
	b.site = site_key(ctx, kind);
	site = b.site ? site_find(b.site, kind, b.birth_ns) : NULL;
	if (site && kind < WIRE_KEPT_HEAP && bpf_map_update_elem(&kept_blocks, &key, &b, BPF_ANY))
		site = NULL;
	if (site)
		site_add(site, &b, bytes);
	else
		shared_add(&growth_refused, 1);
	return 0;
}

static __always_inline void ended(enum wire_kept_kind kind, __u64 number)
{
	struct wire_block b;

	if (block_take_out(kind, number, &b))
		block_ends(&b, bpf_ktime_get_ns());
}

/* What is left of a mapping whose begin was cut off goes on under its new address; other parts are not followed. */
static __always_inline void unmapped(__u64 address, __u64 bytes)
{
	struct wire_block_key rest = key_of_block(WIRE_KEPT_MAPPING, address + bytes);
	struct wire_block b;

	if (!block_take_out(WIRE_KEPT_MAPPING, address, &b))
		return;
	if (bytes >= b.held_bytes) {
		block_ends(&b, bpf_ktime_get_ns());
		return;
	}
	b.held_bytes -= bytes;
	if (bpf_map_update_elem(&kept_blocks, &rest, &b, BPF_ANY))
		shared_add(&growth_refused, 1);
}

static __always_inline void pair_made(void *ctx, __u64 array)
{
	__u32 fd[2];

	if (bpf_probe_read_user(fd, sizeof(fd), (void *)array))
		return;
	taken(ctx, WIRE_KEPT_DESCRIPTOR, fd[0], 1);
	taken(ctx, WIRE_KEPT_DESCRIPTOR, fd[1], 1);
}

static __always_inline void heap_moved(void *ctx, __u64 end)
{
	__u32 tgid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	__u64 *before = bpf_map_lookup_elem(&growth_brk, &tgid), grown = before && end > *before ? end - *before : 0;

	bpf_map_update_elem(&growth_brk, &tgid, &end, BPF_ANY);
	if (grown)
		taken(ctx, WIRE_KEPT_HEAP, end, grown);
}

static __always_inline bool clone_made_thread(const struct pt_regs___kernel *regs, __u64 nr)
{
	__u64 flags = call_argument(regs, 0);

	if (nr == __NR_clone3 && bpf_probe_read_user(&flags, sizeof(flags), (void *)call_argument(regs, 0)))
		return false;
	return flags & CLONE_THREAD;
}

/* true: a call that begins or ends something. */
static __always_inline bool is_of_interest(__u64 nr)
{
	switch (nr) {
	case __NR_open:
	case __NR_creat:
	case __NR_openat:
	case __NR_openat2:
	case __NR_socket:
	case __NR_accept:
	case __NR_accept4:
	case __NR_dup:
	case __NR_dup2:
	case __NR_dup3:
	case __NR_fcntl:
	case __NR_epoll_create:
	case __NR_epoll_create1:
	case __NR_eventfd:
	case __NR_eventfd2:
	case __NR_timerfd_create:
	case __NR_signalfd:
	case __NR_signalfd4:
	case __NR_inotify_init:
	case __NR_inotify_init1:
	case __NR_memfd_create:
	case __NR_pidfd_open:
	case __NR_io_uring_setup:
	case __NR_pipe:
	case __NR_pipe2:
	case __NR_socketpair:
	case __NR_close:
	case __NR_mmap:
	case __NR_munmap:
	case __NR_mremap:
	case __NR_brk:
	case __NR_clone:
	case __NR_clone3:
		return true;
	default:
		return false;
	}
}

static __always_inline void mapping_call(void *ctx, const struct pt_regs___kernel *regs, __u64 nr, __u64 ret)
{
	switch (nr) {
	case __NR_mmap:
		if (call_argument(regs, 3) & MAP_ANONYMOUS && call_argument(regs, 2) & PROT_WRITE)
			taken(ctx, WIRE_KEPT_MAPPING, ret, (call_argument(regs, 1) + PAGE_BYTES - 1) & ~(__u64)(PAGE_BYTES - 1));
		break;
	case __NR_munmap:
		unmapped(call_argument(regs, 0), (call_argument(regs, 1) + PAGE_BYTES - 1) & ~(__u64)(PAGE_BYTES - 1));
		break;
	case __NR_mremap: {
		struct wire_block b;

		/* only what was followed goes on: it may be no anonymous memory */
		if (block_take_out(WIRE_KEPT_MAPPING, call_argument(regs, 0), &b)) {
			block_ends(&b, bpf_ktime_get_ns());
			taken(ctx, WIRE_KEPT_MAPPING, ret, call_argument(regs, 2));
		}
		break;
	}
	case __NR_brk:
		heap_moved(ctx, ret);
		break;
	}
}

static __always_inline void call_ended(void *ctx, const struct pt_regs___kernel *regs, __u64 nr, __u64 ret)
{
	switch (nr) {
	case __NR_mmap:
	case __NR_munmap:
	case __NR_mremap:
	case __NR_brk:
		mapping_call(ctx, regs, nr, ret);
		break;
	case __NR_close:
		ended(WIRE_KEPT_DESCRIPTOR, (__u32)call_argument(regs, 0));
		break;
	case __NR_pipe:
	case __NR_pipe2:
		pair_made(ctx, call_argument(regs, 0));
		break;
	case __NR_socketpair:
		pair_made(ctx, call_argument(regs, 3));
		break;
	case __NR_clone:
	case __NR_clone3:
		if (ret && clone_made_thread(regs, nr))
			taken(ctx, WIRE_KEPT_THREAD, ret, 1);
		break;
	case __NR_fcntl:
		if (call_argument(regs, 1) == F_DUPFD || call_argument(regs, 1) == F_DUPFD_CLOEXEC)
			taken(ctx, WIRE_KEPT_DESCRIPTOR, ret, 1);
		break;
	default:
		taken(ctx, WIRE_KEPT_DESCRIPTOR, ret, 1);
	}
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(toll_growth_call, struct pt_regs___kernel *regs, long ret)
{
	__u64 nr = regs->REGS_CALL;

	/* what has failed made nothing */
	if (!is_of_interest(nr) || (ret < 0 && ret > -PAGE_BYTES) || !is_watched())
		return 0;
	call_ended(ctx, regs, nr, (__u64)ret);
	return 0;
}

/* A page that was not there, written to by user code: anonymous memory for the first time, or a private copy of a file's. */
SEC("?tp_btf/page_fault_user")
int BPF_PROG(toll_growth_touch, unsigned long address, struct pt_regs___kernel *regs, unsigned long error_code)
{
	if (error_code & FAULT_PRESENT || !(error_code & FAULT_WRITE) || !is_watched())
		return 0;
	taken(ctx, WIRE_KEPT_TOUCH, address, PAGE_BYTES);
	return 0;
}

/* Its process' own number for it is what clone returned: that of the innermost namespace. */
SEC("?tp_btf/sched_process_exit")
int BPF_PROG(toll_growth_exit, struct task_struct *task)
{
	if (is_watched())
		ended(WIRE_KEPT_THREAD, pid_nr_innermost(BPF_CORE_READ(task, thread_pid)));
	return 0;
}

char LICENSE[] SEC("license") __weak = "GPL";
