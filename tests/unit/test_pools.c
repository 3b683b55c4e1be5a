// rooms: base record timeline attribution tests/support/wires
// SPDX-License-Identifier: GPL-2.0-only
/* Levels over time against a naive count; connections kept to a peer: how many, in use, exhausted, abandoned, and how long answers take. */
#include <string.h>

#include "attribution/levels.h"
#include "attribution/pools.h"
#include "base/hist.h"
#include "base/rng.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"
#include "tests/support/wires.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)
#define START (100 * S)
#define INTERVALS 300

/* Whatever the order in which intervals come, and however often the clock was halved meanwhile. */
static void test_levels(void **state)
{
	uint64_t from[INTERVALS], to[INTERVALS];
	struct levels_clock clock;
	struct level level = {0};
	struct rng rng;

	(void)state;
	rng_init(&rng, test_seed(), 0);
	levels_start(&clock, START);
	for (unsigned i = 0; i < INTERVALS; i++) {
		uint64_t reach_ns = (i + 1) * 200 * MS; /* later ones reach further: halvings lie between */

		from[i] = START - S + rng_below(&rng, reach_ns);
		to[i] = from[i] + rng_below(&rng, S);
		while (levels_moment(&clock, to[i]) >= LEVELS_MOMENTS) {
			levels_clock_halve(&clock);
			level_halve(&level);
		}
		level_change(&level, (unsigned)levels_moment(&clock, from[i]), 1);
		level_change(&level, (unsigned)levels_moment(&clock, to[i]), -1);
	}
	assert_true(clock.step_ns > 2 * MS);
	int now = 0;
	for (unsigned k = 0; k < LEVELS_MOMENTS; k++) {
		uint64_t at_ns = START + k * clock.step_ns;
		int naive = 0;

		now += level.change[k];
		for (unsigned i = 0; i < INTERVALS; i++)
			naive += from[i] <= at_ns && at_ns < to[i];
		assert_int_equal(now, naive);
	}
}

struct rig {
	struct pools *pools;
	struct end end[16];
	unsigned ends;
};

static void feed(void *ctx, const void *record, uint32_t bytes)
{
	(void)bytes;
	assert_int_equal(pools_wire(ctx, record), 0);
}

static struct end *opened(struct rig *r, uint8_t side, uint64_t at_ns)
{
	const struct tuple_text to_db = {"127.0.0.1", (uint16_t)(50000 + r->ends), "127.0.0.1", 5432};
	const struct tuple_text from_client = {"127.0.0.1", (uint16_t)(40000 + r->ends), "127.0.0.1", 8080};
	struct end *e = &r->end[r->ends++];

	*e = (struct end){.feed = feed, .ctx = r->pools};
	end_open(e, NULL, r->ends, WIRE_ROLE_GATEWAY, side, side == WIRE_SIDE_CLIENT ? &to_db : &from_client, 1, at_ns - 50000,
		 at_ns);
	return e;
}

/* Asks at at_ns and has its answer wait_ns later, read a little after that. */
static void ask(struct end *e, uint64_t at_ns, uint64_t wait_ns, uint32_t tid)
{
	end_mark(e, WIRE_LANE_OUT, 100, at_ns, tid);
	end_mark(e, WIRE_LANE_IN, 100, at_ns + wait_ns, 0);
	end_mark(e, WIRE_LANE_READ, 100, at_ns + wait_ns + 10000, tid);
	end_turn(e, 0);
}

static void request(struct end *e, uint64_t at_ns, uint64_t takes_ns)
{
	end_mark(e, WIRE_LANE_IN, 100, at_ns, 0);
	end_mark(e, WIRE_LANE_READ, 100, at_ns + 10000, 1);
	end_mark(e, WIRE_LANE_OUT, 100, at_ns + takes_ns, 1);
	end_turn(e, 0);
}

static const uint8_t loopback[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};

