// SPDX-License-Identifier: GPL-2.0-only
// rooms: base session/ab
/* A/B on gateways whose costs are known. */
#include <math.h>

#include "base/rng.h"
#include "session/ab.h"
#include "tests/support/test.h"

#define TICK_NS UINT64_C(20000000)
#define RATE_PER_TICK 40

static struct ab ab; /* too large for a stack */

/* Requests of base_ns each, extra_ns more while the probes are on, noise of so much of it, and a drift over the run. */
static void run(unsigned ticks, double base_ns, double extra_ns, double noise, double drift)
{
	uint64_t now_ns = 1000, requests = 0;
	double cpu_ns = 0;
	struct rng r;

	rng_init(&r, 7, 0);
	ab = (struct ab){.pairs = 0};
	for (unsigned i = 0; i < ticks; i++) {
		double each = base_ns * (1 + drift * i / ticks) + (ab.with ? extra_ns : 0);

		ab_tick(&ab, now_ns, requests, (uint64_t)cpu_ns);
		now_ns += TICK_NS;
		requests += RATE_PER_TICK;
		cpu_ns += RATE_PER_TICK * each * (1 + noise * rng_normal(&r));
	}
}

static void a_known_cost_is_found(void **state)
{
	struct ab_result r;

	(void)state;
	run(6000, 20000, 600, 0, 0);
	assert_true(ab_result(&ab, &r));
	assert_int_equal(r.pairs, 26); /* of 4.64 s or so in two minutes */
	assert_true(fabs(r.difference_share - 0.03) < 1e-4);
	assert_true(r.interval_share[0] <= r.difference_share && r.difference_share <= r.interval_share[1]);
}

static void drift_is_no_cost(void **state)
{
	struct ab_result r;

	(void)state;
	run(6000, 20000, 0, 0, 0.5);
	assert_true(ab_result(&ab, &r));
	assert_true(fabs(r.difference_share) < 0.002);
	assert_true(r.interval_share[0] < 0 && r.interval_share[1] > 0);
}

static void noise_widens_the_interval(void **state)
{
	struct ab_result quiet, noisy;

	(void)state;
	run(6000, 20000, 600, 0.05, 0);
	assert_true(ab_result(&ab, &quiet));
	run(6000, 20000, 600, 0.5, 0);
	assert_true(ab_result(&ab, &noisy));
	assert_true(noisy.interval_share[1] - noisy.interval_share[0] > 5 * (quiet.interval_share[1] - quiet.interval_share[0]));
	assert_true(noisy.interval_share[0] < 0.03 && noisy.interval_share[1] > 0.03);
}

static void too_little_says_nothing(void **state)
{
	struct ab_result r;

	(void)state;
	run(500, 20000, 600, 0, 0);
	assert_false(ab_result(&ab, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_cost_is_found),
		cmocka_unit_test(drift_is_no_cost),
		cmocka_unit_test(noise_widens_the_interval),
		cmocka_unit_test(too_little_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
