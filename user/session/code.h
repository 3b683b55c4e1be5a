/* SPDX-License-Identifier: GPL-2.0-only */
/* Between probes and symbols: tells the kernel side where the gateway's code lies, and names the stacks that come back. */
#ifndef TOLL_SESSION_CODE_H
#define TOLL_SESSION_CODE_H

#include "probe/probe.h"
#include "symbol/symbols.h"

struct code {
	struct probe *probe; /* NULL: no stacks are taken */
	struct symbols *symbols;
};

/* named: gets each stack once, with its names. -ENOMEM. */
int code_open(struct code *c, struct probe *probe, const struct symbols_config *config);
void code_close(struct code *c);
/* The code of a process of the gateway, as it is now. A process that has gone has none. */
void code_process(struct code *c, uint32_t tgid);
int code_stack(struct code *c, const struct wire_stack *stack);
/* After the load: names what waits. */
int code_name(struct code *c);

#endif
