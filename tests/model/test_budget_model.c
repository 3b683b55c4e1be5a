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
	double full, sampled, few_frees; /* cost of the probes per ns of own CPU; few_frees 0: as sampled */
	double base;
	uint64_t idle_ns; /* it begins to work then */
};

struct end {
	double spent, own, on_share, frees_share;
	enum budget_mode mode;
};

/* It costs the same at each level. */
static void all_levels(struct budget_seen *s)
{
	for (unsigned level = 0; level < BUDGET_LEVELS; level++)
		s->level_ns[level] = s->spent_ns;
}

static struct end run(const struct gateway *g, double share, unsigned ticks)
{
	const double period = (double)BUDGET_FREES_PERIOD_NS;
	const struct budget_limit limit = {.share = share};
	struct budget_seen s = {.now_ns = 1000};
	struct budget b;
	struct end end = {.spent = 0};

	budget_init(&b, &limit, BUDGET_WINDOW_NS);
	budget_begin(&b, &s);
	for (unsigned i = 0; i < ticks; i++) {
		double own = (uint64_t)i * TICK_NS < g->idle_ns ? 0 : g->cores * (double)TICK_NS,
		       few = g->few_frees > 0 ? g->few_frees : g->sampled, cost[BUDGET_LEVELS] = {g->full, g->sampled, few},
		       frees = (g->sampled - few) * period / (period - (double)BUDGET_FREES_ON_NS),
		       spent = !b.on ? 0
				     : own * (b.level != BUDGET_FEW_FREES ? cost[b.level]
					      : b.frees                   ? g->sampled
									  : g->sampled - frees);

		s.now_ns += TICK_NS;
		s.base_ns += own * g->base;
		s.spent_ns += spent;
		for (unsigned level = 0; level < BUDGET_LEVELS; level++)
			s.level_ns[level] += b.on ? own * cost[level] : 0;
		s.gateway_cpu_ns += own + own * g->base + spent;
		end.own += own;
		end.spent += spent;
		end.on_share += b.on;
		end.frees_share += b.on && b.frees;
		budget_tick(&b, &s);
	}
	end.on_share /= ticks;
	end.frees_share /= ticks;
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
		g.few_frees = g.sampled * uniform(&r, 0.4, 1);
		end = run(&g, share, 6000); /* two minutes */
		/* beyond it: the first look, and the last window */
		double slack = 2 * 1.5 * (double)BUDGET_WINDOW_NS * g.cores * g.sampled;
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

/* What takes memory is seen all the time, as long as that fits; else everything is, in windows. */
static void frees_in_windows_where_the_rest_fits(void **state)
{
	struct gateway g = {.cores = 1, .full = 0.12, .sampled = 0.07, .few_frees = 0.045};
	struct end end = run(&g, 0.06, 3000);

	(void)state;
	assert_int_equal(end.mode, BUDGET_FREES_IN_WINDOWS);
	assert_true(end.on_share > 0.999);
	assert_true(end.frees_share > 0.22 && end.frees_share < 0.28);
	assert_true(end.spent < 0.06 * end.own);
	/* dearer than all that the gateway does itself: what the first second had too much is paid for, the windows go on */
	g = (struct gateway){.cores = 0.4, .full = 0.85, .sampled = 0.7, .few_frees = 0.45};
	end = run(&g, 0.62, 3000);
	assert_int_equal(end.mode, BUDGET_FREES_IN_WINDOWS);
	assert_true(end.on_share > 0.999);
	assert_true(end.frees_share > 0.22);
	assert_true(end.spent <= 0.62 * end.own);
	g = (struct gateway){.cores = 1, .full = 0.12, .sampled = 0.07, .few_frees = 0.065};
	assert_int_equal(run(&g, 0.06, 3000).mode, BUDGET_WINDOWS);
	assert_int_equal(run(&g, 0, 1000).mode, BUDGET_SAMPLED); /* no limit: nothing is held back */
}

/* The first window of a group that has to go down to a cheaper level may end before its cost is known. */
static void what_the_warm_up_tried_makes_no_windows(void **state)
{
	const struct budget_limit limit = {.share = 0.03};
	struct budget_seen s = {.now_ns = 1000};
	struct budget b;

	(void)state;
	budget_init(&b, &limit, BUDGET_WINDOW_NS);
	budget_begin(&b, &s);
	for (unsigned i = 0; i < 2000; i++) {
		double own = 0.1 * (double)TICK_NS, spent = b.on ? own * (i < 50 ? 0.2 : 0.01) : 0;

		s.now_ns += TICK_NS;
		s.spent_ns += spent;
		all_levels(&s);
		s.gateway_cpu_ns += own + spent;
		budget_tick(&b, &s);
		if (i == 1000) {
			assert_int_equal(budget_mode(&b), BUDGET_WINDOWS);
			budget_measure(&b);
		}
	}
	assert_int_equal(budget_mode(&b), BUDGET_FULL);
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

static void returns_enough_and_not_too_many(void **state)
{
	(void)state;
	assert_int_equal(budget_one_return_in(0), 16);
	assert_int_equal(budget_one_return_in(128000), 16);
	assert_int_equal(budget_one_return_in(128001), 32);
	assert_int_equal(budget_one_return_in(600000), 128);
	assert_int_equal(budget_one_return_in(1e12), BUDGET_ONE_RETURN_IN_MOST);
}

/* What makes 1,500,000 pairs of calls a second beside little else: a look of a tenth of a second costs more than flows in in half a minute. */
static void looks_are_paid_for(void **state)
{
	struct gateway g = {.cores = 0.15, .full = 18, .sampled = 15};
	struct end end = run(&g, 0.02, 60000);

	(void)state;
	assert_int_equal(end.mode, BUDGET_LEFT_OUT);
	assert_true(end.spent <= 0.02 * end.own + 1.5 * (double)BUDGET_WINDOW_NS * g.cores * g.sampled);
	assert_true(end.spent > 0.01 * end.own); /* there are some */
}

/* Even when the groups that stay on have eaten it all: then the first look is the only one. */
static void an_empty_budget_leaves_a_look(void **state)
{
	struct gateway g = {.cores = 1, .full = 0.5, .sampled = 0.3, .base = 0.05};
	struct end end = run(&g, 0.03, 6000);

	(void)state;
	assert_int_equal(end.mode, BUDGET_LEFT_OUT);
	assert_true(end.on_share > 0 && end.on_share < 0.02);
}

/* A debt of its first moments does not keep a group off through an idle time, and comes due when there is work again. */
static void an_idle_gateway_is_watched(void **state)
{
	const struct budget_limit limit = {.share = 0.03};
	struct budget_seen s = {.now_ns = 1000};
	struct budget b;
	unsigned on = 0;

	(void)state;
	budget_init(&b, &limit, BUDGET_WINDOW_NS);
	budget_begin(&b, &s);
	for (unsigned i = 0; i < 1000; i++) {
		bool works = i < 10 || i >= 600;

		s.now_ns += TICK_NS;
		if (works) {
			double spent = b.on ? 0.2 * (double)TICK_NS : 0;

			s.spent_ns += spent;
			all_levels(&s);
			s.gateway_cpu_ns += (double)TICK_NS + spent;
		}
		budget_tick(&b, &s);
		on += !works && b.on;
	}
	assert_true(on > 500); /* of 590 */
	assert_true(s.spent_ns <= 0.03 * (s.gateway_cpu_ns - s.spent_ns) + 3 * 1.5 * 0.2 * (double)BUDGET_WINDOW_NS);
}

#define GROUPS 3

/* Random groups under one budget: together they keep it, and the first has more of it than the last. */
static void those_after_have_what_those_before_leave(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (int n = 0; n < 100; n++) {
		const struct budget_limit limit = {.share = uniform(&r, 0.01, 0.05)};
		double cores = uniform(&r, 0.2, 4), own_all = 0, spent[GROUPS] = {0}, cost[GROUPS];
		struct budget b[GROUPS];

		for (unsigned i = 0; i < GROUPS; i++) {
			const struct budget_seen start = {.now_ns = 1000};

			cost[i] = limit.share * uniform(&r, 0.1, 2);
			budget_init(&b[i], &limit, 10 * BUDGET_WINDOW_NS);
			budget_begin(&b[i], &start);
		}
		for (unsigned tick = 1; tick < 6000; tick++) {
			double own = cores * (double)TICK_NS, sum = 0, base = 0;

			own_all += own;
			for (unsigned i = 0; i < GROUPS; i++)
				sum += spent[i] += b[i].on ? own * cost[i] : 0;
			for (unsigned i = 0; i < GROUPS; i++) {
				struct budget_seen s = {.now_ns = 1000 + tick * TICK_NS,
							.gateway_cpu_ns = own_all + sum,
							.base_ns = base,
							.spent_ns = spent[i],
							.after_ns = sum - base - spent[i]};

				all_levels(&s);
				budget_tick(&b[i], &s);
				base += spent[i];
			}
		}
		/* beyond it: the first looks, and each group's window more */
		double slack = cores * 10 * (double)BUDGET_WINDOW_NS * 4 * (cost[0] + cost[1] + cost[2]);
		double looks = cores * 6 * (double)BUDGET_WINDOW_NS * (cost[0] + cost[1] + cost[2]);
		assert_true(spent[0] + spent[1] + spent[2] <= limit.share * own_all + slack + looks);
		if (cost[0] < 0.7 * limit.share)
			assert_int_equal(budget_mode(&b[0]), BUDGET_FULL);
		if (cost[0] + cost[1] + cost[2] < 0.8 * limit.share)
			assert_int_equal(budget_mode(&b[2]), BUDGET_FULL);
		if (cost[0] > 1.1 * limit.share)
			assert_true(spent[0] > 0.8 * limit.share * own_all - slack && spent[0] > spent[1]);
	}
}

/* 2 % of a CPU, and probes that take a tenth of that: more than the share, less than is worth a thought. */
static void a_small_gateway_is_not_lost_sight_of(void **state)
{
	const struct budget_limit limit = {.share = 0.03, .least = 0.004};
	struct budget_seen s = {.now_ns = 1000};
	struct budget b;

	(void)state;
	budget_init(&b, &limit, BUDGET_WINDOW_NS);
	budget_begin(&b, &s);
	for (unsigned i = 0; i < 3000; i++) {
		double own = 0.02 * (double)TICK_NS;

		s.now_ns += TICK_NS;
		s.spent_ns += b.on ? 0.1 * own : 0;
		all_levels(&s);
		s.gateway_cpu_ns += own + (b.on ? 0.1 * own : 0);
		budget_tick(&b, &s);
	}
	assert_int_equal(budget_mode(&b), BUDGET_FULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_budget_is_kept),
		cmocka_unit_test(who_fits_is_on_all_the_time),
		cmocka_unit_test(some_returns_where_all_are_too_dear),
		cmocka_unit_test(frees_in_windows_where_the_rest_fits),
		cmocka_unit_test(returns_enough_and_not_too_many),
		cmocka_unit_test(windows_use_the_budget),
		cmocka_unit_test(without_a_limit_everything_is_seen),
		cmocka_unit_test(looks_are_paid_for),
		cmocka_unit_test(what_the_warm_up_tried_makes_no_windows),
		cmocka_unit_test(an_empty_budget_leaves_a_look),
		cmocka_unit_test(an_idle_gateway_is_watched),
		cmocka_unit_test(those_after_have_what_those_before_leave),
		cmocka_unit_test(a_small_gateway_is_not_lost_sight_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
