/* SPDX-License-Identifier: GPL-2.0-only */
/* Between probes and symbols: tells the kernel side where the gateway's code lies, and names the stacks that come back. */
#ifndef TOLL_SESSION_CODE_H
#define TOLL_SESSION_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "symbol/symbols.h"

/* Tells a probe where the code of a process lies; -errno. */
typedef int (*code_text_fn)(void *probe, uint32_t tgid, const struct code_maps *maps, bool frame_pointers);

struct code {
	void *probe; /* NULL: no stacks are taken */
	code_text_fn text;
	struct symbols *symbols;
};

/* config's named: gets each stack once, with its names. -ENOMEM. */
int code_open(struct code *c, const struct symbols_config *config);
/* Before the first process: from here on this probe takes stacks; NULL: none does. */
void code_probe(struct code *c, code_text_fn text, void *probe);
void code_close(struct code *c); /* twice is fine */
/* The code of a process of the gateway, as it is now. A process that has gone has none. */
void code_process(struct code *c, uint32_t tgid);
int code_stack(struct code *c, const struct wire_stack *stack);
/* After the load: names what waits. */
int code_name(struct code *c);

#endif
