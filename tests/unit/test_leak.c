// rooms: base leak
// SPDX-License-Identifier: GPL-2.0-only
/* Lines, cuts, verdicts and the split by class, on series whose truth is known. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "leak/split.h"
#include "leak/sure.h"
#include "leak/watch.h"
#include "tests/support/test.h"

static void assert_near(double value, double truth, double tolerance)
{
	if (!(fabs(value - truth) <= tolerance))
		fail_msg("%g is not within %g of %g", value, tolerance, truth);
}

/* Values of Student's t from tables. */
static void test_quantiles(void **state)
{
	(void)state;
	assert_near(fit_t_quantile(0.025, 1), 12.706, 0.01);
	assert_near(fit_t_quantile(0.025, 2), 4.303, 0.01);
	assert_near(fit_t_quantile(0.025, 5), 2.571, 0.01);
	assert_near(fit_t_quantile(0.005, 10), 3.169, 0.01);
	assert_near(fit_t_quantile(0.005, 100), 2.626, 0.002);
	assert_near(fit_t_quantile(0.025, 1e9), 1.95996, 1e-4);
}

static void test_line_of_outliers(void **state)
{
	double x[40], y[40];
	struct fit_line line;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		x[i] = i;
		y[i] = 3.0 * i + 7 + (i % 2 ? 0.1 : -0.1);
	}
	y[5] = 1e6;
	y[30] = -1e6;
	assert_int_equal(fit_line(x, y, 40, NULL, 0.95, &line), 0);
	assert_near(line.slope, 3.0, 0.02);
	assert_int_equal(fit_line(x, y, 3, NULL, 0.95, &line), -EINVAL);
	assert_int_equal(fit_line(x, y, FIT_POINTS_MAX + 1, NULL, 0.95, &line), -EINVAL);
	memset(x, 0, sizeof(x));
	assert_int_equal(fit_line(x, y, 40, NULL, 0.95, &line), -EINVAL);
}

/* Errors that hang together widen the interval. */
static void test_correlation_widens(void **state)
{
	double x[60], alone[60], together[60], wander = 0;
	struct fit_line a, b;

	(void)state;
	srand(3);
	for (unsigned i = 0; i < 60; i++) {
		double noise = (double)(rand() % 2001 - 1000) / 1000;
		wander = 0.9 * wander + noise * 0.436; /* same variance in the long run */
		x[i] = i;
		alone[i] = noise;
		together[i] = wander;
	}
	assert_int_equal(fit_line(x, alone, 60, NULL, 0.95, &a), 0);
	assert_int_equal(fit_line(x, together, 60, NULL, 0.95, &b), 0);
	assert_true(b.correlation > 0.5);
	assert_true(b.high - b.low > 2 * (a.high - a.low));
}

static void test_cuts(void **state)
{
	struct fit_parts parts;
	double x[60], y[60];

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		x[i] = i;
		y[i] = (i < 20 ? 0 : 1000) + 2.0 * i + (i % 3) * 0.5;
	}
	fit_cut(x, y, 60, 5, &parts);
	assert_int_equal(parts.count, 2);
	assert_int_equal(parts.first[1], 20);
	struct fit_line line;
	assert_int_equal(fit_line(x, y, 60, &parts, 0.95, &line), 0);
	assert_near(line.slope, 2.0, 0.05);
	assert_near(line.jumps, 1000, 2);
	for (unsigned i = 0; i < 60; i++)
		y[i] = 5.0 * i + (i % 3) * 0.5;
	fit_cut(x, y, 60, 5, &parts);
	assert_int_equal(parts.count, 1);
}

#define SECONDS 240
static struct leak_sample sample[SECONDS];

static struct leak_judgement judge(double (*value)(double t))
{
	const struct leak_config config = {.material = 65536};
	struct leak_judgement j;

	for (unsigned t = 0; t < SECONDS; t++)
		sample[t] = (struct leak_sample){t, 500.0 * t, value(t)};
	assert_int_equal(leak_judge(&(struct leak_series){sample, SECONDS}, &config, &j), 0);
	return j;
}

