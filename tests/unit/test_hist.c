// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "base/hist.h"
#include "tests/support/test.h"

static void assert_within(uint64_t value, uint64_t truth)
{
	uint64_t off = value > truth ? value - truth : truth - value;

	assert_in_range(off * 256, 0, truth);
}

static void test_empty(void **state)
{
	struct hist *h = hist_new();

	(void)state;
	assert_int_equal(hist_count(h), 0);
	assert_int_equal(hist_min(h), 0);
	assert_int_equal(hist_max(h), 0);
	assert_int_equal(hist_percentile(h, 50), 0);
	assert_int_equal(hist_count_above(h, 0), 0);
	assert_false(hist_is_lower_bound(h, 100));
	assert_float_equal(hist_mean(h), 0.0, 0.0);
	hist_free(h);
	hist_free(NULL);
}

static void test_every_value_is_near(void **state)
{
	unsigned bit;
	uint64_t step;

	(void)state;
	for (bit = 0; bit < 48; bit++) {
		for (step = 0; step < 32; step++) {
			uint64_t value = (UINT64_C(1) << bit) + step * (UINT64_C(1) << bit) / 32;
			struct hist *h = hist_new();

			assert_int_equal(hist_record(h, 1), 0);
			assert_int_equal(hist_record(h, value), 0);
			assert_int_equal(hist_record(h, (UINT64_C(1) << 48) - 1), 0);
			assert_within(hist_percentile(h, 50), value);
			hist_free(h);
		}
	}
}

static void test_exact_below_256(void **state)
{
	struct hist *h = hist_new();
	uint64_t v;

	(void)state;
	for (v = 0; v < 256; v++)
		assert_int_equal(hist_record(h, v), 0);
	for (v = 1; v <= 256; v++)
		assert_int_equal(hist_percentile(h, 100.0 * (double)v / 256), v - 1);
	assert_int_equal(hist_count_above(h, 99), 156);
	assert_int_equal(hist_sum(h), 255 * 128);
	hist_free(h);
}

static void test_clamp_and_saturation(void **state)
{
	struct hist *h = hist_new();
	const uint64_t top = (UINT64_C(1) << 48) - 1;

	(void)state;
	assert_int_equal(hist_record(h, UINT64_MAX), 0);
	assert_int_equal(hist_max(h), top);
	assert_int_equal(hist_percentile(h, 50), top);
	assert_int_equal(hist_record_n(h, top, UINT64_C(1) << 20), 0);
	assert_int_equal(hist_sum(h), UINT64_MAX);
	assert_int_equal(hist_count(h), (UINT64_C(1) << 20) + 1);
	assert_int_equal(hist_count_above(h, UINT64_MAX), 0);
	hist_reset(h);
	assert_int_equal(hist_count(h), 0);
	assert_int_equal(hist_record(h, 5), 0);
	assert_int_equal(hist_min(h), 5);
	hist_free(h);
}

static void test_percentile_edges(void **state)
{
	struct hist *h = hist_new();

	(void)state;
	hist_record_n(h, 10, 99);
	hist_record(h, 1000003);
	assert_int_equal(hist_percentile(h, 0), 10);
	assert_int_equal(hist_percentile(h, 99), 10);
	assert_int_equal(hist_percentile(h, 99.1), 1000003);
	assert_int_equal(hist_percentile(h, 100), 1000003);
	assert_int_equal(hist_percentile(h, -5), 10);
	assert_int_equal(hist_percentile(h, 500), 1000003);
	hist_free(h);
}

static void test_lower_bounds(void **state)
{
	struct hist *h = hist_new(), *other = hist_new();

	(void)state;
	hist_record_n(h, 100, 90);
	hist_record_n(other, 50000, 5);
	hist_record_at_least(other, 30000);
	hist_record_at_least(other, 60000);
	hist_merge(h, other);
	assert_int_equal(hist_count(h), 97);
	assert_int_equal(hist_count_at_least(h), 2);
	assert_false(hist_is_lower_bound(h, 50));
	assert_false(hist_is_lower_bound(h, 92));
	assert_true(hist_is_lower_bound(h, 93.5));
	assert_true(hist_is_lower_bound(h, 100));
	hist_free(h);
	hist_free(other);
}

