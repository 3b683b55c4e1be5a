/* SPDX-License-Identifier: GPL-2.0-only */
/* A stack record of this very thread, as the kernel side makes it: registers and a copy. Built without frame pointers. */
#ifndef TOLL_TESTS_SUPPORT_OWN_STACK_H
#define TOLL_TESTS_SUPPORT_OWN_STACK_H

#include "bpf/wire.h"

union own_stack {
	struct wire_stack stack;
	unsigned char bytes[sizeof(struct wire_stack) + WIRE_STACK_COPY_MAX];
};

/* Called at the end of own_chain_outer() -> own_chain_middle() -> own_chain_inner(); copies at most `most` bytes. */
void own_chain_outer(union own_stack *out, uint32_t most);

#endif
