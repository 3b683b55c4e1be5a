// rooms: base scenario
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "scenario/fault.h"
#include "tests/support/test.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static struct fault good(const char *text)
{
	struct err err = {0};
	struct fault f;

	if (fault_parse(text, &f, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	return f;
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(good("error=503").status, 503);
	assert_int_equal(good("error=503").until_ns, UINT64_MAX);
	assert_float_equal(good("limit=6000/m").rate_per_s, 100, 1e-9);
	assert_float_equal(good("limit=100/s").burst, 100, 1e-9);
	assert_float_equal(good("limit=0.5/s").burst, 1, 1e-9);
	assert_float_equal(good("limit=100/s,burst=20").burst, 20, 1e-9);
	assert_int_equal(good("hang").kind, FAULT_HANG);
	assert_int_equal(good("reset").kind, FAULT_RESET);
	assert_int_equal(good("truncate").kind, FAULT_TRUNCATE);
	assert_int_equal(good("malformed").kind, FAULT_MALFORMED);
	assert_int_equal(good("close").kind, FAULT_CLOSE);
	assert_int_equal(good("slow_start=2s").delay_ns, 2 * S);
	assert_int_equal(good("slow_tokens=50ms").delay_ns, 50 * MS);
}

static void test_words(void **state)
{
	struct fault f = good("error=429,share=12.5%,from=10s,until=1m,retry_after=2s");

	(void)state;
	assert_float_equal(f.share, 0.125, 1e-12);
	assert_int_equal(f.from_ns, 10 * S);
	assert_int_equal(f.until_ns, 60 * S);
	assert_int_equal(f.retry_after_ns, 2 * S);
	assert_float_equal(good("reset,share=0.5").share, 0.5, 1e-12);
	assert_int_equal(good("hang,until=2s,every=1m").every_ns, 60 * S);
}

/* What one end writes the other reads. */
static void test_format(void **state)
{
	static const char *const texts[] = {"limit=1111111111111",
					    "error=503,share=50%,from=10s,until=20s",
					    "limit=33.25/s,burst=7,retry_after=3s",
					    "hang",
					    "slow_tokens=50ms,from=1ms",
					    "close,from=1s,until=2s,every=3s",
					    "reset,share=0.001",
					    "limit=1000000/s"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct fault a = good(texts[i]), b;
		char text[160];

		b = good(fault_format(&a, text, sizeof(text)));
		assert_int_equal(a.kind, b.kind);
		assert_int_equal(a.status, b.status);
		assert_int_equal(a.delay_ns, b.delay_ns);
		assert_float_equal(a.rate_per_s, b.rate_per_s, 1e-6);
		assert_float_equal(a.burst, b.burst, 1e-6);
		assert_float_equal(a.share, b.share, 1e-9);
		assert_int_equal(a.from_ns, b.from_ns);
		assert_int_equal(a.until_ns, b.until_ns);
		assert_int_equal(a.every_ns, b.every_ns);
		assert_int_equal(a.retry_after_ns, b.retry_after_ns);
	}
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {{"", "expected error="},
		    {"error", "\"error\""},
		    {"error=200", "error=200"},
		    {"error=abc", "error=abc"},
		    {"limit=0/s", "limit=0"},
		    {"limit=-1/s", "limit=-1"},
		    {"hang=1s", "hang=1s"},
		    {"slow_start=0s", "slow_start=0s"},
		    {"slow_start=5", "slow_start=5"},
		    {"hang,share=0%", "share=0%"},
		    {"hang,share=101%", "share=101%"},
		    {"hang,share=1e3", "share=1e3"},
		    {"hang,share=0.0000000001", "share=0.0000000001"},
		    {"limit=0.000000001/h", "limit=0.000000001/h"},
		    {"hang,burst=3", "burst=3"},
		    {"limit=5/s,burst=0", "burst=0"},
		    {"hang,retry_after=1s", "retry_after=1s"},
		    {"hang,from=-1s", "from=-1s"},
		    {"hang,from=2s,until=1s", "until after from"},
		    {"hang,every=1m", "every longer"},
		    {"hang,from=2s,until=4s,every=2s", "every longer"},
		    {"close=1", "close"},
		    {"hang,,", "\"\""},
		    {"hang,until", "\"until\""},
		    {"eror=503", "eror=503"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {0};
		struct fault f;

		assert_int_equal(fault_parse(rows[i].text, &f, &err), -EINVAL);
		if (!strstr(err.text, rows[i].words))
			fail_msg("expected \"%s\" in: %s", rows[i].words, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
