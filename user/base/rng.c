// SPDX-License-Identifier: GPL-2.0-only
#include "base/rng.h"

#include <math.h>

#define NORMAL_P99 2.3263478740408408 /* the 99th percentile of the standard normal distribution */

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void rng_init(struct rng *r, uint64_t seed, uint64_t stream)
{
	uint64_t state = stream;
	int i;

	/* mixed apart first, so that (seed, stream + 1) and (seed + 1, stream) do not meet */
	state = splitmix64(&state) ^ seed;
	for (i = 0; i < 4; i++)
		r->s[i] = splitmix64(&state);
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t rng_u64(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotl(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

/* Lemire 2019, "Fast random integer generation in an interval" */
uint64_t rng_below(struct rng *r, uint64_t n)
{
	unsigned __int128 m = (unsigned __int128)rng_u64(r) * n;
	uint64_t low = (uint64_t)m;

	if (low < n) {
		uint64_t reject_below = (0 - n) % n;

		while (low < reject_below) {
			m = (unsigned __int128)rng_u64(r) * n;
			low = (uint64_t)m;
		}
	}
	return (uint64_t)(m >> 64);
}

double rng_unit(struct rng *r)
{
	return (double)(rng_u64(r) >> 11) * 0x1.0p-53;
}

double rng_exponential(struct rng *r, double mean)
{
	return -mean * log1p(-rng_unit(r));
}

/* Marsaglia's polar method; the second value is given up: a kept one would make streams depend on history */
double rng_normal(struct rng *r)
{
	double u, v, s;

	do {
		u = 2.0 * rng_unit(r) - 1.0;
		v = 2.0 * rng_unit(r) - 1.0;
		s = u * u + v * v;
	} while (s >= 1.0 || s <= 0.0);
	return u * sqrt(-2.0 * log(s) / s);
}

double rng_lognormal(struct rng *r, double median, double p99)
{
	double sigma;

	if (!(median > 0.0) || !(p99 > median))
		return median;
	sigma = log(p99 / median) / NORMAL_P99;
	return median * exp(sigma * rng_normal(r));
}
