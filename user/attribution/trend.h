/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a cost grow with something: a chunk's way through the gateway with its number in the stream, a phase with the bytes of the
 * request? Judged on medians of groups of equal size, so that neither outliers nor a few huge values of x decide.
 */
#ifndef TOLL_ATTRIBUTION_TREND_H
#define TOLL_ATTRIBUTION_TREND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

#define TREND_SAMPLE 4096

struct trend_point {
	uint64_t x, y;
};

/* A sample in which each point that came has the same chance to be (Vitter's algorithm R, 1985). */
struct trend {
	struct trend_point at[TREND_SAMPLE];
	uint64_t seen;
	struct rng rng;
};
void trend_init(struct trend *t);
void trend_add(struct trend *t, uint64_t x, uint64_t y);

struct trend_judgement {
	double slope; /* of y per x, by Theil and Sen */
	double z; /* of Mann and Kendall: how sure a rise (above 0) or fall is, in standard deviations */
	struct trend_point low, high; /* medians of the groups with the smallest and the largest x */
	bool grows; /* surely, and by enough to matter */
};
/* false: too few points, or x hardly differs. */
bool trend_judge(const struct trend *t, struct trend_judgement *out);

#endif
