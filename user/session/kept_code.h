/* SPDX-License-Identifier: GPL-2.0-only */
/* Between probes that follow what is kept and symbols: tells the former where code lies, and gives sites the names of their stacks. */
#ifndef TOLL_SESSION_KEPT_CODE_H
#define TOLL_SESSION_KEPT_CODE_H

#include "leak/survivors.h"
#include "symbol/symbols.h"

struct kept_code {
	struct symbols *symbols;
	struct survivors *found; /* gets the names */
	/* tells a probe; set by whom it belongs to before the first process */
	int (*text)(void *probe, uint32_t tgid, const struct code_maps *maps, bool frame_pointers);
	void *probe;
};

int kept_code_open(struct kept_code *c); /* -ENOMEM */
void kept_code_close(struct kept_code *c); /* twice is fine */
void kept_code_process(struct kept_code *c, uint32_t pid);
int kept_code_stack(void *kept_code, const struct wire_stack *stack); /* a kept_stack_fn */

#endif
