/* SPDX-License-Identifier: GPL-2.0-only */
/* Who keeps memory, as the part "survivors" of what the probes' side tells; build_leak.c makes rates of it. */
#ifndef TOLL_REPORT_SURVIVORS_H
#define TOLL_REPORT_SURVIVORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "leak/survivors.h"

#define REPORT_SURVIVORS_MAX 50 /* rows in the document */

struct report_survivors {
	const char *because; /* why it was looked for */
	double started_s; /* since the load's start; negative: before it */
	unsigned windows;
	double on_s; /* all windows together */
	double cpu_share; /* of the gateway's CPU, what the windows took; negative: not known */
	uint32_t weight; /* one address in so many is followed, in the end */
	uint64_t refused, strangers, stacks_lost;
	bool searched; /* the heap, for pointers: rows tell their blocks' fates */
	const char *class_name[16]; /* requests that ended within windows, by class */
	uint64_t requests[16];
	unsigned classes;
	uint64_t start_ns; /* of the load: what first_ns counts from */
	const struct survivor_row *row; /* those that keep most first */
	size_t rows;
	const char *const *note; /* NULL behind the last */
};

/* Who keeps what else: the part "growth_stacks", by kind. NULL: no memory. */
json_t *report_growth_stacks(const struct report_survivors *s);
/* NULL: no memory. */
json_t *report_survivors(const struct report_survivors *s);

#endif
