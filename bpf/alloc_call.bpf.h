/* SPDX-License-Identifier: GPL-2.0-only */
/* A call of an allocator function, as a probe sees it: its arguments out of registers and cookie, and whether it is still going on. */
#ifndef TOLL_ALLOC_CALL_BPF_H
#define TOLL_ALLOC_CALL_BPF_H

#include <linux/ptrace.h>

#include "bpf/emit.bpf.h"

#define SIZE_MAX_BYTES (1ULL << 47) /* of an address space: nobody gets more */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct xol_area {
	unsigned long vaddr;
};
struct uprobes_state {
	struct xol_area *xol_area;
};
struct mm_struct {
	struct uprobes_state uprobes_state;
};
struct task_struct___mm {
	struct mm_struct *mm;
};
#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WIRE_ALLOC_FUNCTIONS_MAX);
	__type(key, __u32);
	__type(value, struct wire_alloc_stats);
} alloc_functions SEC(".maps") __weak;

static __always_inline struct wire_alloc_stats *stats_of(__u64 cookie)
{
	__u32 index = (__u8)cookie;

	return bpf_map_lookup_elem(&alloc_functions, &index);
}

/* A load of its own for each register: the verifier refuses a load from the context whose offset is computed. */
#define LOAD(number, field)                                                                                                      \
	case number:                                                                                                             \
		value = regs->field;                                                                                             \
		verifier_sees(value);                                                                                            \
		break

static __always_inline __u64 register_of(const struct pt_regs *regs, __u32 number)
{
	__u64 value = 0;

	switch (number) {
		LOAD(0, rax);
		LOAD(1, rcx);
		LOAD(2, rdx);
		LOAD(3, rbx);
		LOAD(5, rbp);
		LOAD(6, rsi);
		LOAD(7, rdi);
		LOAD(8, r8);
		LOAD(9, r9);
		LOAD(10, r10);
		LOAD(11, r11);
		LOAD(12, r12);
		LOAD(13, r13);
		LOAD(14, r14);
		LOAD(15, r15);
	}
	return value;
}

static __always_inline enum wire_alloc_kind kind_of(__u64 cookie)
{
	return (enum wire_alloc_kind)(cookie >> 8 & 15);
}

static __always_inline __u64 size_of(const struct pt_regs *regs, __u64 cookie)
{
	__u64 size;

	if (kind_of(cookie) == WIRE_ALLOC_FREE)
		return 0;
	size = register_of(regs, cookie >> 12 & 15);
	if (kind_of(cookie) == WIRE_ALLOC_CALLOC)
		size *= register_of(regs, cookie >> 16 & 15);
	return size;
}

/* What the kernel puts in the place of a return address that it wants to see: uprobe_get_trampoline_vaddr(), the same since 3.15. */
static __always_inline __u64 trampoline(void)
{
	struct task_struct___mm *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, mm, uprobes_state.xol_area, vaddr);
}

/* Is the call whose return address is at sp still going on? Otherwise an exception or longjmp has taken it off the stack. */
static __always_inline bool call_goes_on(__u64 sp, const struct pt_regs *regs)
{
	__u64 slot = 0;

	if (regs->rsp > sp)
		return false;
	bpf_probe_read_user(&slot, sizeof(slot), (void *)sp);
	return slot && slot == trampoline();
}

static __always_inline bool has_failed(const struct pt_regs *regs, __u64 cookie, __u64 size)
{
	switch (kind_of(cookie)) {
	case WIRE_ALLOC_FREE:
		return false;
	case WIRE_ALLOC_POSIX_MEMALIGN:
		return (__u32)regs->rax != 0;
	default:
		return !regs->rax && size; /* realloc(p, 0) frees */
	}
}

#endif