/* Two connections, both in use for a second of four, while three requests are inside the gateway. */
static void test_figures(void **state)
{
	struct rig r = {.pools = pools_new()};
	struct pool_figures f;
	struct hist *wait = hist_new();

	(void)state;
	pools_start(r.pools, START);
	for (unsigned i = 0; i < 3; i++)
		request(opened(&r, WIRE_SIDE_SERVER, START), START + S, i < 2 ? S + MS : S);
	struct end *a = opened(&r, WIRE_SIDE_CLIENT, START - S), *b = opened(&r, WIRE_SIDE_CLIENT, START + S);
	ask(a, START + S, S, 1);
	ask(b, START + S, S, 1);
	ask(a, START + 3 * S, 20 * MS, 1);
	end_close(b, START + 3 * S);
	assert_int_equal(pools_tick(r.pools, START + 4 * S - MS), 0);
	assert_int_equal(pools_finish(r.pools), 0);
	assert_int_equal(pools_find(r.pools, loopback, 1), -1);
	int pool = pools_find(r.pools, loopback, 5432);
	assert_int_equal(pool, 0);
	pools_figures(r.pools, pool, 0, UINT64_MAX, &f);
	assert_int_equal(f.open_max, 2);
	assert_int_equal(f.open_end, 1);
	assert_int_equal(f.busy_max, 2);
	assert_true(f.exhausted > 0.24 && f.exhausted < 0.26);
	struct pools_queue q;
	pools_queue(r.pools, 0, UINT64_MAX, &q);
	assert_int_equal(q.requests_max, 3);
	assert_int_equal(q.unread_max, 3); /* for the 10 us that begin with a moment */
	assert_true(q.unread_mean < 0.01);
	uint64_t most, end;
	pools_backlog(r.pools, pool, 0, UINT64_MAX, &most, &end);
	assert_int_equal(most, 1); /* the shorter one was answered first */
	assert_int_equal(end, 0);
	pools_figures(r.pools, pool, START, START + S, &f);
	assert_int_equal(f.open_max, 1);
	assert_int_equal(f.busy_max, 0);
	assert_true(f.exhausted == 0.0);
	pools_figures(r.pools, pool, START + 3 * S, START + 3 * S + 1, &f);
	assert_int_equal(f.moments, 1);
	assert_int_equal(f.open_end, 1);
	assert_int_equal(pools_wait(r.pools, pool, START + 2 * S, UINT64_MAX, wait), 0);
	assert_int_equal(hist_count(wait), 1);
	assert_in_range(hist_max(wait), 19 * MS, 21 * MS);
	assert_int_equal(pools_wait(r.pools, pool, 0, START + 2 * S, wait), 0);
	assert_int_equal(hist_count(wait), 3);
	assert_int_equal(pools_abandoned(r.pools, pool), 0);
	hist_free(wait);
	pools_free(r.pools);
}

/*
 * Abandoned is what the thread that had it does not use again though it opens another. Not what another thread's pool holds, what is used
 * again, what is closed, or what was in use when the other was opened.
 */
static void test_abandoned(void **state)
{
	struct rig r = {.pools = pools_new()};

	(void)state;
	pools_start(r.pools, START);
	struct end *lost = opened(&r, WIRE_SIDE_CLIENT, START), *other = opened(&r, WIRE_SIDE_CLIENT, START);
	struct end *again = opened(&r, WIRE_SIDE_CLIENT, START), *closed = opened(&r, WIRE_SIDE_CLIENT, START);
	struct end *in_use = opened(&r, WIRE_SIDE_CLIENT, START);
	ask(lost, START + MS, MS, 1);
	ask(other, START + MS, MS, 2);
	ask(again, START + MS, MS, 1);
	ask(closed, START + MS, MS, 1);
	ask(in_use, START + MS, S + 500 * MS, 1);
	struct end *newer = opened(&r, WIRE_SIDE_CLIENT, START + S);
	ask(newer, START + S + MS, MS, 1);
	ask(again, START + 2 * S, MS, 1);
	end_close(closed, START + 2 * S);
	assert_int_equal(pools_finish(r.pools), 0);
	assert_int_equal(pools_abandoned(r.pools, 0), 1);
	pools_free(r.pools);
}

