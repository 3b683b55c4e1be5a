// SPDX-License-Identifier: GPL-2.0-only
// rooms: base probe/windows
/* Random gateways against the windows' account: the share is kept, no window is too short to say anything, and who can pay is on for good. */
#include "base/clock.h"
#include "base/rng.h"
#include "probe/windows.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define TICK_NS (100 * NS_PER_MS)

struct end {
	double spent, own, on_share;
	unsigned windows;
	uint64_t shortest_ns, first_ns;
};

/* cores: its own work; cost: of being on, per ns of own CPU; probes are ready at `ready`. */
static struct end run(double cores, double cost, double share, unsigned ticks, unsigned ready)
{
	struct windows_seen s = {.now_ns = 1000, .share = share};
	struct end end = {.shortest_ns = UINT64_MAX};
	struct windows w;

	windows_init(&w, &s);
	for (unsigned i = 0; i < ticks; i++) {
		double own = cores * (double)TICK_NS, spent = w.on ? own * cost : 0;
		bool was_on = w.on;
		uint64_t turned_ns = w.turned_ns;

		s.now_ns += TICK_NS;
		s.spent_ns += spent;
		s.gateway_cpu_ns += own + spent;
		end.own += own;
		end.spent += spent;
		end.on_share += w.on;
		windows_tick(&w, &s, i >= ready);
		if (w.on && !was_on && !end.windows++)
			end.first_ns = s.now_ns;
		if (!w.on && was_on && s.now_ns - turned_ns < end.shortest_ns)
			end.shortest_ns = s.now_ns - turned_ns;
	}
	end.on_share /= ticks;
	return end;
}

static double uniform(struct rng *r, double from, double to)
{
	return from + rng_unit(r) * (to - from);
}

static void the_share_is_kept(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (unsigned i = 0; i < 500; i++) {
		double cores = uniform(&r, 0.01, 4), cost = uniform(&r, 0.05, 3), share = uniform(&r, 0.005, 0.05);
		struct end end = run(cores, cost, share, 6000, 600);

		/* what is spent beyond the account is one tick, or a window of the least length whose cost was not known */
		assert_true(end.spent <= share * end.own + cores * cost * 1.2 * (double)NS_PER_S);
		assert_true(end.windows >= 1);
		assert_true(end.shortest_ns >= WINDOWS_LEAST_NS);
		/* nor is it left unspent: a window waits for 10 s of itself at most */
		if (end.windows > 1)
			assert_true(end.spent >= share * end.own - cores * cost * 10.2 * (double)NS_PER_S);
	}
}

static void who_can_pay_is_on_for_good(void **state)
{
	struct end end = run(1, 0.01, 0.03, 6000, 300), free_of_limit = run(1, 3, 0, 6000, 300);

	(void)state;
	assert_int_equal(end.windows, 1);
	assert_true(end.on_share > 0.94);
	assert_int_equal(free_of_limit.windows, 1);
	assert_true(free_of_limit.on_share > 0.94);
}

/* What was saved before there was anything to follow makes the first window long. */
static void saved_time_counts(void **state)
{
	struct end end = run(0.03, 0.18, 0.01, 1800, 600);

	(void)state;
	assert_true(end.first_ns <= 1000 + 601 * TICK_NS);
	assert_true(end.on_share * 180 > 6);
}

static void nothing_to_follow(void **state)
{
	struct end end = run(1, 0.5, 0.03, 1000, 1000);

	(void)state;
	assert_int_equal(end.windows, 0);
	assert_true(end.spent <= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_share_is_kept),
		cmocka_unit_test(who_can_pay_is_on_for_good),
		cmocka_unit_test(saved_time_counts),
		cmocka_unit_test(nothing_to_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
