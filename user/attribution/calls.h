/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls of the gateway's threads: how many, how long, how they failed. */
#ifndef TOLL_ATTRIBUTION_CALLS_H
#define TOLL_ATTRIBUTION_CALLS_H

#include <stdint.h>

#include "base/hist.h"
#include "bpf/wire.h"

#define CALLS_NUMBERS 512 /* larger ones are counted as the last */
#define CALLS_ERRORS 8 /* told apart for each call; further ones count as the last */

struct call_error {
	uint32_t error; /* errno */
	uint64_t count;
};

struct call_stats {
	uint64_t total_ns;
	uint64_t short_sends; /* took fewer bytes than they were given */
	uint64_t failed;
	struct hist *latency; /* enter to exit, blocked time and all */
	struct call_error error[CALLS_ERRORS];
	unsigned errors;
};

struct calls;
struct calls *calls_new(void); /* NULL: no memory */
void calls_free(struct calls *c);
/* Calls that began before from_ns are left out. -ENOMEM */
int calls_add(struct calls *c, const struct wire_syscalls *r, uint64_t from_ns);
const struct call_stats *calls_of(const struct calls *c, unsigned nr); /* NULL: none was made */

#endif
