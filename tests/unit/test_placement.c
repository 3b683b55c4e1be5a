// SPDX-License-Identifier: GPL-2.0-only
// rooms: base probe/placement
/* Where a probe sits in functions as real allocators begin: bytes from Debian 12's libraries, and from Ubuntu's builds with endbr64. */
#include <errno.h>
#include <string.h>

#include "probe/placement.h"
#include "tests/support/test.h"

static const struct placement_need one = {{PLACEMENT_REG_RDI}, 1, false};
static const struct placement_need two = {{PLACEMENT_REG_RDI, PLACEMENT_REG_RSI}, 2, false};
static const struct placement_need posix = {{PLACEMENT_REG_RDX, PLACEMENT_REG_RDI}, 2, false};
static const struct placement_need second = {{PLACEMENT_REG_RSI}, 1, false};
static const struct placement_need go = {{PLACEMENT_REG_RAX}, 1, true};

#define CHOOSE(need, ...)                                                                                                        \
	__extension__({                                                                                                          \
		static const uint8_t code_[] = {__VA_ARGS__};                                                                    \
		struct placement p_;                                                                                             \
		assert_int_equal(placement_choose(code_, sizeof(code_), (need), &p_), 0);                                        \
		p_;                                                                                                              \
	})

static void expect(struct placement p, uint32_t offset, enum probe_insn insn, uint8_t reg)
{
	assert_int_equal(p.offset, offset);
	assert_int_equal(p.insn, insn);
	assert_int_equal(p.reg[0], reg);
}

static void glibc(void **state)
{
	(void)state;
	/* malloc: push %r12; push %rbp ... */
	expect(CHOOSE(&one, 0x41, 0x54, 0x55, 0x53, 0x48, 0x89, 0xfb, 0x48, 0x83, 0xec, 0x10), 0, PROBE_INSN_PUSH,
	       PLACEMENT_REG_RDI);
	/* calloc: push %r13; mov %rdi,%rax ... */
	expect(CHOOSE(&two, 0x41, 0x55, 0x48, 0x89, 0xf8, 0x41, 0x54, 0x55, 0x53), 0, PROBE_INSN_PUSH, PLACEMENT_REG_RDI);
	/* free: test %rdi,%rdi; je; push %rbp ... */
	expect(CHOOSE(&one, 0x48, 0x85, 0xff, 0x0f, 0x84, 0xbf, 0x00, 0x00, 0x00, 0x55, 0x48, 0x8d, 0x77, 0xf0), 3,
	       PROBE_INSN_JCC, PLACEMENT_REG_RDI);
	/* posix_memalign: cmpb $0,x(%rip); push %r12; mov %rdx,%r12 ... */
	expect(CHOOSE(&posix, 0x80, 0x3d, 0x01, 0x02, 0x14, 0x00, 0x00, 0x41, 0x54, 0x49, 0x89, 0xd4, 0x55), 7, PROBE_INSN_PUSH,
	       PLACEMENT_REG_RDX);
	/* aligned_alloc: cmpb $0,x(%rip); je; jmp ... */
	expect(CHOOSE(&second, 0x80, 0x3d, 0x71, 0x0e, 0x14, 0x00, 0x00, 0x74, 0x07, 0xe9, 0x32, 0xf6, 0xff, 0xff), 7,
	       PROBE_INSN_JCC, PLACEMENT_REG_RSI);
}

static void other_allocators(void **state)
{
	(void)state;
	/* jemalloc's free works on copies for 48 bytes: its argument is still there at the first jump */
	expect(CHOOSE(&one, 0x48, 0x89, 0xf8, 0x48, 0x8b, 0x15, 0x0e, 0x53, 0x0a, 0x00, 0x48, 0x89, 0xf9, 0x48, 0xc1, 0xe8, 0x1a,
		      0x48, 0x81, 0xe1, 0x00, 0x00, 0x00, 0xc0, 0x25, 0xf0, 0x00, 0x00, 0x00, 0x64, 0x48, 0x03, 0x04, 0x25, 0x00,
		      0x00, 0x00, 0x00, 0x48, 0x01, 0xd0, 0x48, 0x3b, 0x88, 0xb0, 0x01, 0x00, 0x00, 0x0f, 0x85, 0x8a, 0x00, 0x00,
		      0x00),
	       48, PROBE_INSN_JCC, PLACEMENT_REG_RDI);
	/* mimalloc's malloc moves the size to %rsi and loads %rdi: the copy is followed */
	expect(CHOOSE(&one, 0x48, 0x8b, 0x05, 0x49, 0xb4, 0x00, 0x00, 0x48, 0x89, 0xfe, 0x64, 0x48, 0x8b, 0x38, 0x48, 0x81, 0xfe,
		      0x00, 0x04, 0x00, 0x00, 0x77, 0x29, 0x48, 0x8d, 0x46, 0x07),
	       21, PROBE_INSN_JCC, PLACEMENT_REG_RSI);
	/* musl's malloc: jmp */
	expect(CHOOSE(&one, 0xe9, 0x6b, 0x19, 0x00, 0x00), 0, PROBE_INSN_JMP, PLACEMENT_REG_RDI);
}

