/* SPDX-License-Identifier: GPL-2.0-only */
/* What user space gets of things that are taken and kept: stacks as they come, sites and things when asked for. */
#ifndef TOLL_PROBE_KEPT_FEED_H
#define TOLL_PROBE_KEPT_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"

/* Each new stack once, as the kernel side sent it; other than 0 is kept and returned by the next poll. */
typedef int (*kept_stack_fn)(void *ctx, const struct wire_stack *stack);
/* Other than 0 ends the walk and is returned. */
typedef int (*kept_site_fn)(void *ctx, uint64_t site, const struct wire_site *s);
typedef int (*kept_block_fn)(void *ctx, const struct wire_block_key *key, const struct wire_block *b);

#endif
