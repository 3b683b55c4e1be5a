/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Distributions of durations, as scenario files write them:
 *   "20ms"                constant ("0" too)
 *   "lognormal(20ms,80ms)" median, p99
 *   "uniform(10ms,30ms)"  least, most
 *   "exponential(20ms)"   mean
 *   "file:PATH"           one duration a line (empty lines and # comments aside), drawn with equal chance
 * None of them may be above an hour.
 */
#ifndef TOLL_PROVIDER_DISTRIBUTION_H
#define TOLL_PROVIDER_DISTRIBUTION_H

#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"

struct distribution; /* immutable once parsed: threads share it */

int distribution_parse(struct distribution **out, const char *text, struct err *err);
void distribution_free(struct distribution *d);
/* ns; never more than an hour, so that a long tail cannot stall a run. */
uint64_t distribution_draw(const struct distribution *d, struct rng *rng);

#endif