static void endbr64_is_stepped_so_the_next_one_is_taken(void **state)
{
	(void)state;
	/* endbr64; push %rbp */
	expect(CHOOSE(&one, 0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5), 4, PROBE_INSN_PUSH, PLACEMENT_REG_RDI);
	/* endbr64; test %rdi,%rdi; je */
	expect(CHOOSE(&one, 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x85, 0xff, 0x74, 0x10), 7, PROBE_INSN_JCC, PLACEMENT_REG_RDI);
	/* endbr64; nop; nopw: the short one */
	expect(CHOOSE(&one, 0xf3, 0x0f, 0x1e, 0xfa, 0x90, 0x66, 0x90), 4, PROBE_INSN_NOP, PLACEMENT_REG_RDI);
	/* endbr64; call */
	expect(CHOOSE(&one, 0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 0x10, 0x00, 0x00, 0x00), 4, PROBE_INSN_CALL, PLACEMENT_REG_RDI);
}

static void falls_back_to_the_entry(void **state)
{
	(void)state;
	/* sub $0x18,%rsp; test; je: the return address is no longer on top */
	expect(CHOOSE(&one, 0x48, 0x83, 0xec, 0x18, 0x48, 0x85, 0xff, 0x74, 0x10), 0, PROBE_INSN_STEPPED, PLACEMENT_REG_RDI);
	/* xor %edi,%edi; push %rbp: the argument is gone */
	expect(CHOOSE(&one, 0x31, 0xff, 0x55), 0, PROBE_INSN_STEPPED, PLACEMENT_REG_RDI);
	/* mov %edi,%eax; xor %edi,%edi; push: a copy of its lower half is none */
	expect(CHOOSE(&one, 0x89, 0xf8, 0x31, 0xff, 0x55), 0, PROBE_INSN_STEPPED, PLACEMENT_REG_RDI);
	/* test; ret; push: what stands behind a return is not passed */
	expect(CHOOSE(&one, 0x48, 0x85, 0xff, 0xc3, 0x55), 0, PROBE_INSN_STEPPED, PLACEMENT_REG_RDI);
	/* jmp *%rax; push */
	expect(CHOOSE(&one, 0xff, 0xe0, 0x55), 0, PROBE_INSN_STEPPED, PLACEMENT_REG_RDI);
	/* pushq $1 and push of memory are single-stepped, and move the stack */
	expect(CHOOSE(&one, 0x6a, 0x01, 0x55), 0, PROBE_INSN_STEPPED, PLACEMENT_REG_RDI);
	expect(CHOOSE(&one, 0xff, 0x37, 0x55), 0, PROBE_INSN_STEPPED, PLACEMENT_REG_RDI);
	/* data16 before a push: the kernel refuses it */
	expect(CHOOSE(&one, 0x66, 0x55, 0x55), 0, PROBE_INSN_STEPPED, PLACEMENT_REG_RDI);
}

static void a_jump_back_would_pass_the_probe_twice(void **state)
{
	(void)state;
	/* lea 1(%rax),%rax; test %rdi,%rdi; je +2; jmp back to the test */
	expect(CHOOSE(&one, 0x48, 0x8d, 0x40, 0x01, 0x48, 0x85, 0xff, 0x74, 0x02, 0xeb, 0xf9, 0xc3), 0, PROBE_INSN_STEPPED,
	       PLACEMENT_REG_RDI);
	/* the same loop behind a push: the push is before it */
	expect(CHOOSE(&one, 0x48, 0x85, 0xc0, 0x55, 0x48, 0x85, 0xff, 0x74, 0x02, 0xeb, 0xf9, 0xc3), 3, PROBE_INSN_PUSH,
	       PLACEMENT_REG_RDI);
}

