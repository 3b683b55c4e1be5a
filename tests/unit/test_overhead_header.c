// rooms: base record/overhead_header attribution/overhead_told
// SPDX-License-Identifier: GPL-2.0-only
/* What gateways say of themselves in a header: which lines tell it, in what unit, and how it is set against the toll. */
#include <stdio.h>
#include <string.h>

#include "attribution/overhead_told.h"
#include "tests/support/test.h"

#define NOT_TOLD UINT64_MAX

static uint64_t told_ns(const char *line, const char *named, uint32_t wanted_index)
{
	uint32_t index = 99;
	uint64_t ns = 77;

	if (!overhead_header_read(line, strlen(line), named, &index, &ns))
		return NOT_TOLD;
	assert_int_equal(index, wanted_index);
	return ns;
}

static void known_headers(void **state)
{
	(void)state;
	assert_int_equal(told_ns("x-litellm-overhead-duration-ms: 2.345\r\n", NULL, 1), 2345000);
	assert_int_equal(told_ns("X-LiteLLM-Overhead-Duration-Ms:2.3449999999999998\r\n", NULL, 1), 2345000);
	assert_int_equal(told_ns("x-litellm-overhead-duration-ms: 9.5e-05\r\n", NULL, 1), 95);
	assert_int_equal(told_ns("X-MLflow-Gateway-Overhead-Duration-Ms: 3\r\n", NULL, 2), 3000000);
	assert_int_equal(told_ns("X-Kong-Proxy-Latency: 0\r\n", NULL, 3), 0);
	assert_int_equal(told_ns("x-litellm-response-duration-ms: 2.345\r\n", NULL, 0), NOT_TOLD);
	assert_int_equal(told_ns("x-litellm-overhead-duration-ms-extra: 1\r\n", NULL, 0), NOT_TOLD);
	assert_int_equal(told_ns("content-length: 12\r\n", NULL, 0), NOT_TOLD);
}

static void a_named_one_alone_counts(void **state)
{
	(void)state;
	assert_int_equal(told_ns("X-Took-Us: 120\r\n", "x-took-us", 0), 120000);
	assert_int_equal(told_ns("X-Took-Ns: 120\r\n", "x-took-ns", 0), 120);
	assert_int_equal(told_ns("X-Took-Seconds: 0.25\r\n", "x-took-seconds", 0), 250000000);
	assert_int_equal(told_ns("X-Took: 1.5\r\n", "x-took", 0), 1500000);
	assert_int_equal(told_ns("X-Took-Ms: 80us\r\n", "x-took-ms", 0), 80000);
	assert_int_equal(told_ns("x-litellm-overhead-duration-ms: 2\r\n", "x-took", 0), NOT_TOLD);
}

static void what_is_no_time_is_not_told(void **state)
{
	static const char *const values[] = {"",
					     " ",
					     "none",
					     "-1",
					     "nan",
					     "inf",
					     "1 2",
					     "3 parsecs",
					     "1e300",
					     "ms",
					     "1,5",
					     "0x10 ghosts",
					     "99999999999999999999s"};
	char line[200], longest[100];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		snprintf(line, sizeof(line), "x-took: %s\r\n", values[i]);
		assert_int_equal(told_ns(line, "x-took", 0), NOT_TOLD);
	}
	memset(longest, '1', sizeof(longest));
	snprintf(line, sizeof(line), "x-took: %.*s", (int)sizeof(longest), longest);
	assert_int_equal(told_ns(line, "x-took", 0), NOT_TOLD);
	assert_int_equal(told_ns("x-took:", "x-took", 0), NOT_TOLD);
}

static void names(void **state)
{
	char longest[OVERHEAD_HEADER_NAME_MAX + 1];

	(void)state;
	assert_true(overhead_header_is_name("x-took_ms.2"));
	assert_false(overhead_header_is_name(""));
	assert_false(overhead_header_is_name("x took"));
	assert_false(overhead_header_is_name("x-took:"));
	assert_false(overhead_header_is_name("x\r\ny"));
	memset(longest, 'a', sizeof(longest));
	longest[OVERHEAD_HEADER_NAME_MAX] = '\0';
	assert_false(overhead_header_is_name(longest));
	longest[OVERHEAD_HEADER_NAME_MAX - 1] = '\0';
	assert_true(overhead_header_is_name(longest));
}

static void told_against_the_toll(void **state)
{
	struct overhead_told of[OVERHEAD_HEADERS] = {{.requests = 0}};
	struct record_request r = {.flags = RECORD_OVERHEAD, .overhead_header = 1};

	(void)state;
	for (uint64_t i = 1; i <= 100; i++) {
		r.overhead_ns = i * 1000;
		assert_int_equal(overhead_told_add(of, &r, i <= 90 ? i * 1000 + 5000 : i * 1000 - 500), 0);
	}
	r.flags = 0; /* an answer without the header */
	assert_int_equal(overhead_told_add(of, &r, 1000000), 0);
	r = (struct record_request){.flags = RECORD_OVERHEAD,
				    .overhead_header = OVERHEAD_HEADERS}; /* a capture may hold anything */
	assert_int_equal(overhead_told_add(of, &r, 1000000), 0);
	assert_int_equal(of[1].requests, 100);
	assert_int_equal(of[1].above, 10);
	assert_in_range(hist_percentile(of[1].told, 50), 49500, 50500);
	assert_in_range(hist_percentile(of[1].toll, 50), 54500, 55500);
	assert_in_range(hist_percentile(of[1].beyond, 50), 4950, 5050);
	assert_int_equal(hist_percentile(of[1].beyond, 5), 0);
	assert_int_equal(of[0].requests + of[2].requests + of[3].requests, 0);
	overhead_told_fini(of);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_headers),
		cmocka_unit_test(a_named_one_alone_counts),
		cmocka_unit_test(what_is_no_time_is_not_told),
		cmocka_unit_test(names),
		cmocka_unit_test(told_against_the_toll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