static void test_text_form(void **state)
{
	struct hist *h = hist_new(), *back = NULL;
	char *text, *again;

	(void)state;
	text = hist_encode(h);
	assert_string_equal(text, "toll.hist/1;0;0;0;0;0;");
	assert_int_equal(hist_decode(text, &back), 0);
	assert_int_equal(hist_count(back), 0);
	hist_free(back);
	free(text);
	hist_record_n(h, 3, 2);
	hist_record_at_least(h, 300);
	text = hist_encode(h);
	assert_string_equal(text, "toll.hist/1;3;300;306;1;300;3:2,278:1");
	assert_int_equal(hist_decode(text, &back), 0);
	again = hist_encode(back);
	assert_string_equal(again, text);
	free(text);
	free(again);
	hist_free(back);
	hist_free(h);
}

static void test_short_text_form(void **state)
{
	struct hist *h = hist_new(), *back = NULL;
	char *text;

	(void)state;
	hist_record_n(h, 3, 2);
	hist_record(h, 5);
	hist_record_at_least(h, 300);
	text = hist_encode_short(h);
	assert_string_equal(text, "toll.hist/2;3;300;311;1;300;3x2,2,273");
	assert_int_equal(hist_decode(text, &back), 0);
	free(text);
	text = hist_encode(back);
	assert_string_equal(text, "toll.hist/1;3;300;311;1;300;3:2,5:1,278:1");
	free(text);
	hist_free(back);
	hist_free(h);
}

static void test_buckets_in_order(void **state)
{
	struct hist *h = hist_new();
	uint64_t n = 0;

	(void)state;
	assert_int_equal(hist_next(h, 0, &n), HIST_BUCKETS);
	hist_record_n(h, 7, 3);
	hist_record(h, UINT64_MAX);
	assert_int_equal(hist_next(h, 0, &n), 7);
	assert_int_equal(n, 3);
	assert_int_equal(hist_bucket_value(7), 7);
	assert_int_equal(hist_next(h, 8, &n), HIST_BUCKETS - 1);
	assert_int_equal(n, 1);
	assert_int_equal(hist_next(h, HIST_BUCKETS, &n), HIST_BUCKETS);
	hist_free(h);
}

static void test_decode_refuses(void **state)
{
	static const char *const texts[] = {
		"",
		"toll.hist/3;0;0;0;0;0;",
		"toll.hist/1;",
		"toll.hist/1;0;0;0;0;0",
		"toll.hist/1;3;3;6;0;0;3:2,",
		"toll.hist/1;3;3;6;0;0;,3:2",
		"toll.hist/1;3;3;6;0;0;3:2 ",
		"toll.hist/1;3;3;6;0;0;3:0",
		"toll.hist/1;3;3;6;0;0;3",
		"toll.hist/1;3;3;6;0;0;3:-2",
		"toll.hist/1;3;3;6;0;0;99999:2",
		"toll.hist/1;3;4;7;0;0;4:1,3:1", /* not ascending */
		"toll.hist/1;3;3;6;0;0;3:1,3:1", /* twice */
		"toll.hist/1;2;3;6;0;0;3:2", /* min in no bucket */
		"toll.hist/1;3;5;6;0;0;3:2", /* max in no bucket */
		"toll.hist/1;5;3;6;0;0;3:2", /* min over max */
		"toll.hist/1;3;3;7;0;0;3:2", /* sum cannot be */
		"toll.hist/1;3;3;6;3;3;3:2", /* more lower bounds than values */
		"toll.hist/1;3;3;6;0;3;3:2", /* a lowest bound of none */
		"toll.hist/1;3;3;6;1;4;3:2", /* bound over max */
		"toll.hist/1;0;0;1;0;0;", /* a sum of nothing */
		"toll.hist/1;3;3;6;0;0;3:18446744073709551615,4:1", /* count overflows */
		"toll.hist/1;18446744073709551616;3;6;0;0;3:2",
		"toll.hist/2;3;3;6;0;0;3:2", /* the other form's buckets */
		"toll.hist/2;3;3;6;0;0;3x2,",
		"toll.hist/2;3;3;6;0;0;3x0",
		"toll.hist/2;3;3;6;0;0;3x1,0x1", /* no step */
		"toll.hist/2;3;3;6;0;0;5376x2",
		"toll.hist/2;3;3;6;0;0;18446744073709551615,4x2",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct hist *h = NULL;

		assert_int_equal(hist_decode(texts[i], &h), -EINVAL);
		assert_null(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_every_value_is_near),
		cmocka_unit_test(test_exact_below_256),
		cmocka_unit_test(test_clamp_and_saturation),
		cmocka_unit_test(test_percentile_edges),
		cmocka_unit_test(test_lower_bounds),
		cmocka_unit_test(test_text_form),
		cmocka_unit_test(test_short_text_form),
		cmocka_unit_test(test_buckets_in_order),
		cmocka_unit_test(test_decode_refuses),
	};

	return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
