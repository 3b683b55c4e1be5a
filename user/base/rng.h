/* SPDX-License-Identifier: GPL-2.0-only */
/* Seeded random numbers (xoshiro256**, Blackman & Vigna 2018): the same seed gives the same run. */
#ifndef TOLL_BASE_RNG_H
#define TOLL_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

/* Streams of one seed are independent of each other (splitmix64 of seed and stream). */
void rng_init(struct rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* [0, n), unbiased; n > 0 */
double rng_unit(struct rng *r); /* [0, 1) */
double rng_exponential(struct rng *r, double mean);
double rng_normal(struct rng *r); /* mean 0, sd 1 */
/* Log-normal given by its median and its p99. */
double rng_lognormal(struct rng *r, double median, double p99);

#endif