static double jitter(double t)
{
	return 4096 * ((int)(t * 7) % 3);
}

static double leaks(double t)
{
	return 10e6 + 64 * 500 * t + jitter(t);
}

static double stays(double t)
{
	return 10e6 + jitter(t);
}

static double levels_off(double t)
{
	return 10e6 + fmin(t, 80) * 200e3 + jitter(t);
}

static double steps(double t)
{
	return 10e6 + (t > 60 ? 3e6 : 0) + (t > 130 ? 3e6 : 0) + (t > 200 ? 3e6 : 0) + jitter(t);
}

static double warms_up_and_leaks(double t)
{
	return 10e6 + fmin(t, 20) * 2.5e6 + 128 * 500 * t + jitter(t);
}

static void test_verdicts(void **state)
{
	struct leak_judgement j = judge(leaks);

	(void)state;
	assert_int_equal(j.verdict, LEAK_FOUND);
	assert_near(j.per_request.slope, 64, 1);
	assert_true(j.per_request.low < 64.5 && j.per_request.high > 63.5);
	assert_near(j.persistence, 1, 0.05);
	assert_true(j.smallest_visible_per_request < 8);
	j = judge(stays);
	assert_int_equal(j.verdict, LEAK_NONE);
	assert_int_equal(j.reason, LEAK_FLAT);
	assert_true(j.smallest_visible_per_request > 0);
	j = judge(levels_off);
	assert_int_equal(j.verdict, LEAK_NONE);
	assert_true(j.judged_from_s > 60 || j.reason == LEAK_NO_NEW_HIGH);
	j = judge(steps);
	assert_int_not_equal(j.verdict, LEAK_FOUND);
	j = judge(warms_up_and_leaks);
	assert_int_equal(j.verdict, LEAK_FOUND);
	assert_near(j.per_request.slope, 128, 4);
}

static void test_time_to_limit(void **state)
{
	struct leak_judgement j = judge(leaks);
	double low_s, mean_s = leak_time_to_limit_s(&j, j.end_value + 32000.0 * 1000, &low_s);

	(void)state;
	assert_near(mean_s, 1000, 30);
	assert_true(low_s > 0 && low_s <= mean_s);
	j = judge(stays);
	assert_true(leak_time_to_limit_s(&j, 1e12, &low_s) == 0);
}

static void test_too_short(void **state)
{
	const struct leak_config config = {.material = 65536}, none = {0};
	struct leak_judgement j;

	(void)state;
	for (unsigned t = 0; t < 30; t++)
		sample[t] = (struct leak_sample){t, 500.0 * t, leaks(t)};
	assert_int_equal(leak_judge(&(struct leak_series){sample, 30}, &config, &j), 0);
	assert_int_equal(j.verdict, LEAK_INCONCLUSIVE);
	assert_int_equal(j.reason, LEAK_TOO_SHORT);
	assert_int_equal(leak_judge(&(struct leak_series){sample, 0}, &config, &j), 0);
	assert_int_equal(leak_judge(&(struct leak_series){sample, 30}, &none, &j), -EINVAL);
}

