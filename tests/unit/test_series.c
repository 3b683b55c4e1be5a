// rooms: base record scenario/criteria scenario/metrics timeline attribution
// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "attribution/series.h"
#include "base/clock.h"
#include "tests/support/test.h"

#define START_NS (UINT64_C(777) * NS_PER_S)

static struct series *started(void)
{
	struct series *s = series_new();

	assert_non_null(s);
	series_start(s, START_NS);
	return s;
}

/* Sent 1 ms after it was due, answered `ms` after it was due. */
static struct record_request request_at(uint64_t due_ns, unsigned ms)
{
	return (struct record_request){.id = 1,
				       .outcome = RECORD_OK,
				       .http_status = 200,
				       .due_ns = due_ns,
				       .sent_ns = due_ns + NS_PER_MS,
				       .first_byte_ns = due_ns + ms * NS_PER_MS,
				       .end_ns = due_ns + ms * NS_PER_MS};
}

static void test_requests_count_where_they_end(void **state)
{
	struct series *s = started();
	struct record_request r = request_at(START_NS + 900 * NS_PER_MS, 300);

	(void)state;
	assert_int_equal(series_request(s, &r), 0);
	assert_int_equal(series_points(s), 2);
	assert_int_equal(series_point(s, 0)->sent, 1);
	assert_int_equal(series_point(s, 0)->ended, 0);
	assert_int_equal(series_point(s, 1)->ended, 1);
	assert_int_equal(series_point(s, 0)->latency.count, 0);
	assert_in_range(sketch_percentile(&series_point(s, 1)->latency, 50), 295 * NS_PER_MS, 305 * NS_PER_MS);
	assert_in_range(sketch_percentile(&series_point(s, 0)->driver_lag, 50), 980 * NS_PER_US, 1020 * NS_PER_US);
	assert_int_equal(series_last_covered_ns(s), 200 * NS_PER_MS);
	series_free(s);
}

static void test_failures_and_what_never_left(void **state)
{
	struct series *s = started();
	struct record_request r = request_at(START_NS, 100);

	(void)state;
	r.outcome = RECORD_TIMEOUT;
	assert_int_equal(series_request(s, &r), 0);
	r.sent_ns = 0;
	assert_int_equal(series_request(s, &r), 0);
	assert_int_equal(series_point(s, 0)->failed, 2);
	assert_int_equal(series_point(s, 0)->sent, 1);
	assert_int_equal(series_point(s, 0)->ended, 1);
	series_free(s);
}

static void test_nothing_before_the_start_and_nothing_absurd(void **state)
{
	struct series *s = series_new();
	struct record_request r = request_at(START_NS, 100);

	(void)state;
	assert_int_equal(series_request(s, &r), 0);
	assert_int_equal(series_points(s), 0);
	series_start(s, START_NS + NS_PER_S);
	series_start(s, START_NS); /* too late: the first counts */
	assert_int_equal(series_request(s, &r), 0);
	assert_int_equal(series_points(s), 0);
	assert_int_equal(series_tick(s, UINT64_MAX), 0);
	assert_int_equal(series_points(s), 0);
	assert_int_equal(series_dropped(s), 1);
	series_free(s);
	series_free(NULL);
}

/* Three hours: points stay bounded, and everything is still in them. */
static void test_long_runs_merge_pairs(void **state)
{
	struct series *s = started();
	const unsigned seconds = 3 * 3600;
	uint64_t sent = 0, ended = 0, latencies = 0;

	(void)state;
	for (unsigned i = 0; i < seconds; i++) {
		struct record_request r = request_at(START_NS + i * NS_PER_S, 10 + i % 50);
		assert_int_equal(series_request(s, &r), 0);
	}
	assert_in_range(series_points(s), SERIES_POINTS_MAX / 2, SERIES_POINTS_MAX);
	assert_int_equal(series_step_ns(s), 32 * NS_PER_S);
	for (unsigned i = 0; i < series_points(s); i++) {
		sent += series_point(s, i)->sent;
		ended += series_point(s, i)->ended;
		latencies += series_point(s, i)->latency.count;
	}
	assert_int_equal(sent, seconds);
	assert_int_equal(ended, seconds);
	assert_int_equal(latencies, seconds);
	assert_int_equal(series_point(s, 100)->ended, 32);
	series_free(s);
}

static void sample(struct series *s, uint64_t time_ns, uint64_t cpu_ns, uint64_t rss)
{
	struct record_gauges g = {.time_ns = time_ns, .cpu_ns = cpu_ns, .rss_bytes = rss, .threads = 3};

	assert_int_equal(series_gauges(s, &g), 0);
}

static void test_gauges(void **state)
{
	struct series *s = started();
	const struct series_gauge *cpu, *rss;

	(void)state;
	sample(s, START_NS + NS_PER_S / 2, 5 * NS_PER_S, 1000);
	sample(s, START_NS + NS_PER_S * 3 / 2, 5 * NS_PER_S + NS_PER_S / 4, 3000);
	sample(s, START_NS + NS_PER_S * 5 / 2, NS_PER_S, 3000); /* a process has ended */
	sample(s, START_NS + NS_PER_S * 7 / 2, NS_PER_S * 3 / 2, 3000);
	cpu = series_point(s, 0)->gauge + SERIES_CPU_CORES;
	rss = series_point(s, 0)->gauge + SERIES_RSS_BYTES;
	assert_int_equal(cpu->samples, 0); /* no sample before it */
	assert_float_equal(rss->sum, 1000, 0);
	cpu = series_point(s, 1)->gauge + SERIES_CPU_CORES;
	assert_int_equal(cpu->samples, 1);
	assert_float_equal(cpu->sum, 0.25, 1e-9);
	assert_int_equal(series_point(s, 2)->gauge[SERIES_CPU_CORES].samples, 0);
	assert_float_equal(series_point(s, 3)->gauge[SERIES_CPU_CORES].sum, 0.5, 1e-9);
	series_free(s);
}

static void test_tolls_of_whole_requests(void **state)
{
	struct series *s = started();
	struct whole_request w = {.driver = {.id = 1, .due_ns = START_NS + NS_PER_MS}};
	struct phase_cut cut;

	(void)state;
	w.t1 = w.t1_last = w.driver.due_ns + 1000;
	w.t2 = w.t2_last = w.t1 + 1000;
	w.t3 = w.t3_last = w.t2 + 5000;
	w.t9 = w.t9_last = w.t3 + 15000;
	w.t10 = w.t11 = w.t9 + 1000;
	w.driver.end_ns = w.t11 + 1000;
	assert_int_equal(attribution_cut(&w, &cut), 0);
	assert_int_equal(series_whole(s, &w, &cut), 0);
	assert_int_equal(series_point(s, 0)->joined, 1);
	assert_in_range(sketch_percentile(&series_point(s, 0)->toll, 50), 19500, 20500);
	assert_int_equal(series_whole(s, &w, NULL), 0);
	assert_int_equal(series_point(s, 0)->joined, 1);
	series_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_count_where_they_end),
		cmocka_unit_test(test_failures_and_what_never_left),
		cmocka_unit_test(test_nothing_before_the_start_and_nothing_absurd),
		cmocka_unit_test(test_long_runs_merge_pairs),
		cmocka_unit_test(test_gauges),
		cmocka_unit_test(test_tolls_of_whole_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
