/* SPDX-License-Identifier: GPL-2.0-only */
/* The code of probes that follow what is kept: its sites get the names of their stacks. */
#ifndef TOLL_SESSION_KEPT_CODE_H
#define TOLL_SESSION_KEPT_CODE_H

#include "leak/survivors.h"
#include "session/code.h"

struct kept_code {
	struct code code;
	struct survivors *found; /* gets the names */
};

/* files: as in struct symbols_config. -ENOMEM */
int kept_code_open(struct kept_code *c, const struct symbols *files);
void kept_code_close(struct kept_code *c); /* twice is fine */
int kept_code_stack(void *kept_code, const struct wire_stack *stack); /* a kept_stack_fn */

#endif
