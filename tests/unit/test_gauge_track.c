// rooms: base attribution/gauge_track
// SPDX-License-Identifier: GPL-2.0-only
/* The gateway's CPU and memory between two moments: exact while all samples are kept, and of every second one later. */
#include <stdlib.h>

#include "attribution/gauge_track.h"
#include "base/clock.h"
#include "tests/support/test.h"

#define START_NS (UINT64_C(5000) * NS_PER_S)
#define SECONDS (3 * GAUGE_TRACK_SAMPLES)

/* Second i: a tenth of a CPU, in every eighth second a whole one; a MiB more each second. */
static void sample_add(struct gauge_track *t, unsigned i)
{
	struct record_gauges g = {.time_ns = START_NS + i * NS_PER_S,
				  .cpu_ns = i * (NS_PER_S / 10) + (i + 7) / 8 * (NS_PER_S / 10 * 9),
				  .rss_bytes = (uint64_t)(i + 1) << 20};

	gauge_track_add(t, &g);
}

static void test_a_span_has_its_own_samples(void **state)
{
	struct gauge_track *t = calloc(1, sizeof(*t));
	struct gauge_span span;

	(void)state;
	assert_non_null(t);
	for (unsigned i = 0; i < 20; i++)
		sample_add(t, i);
	gauge_track_span(t, START_NS + 2 * NS_PER_S, START_NS + 6 * NS_PER_S, &span);
	assert_int_equal(span.samples, 5);
	assert_int_equal(span.over_ns, 4 * NS_PER_S);
	assert_int_equal(span.cpu_ns, 4 * (NS_PER_S / 10));
	assert_float_equal(span.cores_max, 0.1, 1e-9);
	assert_int_equal(span.rss_initial_bytes, 3 << 20);
	assert_int_equal(span.rss_final_bytes, 7 << 20);
	assert_int_equal(span.rss_mean_bytes, 5 << 20);
	gauge_track_span(t, START_NS + 6 * NS_PER_S, START_NS + 12 * NS_PER_S, &span);
	assert_float_equal(span.cores_max, 1.0, 1e-9);
	gauge_track_span(t, 0, START_NS - 1, &span);
	assert_int_equal(span.samples, 0);
	free(t);
}

static void test_a_long_run_keeps_its_sums(void **state)
{
	struct gauge_track *t = calloc(1, sizeof(*t));
	struct gauge_span span;

	(void)state;
	assert_non_null(t);
	for (unsigned i = 0; i <= SECONDS; i++)
		sample_add(t, i);
	gauge_track_span(t, START_NS, UINT64_MAX, &span);
	assert_in_range(span.samples, GAUGE_TRACK_SAMPLES / 2, GAUGE_TRACK_SAMPLES);
	assert_int_equal(span.over_ns, SECONDS * NS_PER_S);
	assert_int_equal(span.cpu_ns, SECONDS * (NS_PER_S / 10) + SECONDS / 8 * (NS_PER_S / 10 * 9));
	assert_int_equal(span.rss_initial_bytes, 1 << 20);
	assert_int_equal(span.rss_peak_bytes, (uint64_t)(SECONDS + 1) << 20);
	free(t);
}

static void test_a_sample_without_memory_is_none(void **state)
{
	struct gauge_track t = {.samples = 0};
	struct record_gauges g = {.time_ns = START_NS, .missing = RECORD_GAUGES_NO_STATUS};

	(void)state;
	gauge_track_add(&t, &g);
	assert_int_equal(t.samples, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_span_has_its_own_samples),
		cmocka_unit_test(test_a_long_run_keeps_its_sums),
		cmocka_unit_test(test_a_sample_without_memory_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
