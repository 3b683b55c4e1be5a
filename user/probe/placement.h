/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where in a function a uprobe sits. The kernel emulates a few instructions (arch/x86/kernel/uprobes.c: branch_xol_ops, push_xol_ops)
 * and single-steps all others out of line, which costs twenty times as much (DESIGN section 3). So: the first emulated instruction that
 * every call passes exactly once, where the arguments are still in registers and the return address is still on top of the stack (a
 * return probe rewrites what the stack pointer points to). Pure: bytes in, choice out.
 */
#ifndef TOLL_PROBE_PLACEMENT_H
#define TOLL_PROBE_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the kernel executes the probed instruction; the first is the dear one. */
enum probe_insn {
	PROBE_INSN_STEPPED = 0,
	PROBE_INSN_PUSH = 1,
	PROBE_INSN_NOP = 2,
	PROBE_INSN_JCC = 3,
	PROBE_INSN_JMP = 4,
	PROBE_INSN_CALL = 5,
	PROBE_INSNS = 6,
};
const char *probe_insn_name(enum probe_insn insn); /* "push", "stepped" ... */

/* Registers as x86 instructions number them: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8 .. 15. */
#define PLACEMENT_REG_RAX 0
#define PLACEMENT_REG_RDX 2
#define PLACEMENT_REG_RSI 6
#define PLACEMENT_REG_RDI 7

#define PLACEMENT_ARGS_MAX 3
struct placement_need {
	uint8_t reg[PLACEMENT_ARGS_MAX]; /* where the arguments are at the entry */
	unsigned args; /* how many of them are wanted */
	bool go; /* Go: the stack check before the body may send a call back to the entry, and there is no return probe */
};

struct placement {
	uint32_t offset; /* bytes after the function's entry */
	enum probe_insn insn;
	uint8_t reg[PLACEMENT_ARGS_MAX]; /* where the arguments are there */
	char text[64]; /* "push %r12" */
};

/*
 * code: the function's bytes from its entry on, `bytes` of them. Falls back to the entry (PROBE_INSN_STEPPED unless the entry itself is
 * emulated) when nothing better exists. -EINVAL: no code, or its first instruction cannot be decoded.
 */
int placement_choose(const uint8_t *code, size_t bytes, const struct placement_need *need, struct placement *out);
/*
 * Does the code compare something with 16 and, on one of the two ways from there, go to `target` (bytes from its begin) and nowhere else? That is
 * how glibc's _mid_memalign() hands alignments that malloc gives anyway on to it.
 */
bool placement_hands_on(const uint8_t *code, size_t bytes, int64_t target);
/* The places that it calls or jumps to, bytes from its begin, outside of it: at most room of them; returns how many. */
unsigned placement_goes_to(const uint8_t *code, size_t bytes, int64_t *out, unsigned room);

#endif