/* Classes in phases of 10 s: 0 leaks 256 B, 1 nothing; 2 and 3 come together and cannot be told apart. Idle growth 1000 B/s. */
static void test_split(void **state)
{
	struct split s;
	double n[5] = {0}, slope, low, high;

	(void)state;
	assert_int_equal(split_init(&s, 5), 0);
	for (unsigned t = 0; t < 400; t++) {
		unsigned phase = t / 10 % 4;
		n[0] += phase == 0 ? 500 : 0;
		n[1] += phase == 1 ? 500 : 0;
		n[2] += phase == 2 ? 100 : 0;
		n[3] += phase == 2 ? 100 : 0;
		n[4] = t;
		split_add(&s, n, 1e6 + 256 * n[0] + 1000 * n[4] + (t % 3) * 4096.0 + (t > 200 ? 5e6 : 0), false);
	}
	assert_int_equal(split_solve(&s), 0);
	assert_true(split_slope(&s, 0, &slope, &low, &high));
	assert_near(slope, 256, 3);
	assert_true(low < 256 && high > 256);
	assert_true(split_slope(&s, 1, &slope, &low, &high));
	assert_near(slope, 0, 3);
	assert_true(split_slope(&s, 4, &slope, &low, &high));
	assert_near(slope, 1000, 500);
	assert_false(split_slope(&s, 2, &slope, &low, &high) && split_slope(&s, 3, &slope, &low, &high));
	split_fini(&s);
	assert_int_equal(split_init(&s, 0), -EINVAL);
	assert_int_equal(split_init(&s, SPLIT_DRIVERS_MAX + 1), -EINVAL);
}

static void gauges(struct leak_watch *w, double t, uint64_t anon_bytes, uint32_t fds)
{
	const struct record_gauges g = {.time_ns = (uint64_t)((1 + t) * NS_PER_S),
					.anon_bytes = anon_bytes,
					.fds = fds,
					.threads = 2,
					.tcp = {[8] = fds / 100}};

	assert_int_equal(leak_watch_gauges(w, &g), 0);
}

/* Longer than memory holds moments: rates stay right. */
static void test_watch_for_long(void **state)
{
	struct leak_watch *w = leak_watch_new(2);
	struct leak_result r;
	uint64_t bytes = 50 << 20;

	(void)state;
	assert_non_null(w);
	for (unsigned t = 0; t < 20000; t++) {
		unsigned phase = t / 30 % 3; /* class 0, class 1, pause */
		if (phase < 2)
			leak_watch_requests(w, phase, 10);
		bytes += phase == 1 ? 10 * 512 : 0;
		gauges(w, t, bytes + (t % 5) * 512, t == 7001 ? 900 : 20); /* one second of many descriptors */
	}
	assert_int_equal(leak_watch_judge(w, 1e9, &r), 0);
	assert_int_equal(r.verdict, LEAK_FOUND);
	assert_int_equal(r.worst, LEAK_MEMORY);
	assert_int_equal(r.samples, 20000);
	assert_true(r.split[LEAK_MEMORY].class_[1].told);
	assert_near(r.split[LEAK_MEMORY].class_[1].per_request, 512, 25);
	assert_near(r.split[LEAK_MEMORY].class_[0].per_request, 0, 25);
	assert_true(r.limit_in_s > 0 && r.limit_in_low_s <= r.limit_in_s);
	assert_int_equal(r.gauge[LEAK_DESCRIPTORS].verdict, LEAK_NONE);
	assert_near(r.gauge[LEAK_DESCRIPTORS].end_value, 20, 0);
	assert_near(r.most[LEAK_DESCRIPTORS], 900, 0);
	leak_watch_free(w);
}

/* What can but rise is told by its rate, and makes no verdict. */
static void test_counters(void **state)
{
	struct leak_watch *w = leak_watch_new(1);
	struct leak_result r;

	(void)state;
	for (unsigned t = 0; t < 180; t++) {
		const struct record_gauges g = {.time_ns = (uint64_t)((1 + t) * NS_PER_S),
						.anon_bytes = 50 << 20,
						.network_bytes = (uint64_t)t * 50 * 3000,
						.log_bytes = (uint64_t)t * 50 * 200,
						.disk_free_bytes = (UINT64_C(1) << 40) - (uint64_t)t * 50 * 400,
						.missing = RECORD_GAUGES_NO_IO};
		leak_watch_requests(w, 0, 50);
		assert_int_equal(leak_watch_gauges(w, &g), 0);
	}
	assert_int_equal(leak_watch_judge(w, 0, &r), 0);
	assert_int_equal(r.verdict, LEAK_NONE);
	assert_near(r.gauge[LEAK_NETWORK].per_request.slope, 3000, 1);
	assert_near(r.gauge[LEAK_LOGS].per_request.slope, 200, 1);
	assert_near(r.gauge[LEAK_DISK_USED].per_request.slope, 400, 1);
	assert_int_equal(r.gauge[LEAK_DISK_WRITTEN].reason, LEAK_NOT_MEASURED);
	assert_true(leak_gauge_is_counter(LEAK_NETWORK) && !leak_gauge_is_counter(LEAK_LOGS));
	leak_watch_free(w);
}

