// SPDX-License-Identifier: GPL-2.0-only
// rooms: base probe/budget
/* Random gateways against the budget: it is kept in the end, whatever they do, and who fits into it is on all the time. */
#include <stdlib.h>

#include "base/rng.h"
#include "probe/budget.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define TICK_NS UINT64_C(20000000)

struct gateway {
	double cores; /* that its own work keeps busy */
	double full, sampled; /* cost of the probes per ns of own CPU */
	double base;
};

struct end {
	double spent, own, on_share;
	enum budget_mode mode;
};

static struct end run(const struct gateway *g, double share, unsigned ticks)
{
	struct budget_seen s = {.now_ns = 1000};
	struct budget b;
	struct end end = {.spent = 0};

	budget_init(&b, share, &s);
	for (unsigned i = 0; i < ticks; i++) {
		double own = g->cores * (double)TICK_NS, spent = b.on ? own * (b.sampled ? g->sampled : g->full) : 0;

		s.now_ns += TICK_NS;
		s.base_ns += own * g->base;
		s.spent_ns += spent;
		s.full_ns += b.on ? own * g->full : 0;
		s.sampled_ns += b.on ? own * g->sampled : 0;
		s.gateway_cpu_ns += own + own * g->base + spent;
		end.own += own;
		end.spent += spent;
		end.on_share += b.on;
		budget_tick(&b, &s);
	}
	end.on_share /= ticks;
	end.mode = budget_mode(&b);
	return end;
}

static double uniform(struct rng *r, double from, double to)
{
	return from + rng_unit(r) * (to - from);
}

static void the_budget_is_kept(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (int i = 0; i < 400; i++) {
		struct gateway g = {.cores = uniform(&r, 0.01, 8), .full = uniform(&r, 0, 3), .base = uniform(&r, 0, 0.01)};
		double share = uniform(&r, 0.015, 0.1);
		struct end end;

		g.sampled = g.full * uniform(&r, 0.4, 1);
		end = run(&g, share, 6000); /* two minutes */
		/* beyond it: the first look, and a window at the end of each longest pause */
		double looks = 2 + 120e9 / (double)BUDGET_PAUSE_MAX_NS;
		double slack = looks * 1.5 * (double)BUDGET_WINDOW_NS * g.cores * g.sampled;
		assert_true(end.spent <= (share - g.base) * end.own + slack + 1);
	}
}

static void who_fits_is_on_all_the_time(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (int i = 0; i < 200; i++) {
		double share = uniform(&r, 0.01, 0.1);
		struct gateway g = {.cores = uniform(&r, 0.1, 4), .full = share * uniform(&r, 0, 0.7)};
		struct end end;

		g.sampled = g.full / 2;
		end = run(&g, share, 2000);
		assert_int_equal(end.mode, BUDGET_FULL);
		assert_true(end.on_share > 0.999);
	}
}

static void some_returns_where_all_are_too_dear(void **state)
{
	struct gateway g = {.cores = 1, .full = 0.05, .sampled = 0.025};
	struct end end = run(&g, 0.03, 3000);

	(void)state;
	assert_int_equal(end.mode, BUDGET_SAMPLED);
	assert_true(end.on_share > 0.999);
}

/* Half the budget's share of the time where the sampled cost is twice the budget: nothing is wasted either. */
static void windows_use_the_budget(void **state)
{
	struct gateway g = {.cores = 1, .full = 0.12, .sampled = 0.06};
	struct end end = run(&g, 0.03, 6000);

	(void)state;
	assert_int_equal(end.mode, BUDGET_WINDOWS);
	assert_true(end.on_share > 0.4 && end.on_share < 0.55);
}

static void without_a_limit_everything_is_seen(void **state)
{
	struct gateway g = {.cores = 1, .full = 3, .sampled = 2};
	struct end end = run(&g, 0, 1000);

	(void)state;
	assert_int_equal(end.mode, BUDGET_SAMPLED);
	assert_true(end.on_share > 0.999);
	g.full = g.sampled = 0.01;
	assert_int_equal(run(&g, 0, 1000).mode, BUDGET_FULL);
}

/* Even when the groups that stay on have eaten it all there is a short look now and then. */
static void an_empty_budget_leaves_a_look(void **state)
{
	struct gateway g = {.cores = 1, .full = 0.5, .sampled = 0.3, .base = 0.05};
	struct end end = run(&g, 0.03, 6000);

	(void)state;
	assert_int_equal(end.mode, BUDGET_WINDOWS);
	assert_true(end.on_share > 0 && end.on_share < 0.02);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_budget_is_kept),
		cmocka_unit_test(who_fits_is_on_all_the_time),
		cmocka_unit_test(some_returns_where_all_are_too_dear),
		cmocka_unit_test(windows_use_the_budget),
		cmocka_unit_test(without_a_limit_everything_is_seen),
		cmocka_unit_test(an_empty_budget_leaves_a_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
