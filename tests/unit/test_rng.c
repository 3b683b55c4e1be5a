// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "base/rng.h"
#include "tests/support/test.h"

#define DRAWS 200000

static void test_known_sequence(void **state)
{
	/* the reference implementation of xoshiro256** from the state 1, 2, 3, 4 */
	static const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
	struct rng r = {{1, 2, 3, 4}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(rng_u64(&r), expected[i]);
}

static void test_seed_and_stream(void **state)
{
	struct rng a, b, c, d;

	(void)state;
	rng_init(&a, 7, 0);
	rng_init(&b, 7, 0);
	rng_init(&c, 7, 1);
	rng_init(&d, 8, 0);
	assert_int_equal(rng_u64(&a), rng_u64(&b));
	assert_int_not_equal(rng_u64(&a), rng_u64(&c));
	assert_int_not_equal(rng_u64(&b), rng_u64(&d));
}

static void test_below_is_even(void **state)
{
	unsigned seen[6] = {0}, i;
	struct rng r;

	(void)state;
	rng_init(&r, 1, 2);
	for (i = 0; i < DRAWS; i++)
		seen[rng_below(&r, 6)]++;
	for (i = 0; i < 6; i++)
		assert_in_range(seen[i], DRAWS / 6 - 1000, DRAWS / 6 + 1000); /* six standard deviations */
	assert_int_equal(rng_below(&r, 1), 0);
	for (i = 0; i < 100; i++)
		assert_in_range(rng_below(&r, (UINT64_C(1) << 63) + 1), 0, UINT64_C(1) << 63);
}

static void test_unit_and_exponential(void **state)
{
	double sum = 0, exponentials = 0;
	struct rng r;
	unsigned i;

	(void)state;
	rng_init(&r, 3, 0);
	for (i = 0; i < DRAWS; i++) {
		double u = rng_unit(&r), e = rng_exponential(&r, 5.0);

		assert_true(u >= 0.0 && u < 1.0);
		assert_true(e >= 0.0);
		sum += u;
		exponentials += e;
	}
	assert_float_equal(sum / DRAWS, 0.5, 0.005);
	assert_float_equal(exponentials / DRAWS, 5.0, 0.1);
}

static void test_normal(void **state)
{
	double sum = 0, squares = 0;
	struct rng r;
	unsigned i;

	(void)state;
	rng_init(&r, 4, 0);
	for (i = 0; i < DRAWS; i++) {
		double x = rng_normal(&r);

		sum += x;
		squares += x * x;
	}
	assert_float_equal(sum / DRAWS, 0.0, 0.02);
	assert_float_equal(squares / DRAWS, 1.0, 0.03);
}

static void test_lognormal_quantiles(void **state)
{
	unsigned i, below_median = 0, below_p99 = 0;
	struct rng r;

	(void)state;
	rng_init(&r, 5, 0);
	for (i = 0; i < DRAWS; i++) {
		double x = rng_lognormal(&r, 100.0, 900.0);

		below_median += x <= 100.0;
		below_p99 += x <= 900.0;
	}
	assert_in_range(below_median, DRAWS / 2 - 1500, DRAWS / 2 + 1500);
	assert_in_range(below_p99, DRAWS * 99 / 100 - 300, DRAWS * 99 / 100 + 300);
	assert_float_equal(rng_lognormal(&r, 100.0, 100.0), 100.0, 0.0);
	assert_float_equal(rng_lognormal(&r, 0.0, 100.0), 0.0, 0.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_sequence), cmocka_unit_test(test_seed_and_stream),
		cmocka_unit_test(test_below_is_even),  cmocka_unit_test(test_unit_and_exponential),
		cmocka_unit_test(test_normal),         cmocka_unit_test(test_lognormal_quantiles),
	};

	return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