/* It grows by 1 KiB a request; after 120 of 300 s another process begins with less. */
static void test_lives(void **state)
{
	struct leak_watch *w = leak_watch_new(1);
	struct leak_result r;

	(void)state;
	for (unsigned t = 0; t < 300; t++) {
		unsigned age = t < 120 ? t : t - 120;
		const struct record_gauges g = {.time_ns = (uint64_t)((1 + t) * NS_PER_S),
						.anon_bytes = (50 << 20) + age * 50 * 1024 + t % 3 * 4096,
						.fds = t < 120 ? 100 : 20,
						.lives = t >= 120};
		leak_watch_requests(w, 0, 50);
		assert_int_equal(leak_watch_gauges(w, &g), 0);
	}
	assert_int_equal(leak_watch_judge(w, 0, &r), 0);
	assert_int_equal(r.lives, 2);
	assert_true(r.life_from_s == 120 && r.life_to_s == 299);
	assert_int_equal(r.verdict, LEAK_FOUND);
	assert_int_equal(r.worst, LEAK_MEMORY);
	assert_near(r.gauge[LEAK_MEMORY].per_request.slope, 1024, 10);
	assert_int_equal(r.gauge[LEAK_DESCRIPTORS].verdict, LEAK_NONE);
	leak_watch_free(w);
}

static void test_watch_finds_descriptors(void **state)
{
	struct leak_watch *w = leak_watch_new(1);
	struct leak_result r;
	uint32_t fds = 20;

	(void)state;
	for (unsigned t = 0; t < 180; t++) {
		leak_watch_requests(w, 0, 50);
		fds += 1;
		gauges(w, t, 50 << 20, fds);
	}
	assert_int_equal(leak_watch_judge(w, 0, &r), 0);
	assert_int_equal(r.verdict, LEAK_FOUND);
	assert_int_equal(r.worst, LEAK_DESCRIPTORS);
	assert_near(r.gauge[LEAK_DESCRIPTORS].per_request.slope, 0.02, 0.001);
	assert_int_equal(r.gauge[LEAK_FD_SOCKETS].verdict, LEAK_NONE);
	leak_watch_free(w);
	w = leak_watch_new(1);
	assert_int_equal(leak_watch_judge(w, 0, &r), 0);
	assert_int_equal(r.verdict, LEAK_INCONCLUSIVE); /* nothing was seen */
	leak_watch_free(w);
}

/*
 * Growth that comes with one class, whose phases are 3 s of every 45 s: steps against all requests, a line against its own. The same steps
 * with nobody's requests are no leak.
 */
static void test_watch_finds_a_phase(void **state)
{
	struct leak_result r;

	(void)state;
	for (unsigned leaks = 0; leaks < 2; leaks++) {
		struct leak_watch *w = leak_watch_new(2);
		double bytes = 10e6;

		for (unsigned t = 0; t < 360; t++) { /* half seconds */
			bool own = t % 90 >= 50 && t % 90 < 56, step = t == 130 || t == 220 || t == 310;
			leak_watch_requests(w, own, own ? 150 : t % 90 < 80 ? 250 : 0);
			bytes += leaks && own ? 150 * 1024 : 0;
			bytes += !leaks && step ? 900e3 : 0;
			gauges(w, t / 2.0, (uint64_t)(bytes + jitter(t)), 20);
		}
		assert_int_equal(leak_watch_judge(w, 0, &r), 0);
		assert_int_equal(r.verdict, leaks ? LEAK_FOUND : LEAK_INCONCLUSIVE);
		assert_int_equal(r.gauge[LEAK_MEMORY].reason, leaks ? LEAK_GROWS_ON : LEAK_STEPPED);
		if (leaks) {
			assert_int_equal(r.split[LEAK_MEMORY].driving, 2);
			assert_near(r.gauge[LEAK_MEMORY].per_request.slope, 1024, 60);
			assert_near(r.split[LEAK_MEMORY].class_[1].per_request, 1024, 60);
			assert_near(r.split[LEAK_MEMORY].class_[0].per_request, 0, 20);
		}
		leak_watch_free(w);
	}
}

