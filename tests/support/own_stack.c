// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/own_stack.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/test.h"

#define NO_FRAME_POINTER __attribute__((noinline, noclone, optimize("omit-frame-pointer"), no_sanitize("address", "undefined")))

void own_chain_middle(union own_stack *out, uint32_t most);
void own_chain_inner(union own_stack *out, uint32_t most);

/* Through the kernel, as the probes read it: part of the stack is poisoned for ourselves by the address sanitizer. */
static void stack_copy(union own_stack *out, uint32_t most)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(fd, out->bytes + sizeof(out->stack), most, (off_t)out->stack.sp);

	assert_true(n > 0);
	close(fd);
	out->stack.copied_bytes = (uint32_t)n;
	out->stack.h.size = (uint16_t)(sizeof(out->stack) + (size_t)n);
}

NO_FRAME_POINTER void own_chain_inner(union own_stack *out, uint32_t most)
{
	memset(&out->stack, 0, sizeof(out->stack));
	out->stack.h.kind = WIRE_KIND_STACK;
	out->stack.tgid = (uint32_t)getpid();
	__asm__ volatile("lea 0(%%rip), %0; mov %%rsp, %1; mov %%rbp, %2"
			 : "=&r"(out->stack.ip), "=&r"(out->stack.sp), "=&r"(out->stack.bp));
	stack_copy(out, most);
	__asm__ volatile("" ::: "memory"); /* no tail call */
}

NO_FRAME_POINTER void own_chain_middle(union own_stack *out, uint32_t most)
{
	own_chain_inner(out, most);
	__asm__ volatile("" ::: "memory");
}

NO_FRAME_POINTER void own_chain_outer(union own_stack *out, uint32_t most)
{
	own_chain_middle(out, most);
	__asm__ volatile("" ::: "memory");
}
