/* SPDX-License-Identifier: GPL-2.0-only */
/* What was seen of the gateway's allocator, as the part "allocator" of the result. */
#ifndef TOLL_REPORT_ALLOCATOR_H
#define TOLL_REPORT_ALLOCATOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"

struct report_alloc_function {
	const char *name, *file, *family; /* family "": not known */
	const char *insn; /* kind of the probed instruction */
	bool entry_only; /* no latency, no failures */
	bool gives_back; /* free: asks for nothing, cannot fail */
	uint64_t requests; /* that ended while it was probed */
	uint64_t calls, bytes;
	uint64_t returns; /* calls that were seen to return: the base of failed, time and latency */
	uint64_t failed, unfinished, sum_ns;
	const struct hist *latency; /* NULL: none */
};

struct report_allocator {
	const char *link; /* how the probes were put on */
	const struct report_alloc_function *function;
	unsigned functions;
	uint64_t requests; /* that ended while the probes were on */
	double on_share, frees_on_share; /* of the measured time; those on functions that give back */
	uint64_t noise_ns; /* a latency is too long by at most this, in eight of ten calls */
	const char *const *note; /* what is not measured; NULL behind the last */
};

/* NULL: no memory. */
json_t *report_allocator(const struct report_allocator *a);

#endif