/* Three looks in a row that agree; a look that does not begins anew. */
static void test_sure(void **state)
{
	struct leak_result leak = {.verdict = LEAK_FOUND, .worst = LEAK_MEMORY}, none = {.verdict = LEAK_NONE}, doubt = {0},
			   other;
	struct sure s;

	(void)state;
	leak.gauge[LEAK_MEMORY].per_request = (struct fit_line){.points = 20, .slope = 64, .low = 60, .high = 68};
	sure_init(&s, 100, 0);
	assert_int_equal(s.looks, 5); /* at 40, 50, 62.5, 78, 98 s */
	assert_near(sure_confidence(&s), 0.999, 1e-9);
	assert_false(sure_is_due(&s, 39));
	assert_true(sure_is_due(&s, 40));
	assert_false(sure_look(&s, 40, &leak));
	assert_false(sure_is_due(&s, 49));
	assert_false(sure_look(&s, 50, &leak));
	assert_true(sure_look(&s, 63, &leak));
	other = leak;
	other.gauge[LEAK_MEMORY].per_request.low = 90;
	other.gauge[LEAK_MEMORY].per_request.high = 99;
	assert_false(sure_look(&s, 79, &other)); /* a leak of another size */
	assert_false(sure_is_due(&s, 100)); /* the end has come anyway */
	sure_init(&s, 1000, 10);
	assert_true(sure_is_due(&s, 10));
	assert_false(sure_look(&s, 10, &none));
	assert_false(sure_look(&s, 13, &none));
	assert_false(sure_look(&s, 16, &doubt));
	assert_false(sure_look(&s, 20, &none));
	assert_false(sure_look(&s, 25, &leak));
	assert_false(sure_look(&s, 31, &none));
	assert_false(sure_look(&s, 39, &none));
	assert_true(sure_look(&s, 49, &none));
}

/* Where a gauge could not be read there is no verdict of it, least of all "no leak". */
static void test_what_was_not_read(void **state)
{
	struct leak_watch *w = leak_watch_new(1);
	struct leak_result r;

	(void)state;
	for (unsigned t = 0; t < 180; t++) {
		struct record_gauges g = {.time_ns = (uint64_t)((1 + t) * NS_PER_S),
					  .anon_bytes = 50 << 20,
					  .missing = t == 100 ? RECORD_GAUGES_NO_DESCRIPTORS : 0};
		leak_watch_requests(w, 0, 50);
		assert_int_equal(leak_watch_gauges(w, &g), 0);
	}
	assert_int_equal(leak_watch_judge(w, 0, &r), 0);
	assert_int_equal(r.gauge[LEAK_MEMORY].verdict, LEAK_NONE);
	assert_int_equal(r.gauge[LEAK_DESCRIPTORS].reason, LEAK_NOT_MEASURED);
	assert_int_equal(r.verdict, LEAK_INCONCLUSIVE);
	assert_int_equal(r.gauge[r.worst].reason, LEAK_NOT_MEASURED);
	leak_watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_line_of_outliers),
		cmocka_unit_test(test_correlation_widens),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_time_to_limit),
		cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_watch_for_long),
		cmocka_unit_test(test_watch_finds_descriptors),
		cmocka_unit_test(test_what_was_not_read),
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_watch_finds_a_phase),
		cmocka_unit_test(test_sure),
	};

	return cmocka_run_group_tests_name("leak", tests, NULL, NULL);
}
