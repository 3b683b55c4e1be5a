// rooms: base attribution/trend
// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>

#include "attribution/trend.h"
#include "tests/support/test.h"

static struct trend trend;

/* y = base + slope * x, noise up to `noise`, now and then an outlier a thousand times as large. */
static bool judge(double slope, uint64_t base, uint64_t noise, unsigned n, uint64_t x_max, struct trend_judgement *out)
{
	struct rng r;

	rng_init(&r, 7, 0);
	trend_init(&trend);
	for (unsigned i = 0; i < n; i++) {
		uint64_t x = rng_below(&r, x_max), y = base + (uint64_t)(slope * (double)x) + rng_below(&r, noise + 1);
		trend_add(&trend, x, rng_below(&r, 50) ? y : y * 1000);
	}
	return trend_judge(&trend, out);
}

static void test_growth_is_found_with_its_slope(void **state)
{
	struct trend_judgement j;

	(void)state;
	assert_true(judge(300, 20000, 10000, 20000, 400, &j));
	assert_true(j.grows);
	assert_true(fabs(j.slope - 300) < 30);
	assert_true(j.low.y < j.high.y);
	assert_true(j.low.x < 30 && j.high.x > 370);
}

static void test_noise_and_outliers_are_no_growth(void **state)
{
	struct trend_judgement j;

	(void)state;
	assert_true(judge(0, 20000, 10000, 20000, 400, &j));
	assert_false(j.grows);
	assert_true(judge(1, 20000, 100, 20000, 400, &j)); /* sure, and far too small to matter */
	assert_false(j.grows);
}

static void test_too_little_to_judge(void **state)
{
	struct trend_judgement j;

	(void)state;
	assert_false(judge(300, 20000, 10000, 40, 400, &j));
	assert_false(judge(300, 20000, 10000, 20000, 1, &j)); /* one size of request */
	trend_init(&trend);
	assert_false(trend_judge(&trend, &j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_is_found_with_its_slope),
		cmocka_unit_test(test_noise_and_outliers_are_no_growth),
		cmocka_unit_test(test_too_little_to_judge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
