/* SPDX-License-Identifier: GPL-2.0-only */
/* The seed of a model test: a new one for each run, printed, and given again by TEST_SEED=N to repeat a failure. */
#ifndef TOLL_TESTS_SUPPORT_SEED_H
#define TOLL_TESTS_SUPPORT_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static inline uint64_t test_seed(void)
{
	const char *given = getenv("TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : clock_now_ns();

	printf("# seed %llu (TEST_SEED repeats it)\n", (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

#endif
