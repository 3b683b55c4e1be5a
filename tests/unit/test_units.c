// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "tests/support/test.h"

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{"0", 0},
		{"0s", 0},
		{"1ns", 1},
		{"200us", 200 * NS_PER_US},
		{"200\xc2\xb5s", 200 * NS_PER_US},
		{"1.5s", 1500 * NS_PER_MS},
		{"0.001ms", NS_PER_US},
		{"10m", 600 * NS_PER_S},
		{"2h", 7200 * NS_PER_S},
		{"1h30m", 5400 * NS_PER_S},
		{"1m0.5s", 60 * NS_PER_S + 500 * NS_PER_MS},
		{"18446744073709551615ns", UINT64_MAX},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ns = 77;

		assert_int_equal(units_parse_duration_ns(cases[i].text, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void test_wrong_durations(void **state)
{
	static const char *const invalid[] = {"",     "5",     "1.s",  ".5s",    "s",
					      "1 s",  " 1s",   "1s ",  "1sec",   "1e3s",
					      "0x1s", "30m1h", "1m1m", "1.5.5s", "1.0000000000001s",
					      "+1s"};
	static const char *const range[] = {"-1s",  "-1", "18446744073709551616ns", "18446744074s", "99999999999999999999h",
					    "1h-1m"};
	uint64_t ns = 77;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		assert_int_equal(units_parse_duration_ns(invalid[i], &ns), -EINVAL);
	for (i = 0; i < sizeof(range) / sizeof(range[0]); i++)
		assert_int_equal(units_parse_duration_ns(range[i], &ns), -ERANGE);
	assert_int_equal(ns, 77);
}

static void test_bytes(void **state)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t bytes;
	} cases[] = {
		{"64", 0, 64},
		{"64B", 0, 64},
		{"1KiB", 0, 1024},
		{"200kB", 0, 200000},
		{"1GB", 0, 1000000000},
		{"16MiB", 0, 16u << 20},
		{"1.5KiB", 0, 1536},
		{"0", 0, 0},
		{"", -EINVAL, 0},
		{"1.5", -EINVAL, 0},
		{"1.5B", -EINVAL, 0},
		{"12 kB", -EINVAL, 0},
		{"1kb", -EINVAL, 0},
		{"kB", -EINVAL, 0},
		{"-1", -ERANGE, 0},
		{"18446744073709551616", -ERANGE, 0},
		{"17000000TiB", -ERANGE, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t bytes = 0;

		assert_int_equal(units_parse_bytes(cases[i].text, &bytes), cases[i].rc);
		if (!cases[i].rc)
			assert_int_equal(bytes, cases[i].bytes);
	}
}

static void test_rates(void **state)
{
	static const struct {
		const char *text;
		int rc;
		double per_s;
	} cases[] = {
		{"1000", 0, 1000.0},   {"16.67", 0, 16.67},         {"1000/m", 0, 1000.0 / 60}, {"50/s", 0, 50.0},
		{"50rps", 0, 50.0},    {"1000rpm", 0, 1000.0 / 60}, {"3600/h", 0, 1.0},         {"0", -ERANGE, 0},
		{"0.0/s", -ERANGE, 0}, {"-3", -ERANGE, 0},          {"nan", -EINVAL, 0},        {"inf", -EINVAL, 0},
		{"1e3", -EINVAL, 0},   {"50/d", -EINVAL, 0},        {"", -EINVAL, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double rate = 0;

		assert_int_equal(units_parse_rate(cases[i].text, &rate), cases[i].rc);
		if (!cases[i].rc)
			assert_float_equal(rate, cases[i].per_s, 1e-9);
	}
}

static void test_u64(void **state)
{
	uint64_t n = 0;

	(void)state;
	assert_int_equal(units_parse_u64("18446744073709551615", &n), 0);
	assert_int_equal(n, UINT64_MAX);
	assert_int_equal(units_parse_u64("18446744073709551616", &n), -ERANGE);
	assert_int_equal(units_parse_u64("-1", &n), -ERANGE);
	assert_int_equal(units_parse_u64("1.0", &n), -EINVAL);
	assert_int_equal(units_parse_u64("", &n), -EINVAL);
	assert_int_equal(units_parse_u64("7x", &n), -EINVAL);
}

static void test_format_ns(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0 ns"},
		{812, "812 ns"},
		{999, "999 ns"},
		{1000, "1.00 \xc2\xb5s"},
		{38400, "38.4 \xc2\xb5s"},
		{99949, "99.9 \xc2\xb5s"},
		{99960, "100 \xc2\xb5s"},
		{999499, "999 \xc2\xb5s"},
		{999500, "1.00 ms"},
		{1200000, "1.20 ms"},
		{9994000, "9.99 ms"},
		{9996000, "10.0 ms"},
		{2500000000, "2.50 s"},
		{59940000000, "59.9 s"},
		{59960000000, "1 m 0 s"},
		{200 * NS_PER_S, "3 m 20 s"},
		{3600 * NS_PER_S, "1 h 0 m"},
		{UINT64_MAX, "5124095 h 34 m"},
	};
	char buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(units_format_ns(buf, sizeof(buf), cases[i].ns), cases[i].text);
	assert_string_equal(units_format_ns(buf, 4, 812), "812");
}

static void test_format_others(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(units_format_bytes(buf, sizeof(buf), 0), "0 B");
	assert_string_equal(units_format_bytes(buf, sizeof(buf), 999), "999 B");
	assert_string_equal(units_format_bytes(buf, sizeof(buf), 1000), "1.00 kB");
	assert_string_equal(units_format_bytes(buf, sizeof(buf), 16u << 20), "16.8 MB");
	assert_string_equal(units_format_bytes(buf, sizeof(buf), UINT64_MAX), "18446744 TB");
	assert_string_equal(units_format_count(buf, sizeof(buf), 0), "0");
	assert_string_equal(units_format_count(buf, sizeof(buf), 999), "999");
	assert_string_equal(units_format_count(buf, sizeof(buf), 12345), "12,345");
	assert_string_equal(units_format_count(buf, sizeof(buf), UINT64_MAX), "18,446,744,073,709,551,615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),     cmocka_unit_test(test_wrong_durations),
		cmocka_unit_test(test_bytes),         cmocka_unit_test(test_rates),
		cmocka_unit_test(test_u64),           cmocka_unit_test(test_format_ns),
		cmocka_unit_test(test_format_others),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
