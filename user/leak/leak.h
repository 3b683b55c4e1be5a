/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a gauge grow with the requests that were served, and does it go on? A series of one gauge in, a verdict out. Pure: no clock, no
 * /proc, the same series gives the same verdict.
 *
 * What is judged is the *floor*: the lowest value of each window, for between two collections a heap may hold anything. The floor is cut
 * where its level jumps or its line bends (a warm-up, a pool that grew for one burst); a leak is what rises *between* the cuts, with one
 * slope whose interval lies above 0, and in the second half as in the first: a cache fills up and its slope decays.
 */
#ifndef TOLL_LEAK_LEAK_H
#define TOLL_LEAK_LEAK_H

#include <stdbool.h>
#include <stdint.h>

#include "leak/fit.h"

enum leak_verdict {
	LEAK_INCONCLUSIVE = 0,
	LEAK_NONE = 1,
	LEAK_FOUND = 2,
};
const char *leak_verdict_name(enum leak_verdict verdict); /* "inconclusive", "no_leak", "leak" */

/* Why a verdict is what it is. */
enum leak_reason {
	LEAK_TOO_SHORT = 0, /* too few samples, or it has just begun to rise in another way */
	LEAK_TOO_NOISY = 1, /* the interval holds 0 and much more */
	LEAK_FLAT = 2, /* no growth above what this run could have seen */
	LEAK_LEVELS_OFF = 3, /* it grew, and that has ended */
	LEAK_SLOWS_DOWN = 4, /* it grows ever more slowly: it may level off */
	LEAK_GROWS_ON = 5, /* it grows as fast at the end as in the whole */
	LEAK_NOT_MEASURED = 8, /* the gauge could not be read */
	LEAK_NO_NEW_HIGH = 7, /* it swings, and was in its second half never higher than in its first */
	LEAK_STEPPED = 6, /* it grew by steps, the last one in the second half; or far faster there */
};

struct leak_sample {
	double time_s; /* since the start; rises */
	double requests; /* answered so far: all, or those that may drive the gauge. Where it rises, the gauge is judged against it, else against time */
	double value; /* bytes, or a count */
};

struct leak_series {
	const struct leak_sample *sample;
	unsigned samples;
};

struct leak_config {
	double confidence; /* of the intervals; 0: 0.995 */
	double material; /* growth over the judged part below this is none: 64 KiB, 8 descriptors. Above 0 */
};

struct leak_judgement {
	enum leak_verdict verdict;
	enum leak_reason reason;
	double judged_from_s; /* what came before it was another regime: a warm-up, a cache that filled up */
	unsigned moves; /* windows with more requests (or time) than the one before ... */
	unsigned rises; /* ... that are higher than it, too */
	unsigned steps; /* jumps within the judged part */
	double last_step_s; /* since the start; 0: none */
	struct fit_line per_request; /* slope of the floor; points == 0: no requests, or not judged */
	struct fit_line per_second;
	struct fit_line second_half; /* per request where there were any, else per second; points == 0: not told */
	double persistence; /* slope of the second half / of the first; 0: not told */
	bool slower; /* the second half is slower, and not by chance */
	double smallest_visible_per_request; /* a leak from here on would have been called one; 0: not told */
	double needs_s; /* inconclusive: how much longer, judged by this run's noise; 0: cannot be told */
	double start_value, end_value; /* of the floor */
};

/* -EINVAL: no material. Few samples are no error: inconclusive. */
int leak_judge(const struct leak_series *series, const struct leak_config *config, struct leak_judgement *out);

/* Does it rise, and is that sure? A verdict needs more than this. */
bool leak_rises(const struct leak_judgement *j);

/* Seconds until `limit` is reached at this growth (the end of the interval that comes first in low_s); 0: never. */
double leak_time_to_limit_s(const struct leak_judgement *j, double limit, double *low_s);

#endif
