// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "base/rng.h"
#include "base/sketch.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define VALUES 5000

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void test_empty(void **state)
{
	struct sketch s = {0};

	(void)state;
	assert_int_equal(sketch_percentile(&s, 50), 0);
	assert_int_equal(s.count, 0);
	sketch_fini(&s);
}

static void test_percentiles_are_near_those_of_the_sorted_values(void **state)
{
	static const double at[] = {1, 25, 50, 90, 99, 100};
	static uint64_t value[VALUES];
	struct sketch s = {0};
	struct rng rng;

	(void)state;
	rng_init(&rng, test_seed(), 0);
	for (unsigned i = 0; i < VALUES; i++) {
		value[i] = rng_below(&rng, UINT64_C(1) << (1 + rng_below(&rng, 60)));
		assert_int_equal(sketch_record(&s, value[i]), 0);
	}
	qsort(value, VALUES, sizeof(*value), by_value);
	assert_int_equal(s.count, VALUES);
	for (unsigned i = 0; i < sizeof(at) / sizeof(*at); i++) {
		uint64_t truth = value[(unsigned)(at[i] / 100 * VALUES) - 1], got = sketch_percentile(&s, at[i]);
		uint64_t off = got > truth ? got - truth : truth - got;
		assert_in_range(off, 0, truth / 64 + (truth < 64 ? 0 : 1));
	}
	sketch_fini(&s);
}

static void test_merge_is_the_sketch_of_both(void **state)
{
	struct sketch a = {0}, b = {0}, both = {0};
	struct rng rng;

	(void)state;
	rng_init(&rng, test_seed(), 1);
	for (unsigned i = 0; i < VALUES; i++) {
		uint64_t value = rng_below(&rng, 3000000);
		assert_int_equal(sketch_record(i % 3 ? &a : &b, value), 0);
		assert_int_equal(sketch_record(&both, value), 0);
	}
	assert_int_equal(sketch_merge(&a, &b), 0);
	assert_int_equal(a.used, both.used);
	for (unsigned i = 0; i < a.used; i++) {
		assert_int_equal(a.at[i].index, both.at[i].index);
		assert_int_equal(a.at[i].count, both.at[i].count);
	}
	sketch_fini(&a);
	sketch_fini(&b);
	sketch_fini(&both);
}

static void test_counts_saturate(void **state)
{
	struct sketch a = {0};

	(void)state;
	assert_int_equal(sketch_record(&a, 7), 0);
	a.at[0].count = UINT32_MAX;
	assert_int_equal(sketch_record(&a, 7), 0);
	assert_int_equal(a.at[0].count, UINT32_MAX);
	sketch_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_percentiles_are_near_those_of_the_sorted_values),
		cmocka_unit_test(test_merge_is_the_sketch_of_both),
		cmocka_unit_test(test_counts_saturate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