/* Three requests lie in the sockets for a second of four, one of them is answered; a peer is told of none. */
static void test_queue(void **state)
{
	struct rig r = {.pools = pools_new()};
	struct pools_queue q;
	uint64_t most, end;

	(void)state;
	pools_start(r.pools, START);
	ask(opened(&r, WIRE_SIDE_CLIENT, START - S), START - MS, MS / 2, 1);
	for (unsigned i = 0; i < 3; i++) {
		struct end *e = opened(&r, WIRE_SIDE_SERVER, START);

		end_mark(e, WIRE_LANE_IN, 100, START + S, 0);
		end_mark(e, WIRE_LANE_READ, 100, START + 2 * S, 1);
		if (i == 0)
			end_mark(e, WIRE_LANE_OUT, 100, START + 3 * S, 1);
		end_turn(e, 0);
	}
	assert_int_equal(pools_tick(r.pools, START + 4 * S - MS), 0);
	assert_int_equal(pools_finish(r.pools), 0);
	pools_queue(r.pools, 0, UINT64_MAX, &q);
	assert_int_equal(q.unread_max, 3);
	assert_true(q.unread_mean > 0.74 && q.unread_mean < 0.76);
	pools_queue(r.pools, START + 2 * S, START + 3 * S, &q);
	assert_int_equal(q.unread_max, 0);
	pools_backlog(r.pools, 0, 0, UINT64_MAX, &most, &end);
	assert_int_equal(most, 0); /* its one answer came before the run */
	pools_free(r.pools);
}

/* A snapshot of a turn that is open counts until it comes again, longer: once. */
static void test_snapshots(void **state)
{
	struct rig r = {.pools = pools_new()};
	struct pool_figures f;

	(void)state;
	pools_start(r.pools, START);
	struct end *e = opened(&r, WIRE_SIDE_CLIENT, START);
	end_mark(e, WIRE_LANE_OUT, 100, START + S, 1);
	end_turn(e, WIRE_TURN_STILL_OPEN);
	end_turn(e, WIRE_TURN_STILL_OPEN);
	end_mark(e, WIRE_LANE_IN, 100, START + 2 * S, 0);
	end_mark(e, WIRE_LANE_READ, 100, START + 2 * S, 1);
	end_turn(e, 0);
	assert_int_equal(pools_tick(r.pools, START + 3 * S), 0);
	assert_int_equal(pools_finish(r.pools), 0);
	pools_figures(r.pools, 0, 0, UINT64_MAX, &f);
	assert_int_equal(f.busy_max, 1);
	pools_figures(r.pools, 0, START + 2 * S + MS, UINT64_MAX, &f);
	assert_int_equal(f.busy_max, 0);
	pools_free(r.pools);
}

/* Before the run has begun nothing is told, but what is open then counts from its first moment on. */
static void test_before_the_start(void **state)
{
	struct rig r = {.pools = pools_new()};
	struct pool_figures f;

	(void)state;
	ask(opened(&r, WIRE_SIDE_CLIENT, START - S), START - S + MS, MS, 1);
	pools_start(r.pools, START);
	assert_int_equal(pools_tick(r.pools, START + S), 0);
	assert_int_equal(pools_finish(r.pools), 0);
	pools_figures(r.pools, 0, 0, UINT64_MAX, &f);
	assert_int_equal(f.open_max, 1);
	assert_int_equal(f.busy_max, 0);
	pools_free(r.pools);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),    cmocka_unit_test(test_figures), cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_snapshots), cmocka_unit_test(test_queue),   cmocka_unit_test(test_before_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