static void go_programs(void **state)
{
	(void)state;
	/* 1.19: cmp 0x10(%r14),%rsp; jbe; sub $0x70,%rsp ... jmp entry */
	expect(CHOOSE(&go, 0x49, 0x3b, 0x66, 0x10, 0x0f, 0x86, 0x07, 0x00, 0x00, 0x00, 0x48, 0x83, 0xec, 0x70, 0xc3, 0x90, 0x90,
		      0xeb, 0xed),
	       4, PROBE_INSN_JCC, PLACEMENT_REG_RAX);
	/* since 1.21: ... jbe; push %rbp: the push is passed once even when the stack had to grow */
	expect(CHOOSE(&go, 0x49, 0x3b, 0x66, 0x10, 0x76, 0x06, 0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3, 0xeb, 0xf2), 6,
	       PROBE_INSN_PUSH, PLACEMENT_REG_RAX);
}

static void who_hands_on(void **state)
{
	/* push; mov; cmp $16,%rdi; jbe to the way; call elsewhere; ret; the way: mov %rsi,%rdi; pop; jmp malloc at 100 */
	static const uint8_t away[] = {0x41, 0x54, 0x49, 0x89, 0xf4, 0x48, 0x83, 0xff, 0x10, 0x76, 0x06, 0xe8, 0x00, 0x01,
				       0x00, 0x00, 0xc3, 0x48, 0x89, 0xf7, 0x41, 0x5c, 0xe9, 0x49, 0x00, 0x00, 0x00};
	/* cmp $16,%rdi; ja; mov %rsi,%rdi; call malloc at 100 */
	static const uint8_t straight[] = {0x48, 0x83, 0xff, 0x10, 0x77, 0x40, 0x48, 0x89, 0xf7, 0xe8, 0x56, 0x00, 0x00, 0x00};
	/* the same behind cmp $17; and on a way that calls something else before */
	static const uint8_t other[] = {0x48, 0x83, 0xff, 0x11, 0x77, 0x40, 0x48, 0x89, 0xf7, 0xe8, 0x56, 0x00, 0x00, 0x00};
	static const uint8_t calls[] = {0x48, 0x83, 0xff, 0x10, 0x77, 0x40, 0xe8, 0x00,
					0x00, 0x00, 0x00, 0xe8, 0x54, 0x00, 0x00, 0x00};
	int64_t to[2];

	(void)state;
	assert_true(placement_hands_on(away, sizeof(away), 100));
	assert_false(placement_hands_on(away, sizeof(away), 99));
	assert_true(placement_hands_on(straight, sizeof(straight), 100));
	assert_false(placement_hands_on(other, sizeof(other), 100));
	assert_false(placement_hands_on(calls, sizeof(calls), 100));
	assert_false(placement_hands_on(away, 0, 100));
	assert_int_equal(placement_goes_to(away, sizeof(away), to, 2), 2);
	assert_int_equal(to[0], 272);
	assert_int_equal(to[1], 100);
	assert_int_equal(placement_goes_to(away, sizeof(away), to, 1), 1);
}

static void nothing_to_decode(void **state)
{
	static const uint8_t bad[] = {0x06, 0x55}; /* push %es: not in 64-bit mode */
	static const uint8_t cut[] = {0x48, 0x83};
	struct placement p;

	(void)state;
	assert_int_equal(placement_choose(bad, sizeof(bad), &one, &p), -EINVAL);
	assert_int_equal(placement_choose(cut, sizeof(cut), &one, &p), -EINVAL);
	assert_int_equal(placement_choose(bad, 0, &one, &p), -EINVAL);
}

static void it_is_written_as_a_disassembler_does(void **state)
{
	(void)state;
	assert_string_equal(CHOOSE(&one, 0x41, 0x54).text, "push %r12");
	assert_string_equal(CHOOSE(&one, 0x48, 0x85, 0xff, 0x74, 0x10).text, "jz");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(glibc),
		cmocka_unit_test(other_allocators),
		cmocka_unit_test(endbr64_is_stepped_so_the_next_one_is_taken),
		cmocka_unit_test(falls_back_to_the_entry),
		cmocka_unit_test(a_jump_back_would_pass_the_probe_twice),
		cmocka_unit_test(go_programs),
		cmocka_unit_test(who_hands_on),
		cmocka_unit_test(nothing_to_decode),
		cmocka_unit_test(it_is_written_as_a_disassembler_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
