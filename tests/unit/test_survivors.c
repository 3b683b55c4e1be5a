// SPDX-License-Identifier: GPL-2.0-only
// rooms: base leak
/* Sites and life tables, on blocks whose fate is known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "leak/survivors.h"
#include "tests/support/test.h"

static void assert_near(double value, double truth, double tolerance)
{
	if (!(fabs(value - truth) <= tolerance))
		fail_msg("%g is not within %g of %g", value, tolerance, truth);
}

static void test_buckets(void **state)
{
	(void)state;
	assert_int_equal(life_bucket(0), 0);
	assert_int_equal(life_bucket(131071), 0);
	assert_int_equal(life_bucket(131072), 1);
	assert_int_equal(life_bucket(UINT64_C(1) << 40), 24);
	assert_int_equal(life_bucket(UINT64_MAX), WIRE_SITE_LIVES - 1);
}

static void test_table(void **state)
{
	struct life_table none = {.died = {0}}, t = {.died = {[2] = 50}, .censored = {[10] = 50}};
	double until_s;

	(void)state;
	assert_near(life_survival(&none, &until_s), 0, 0);
	assert_near(life_survival(&t, &until_s), 0.5, 1e-9);
	assert_near(until_s, ldexp(1, 26) / 1e9, 1e-9);
	/* half of those watched die each time; of those censored meanwhile half a life was at risk */
	t = (struct life_table){.died = {[3] = 40, [5] = 10}, .censored = {[3] = 40, [6] = 10}};
	assert_near(life_survival(&t, &until_s), (1 - 40.0 / 80) * (1 - 10.0 / 20), 1e-9);
	/* all die */
	t = (struct life_table){.died = {[1] = 7}};
	assert_near(life_survival(&t, &until_s), 0, 1e-9);
}

static struct wire_site site_of(uint64_t born, uint64_t bytes, uint64_t freed)
{
	return (struct wire_site){.first_ns = 5 * NS_PER_S,
				  .last_ns = 6 * NS_PER_S,
				  .born = born,
				  .born_bytes = born * bytes,
				  .asked_bytes = born * (bytes - 8),
				  .squared_bytes = born * bytes * bytes / 256,
				  .freed = freed,
				  .freed_bytes = freed * bytes,
				  .life = {[4] = freed}};
}

static void censor(struct survivors *s, uint64_t site, unsigned blocks, uint64_t bytes, bool again)
{
	struct wire_block b = {.site = site, .birth_ns = 6 * NS_PER_S, .held_bytes = bytes, .window = 1, .weight = 1};

	for (unsigned i = 0; i < blocks; i++)
		assert_int_equal(survivors_censored(s, &b, 9 * NS_PER_S, again), 0);
	for (unsigned i = 0; i < blocks; i++)
		assert_int_equal(survivors_alive(s, &b, 20 * NS_PER_S), 0);
}

/* A leak above a site that takes more and gives it back, and above a cache whose entries go later. */
static void test_rows(void **state)
{
	static const char leak[] = "grow\0main", busy[] = "read\0main", cache[] = "put\0main";
	struct survivors *s = survivors_new();
	struct wire_site site;
	struct survivor_row *row;
	size_t rows;

	(void)state;
	assert_non_null(s);
	site = site_of(300, 64, 0); /* two workers: one stack, two keys */
	assert_int_equal(survivors_site(s, 1, &site), 0);
	site = site_of(100, 64, 0);
	site.first_ns = 4 * NS_PER_S;
	assert_int_equal(survivors_site(s, 2, &site), 0);
	site = site_of(5000, 4096, 4990);
	assert_int_equal(survivors_site(s, 3, &site), 0);
	site = site_of(1000, 1024, 0);
	site.gone = 990;
	assert_int_equal(survivors_site(s, 4, &site), 0);
	censor(s, 1, 300, 64, false);
	censor(s, 2, 100, 64, false);
	censor(s, 4, 1000, 1024, true);
	assert_int_equal(survivors_named(s, 1, leak, sizeof(leak), 2), 0);
	assert_int_equal(survivors_named(s, 2, leak, sizeof(leak), 2), 0);
	assert_int_equal(survivors_named(s, 3, busy, sizeof(busy), 2), 0);
	assert_int_equal(survivors_named(s, 4, cache, sizeof(cache), 2), 0);
	assert_int_equal(survivors_rows(s, &row, &rows), 0);
	assert_int_equal(rows, 3);
	assert_string_equal(row[0].text, "grow");
	assert_int_equal(row[0].frames, 2);
	assert_int_equal(row[0].taken, 400);
	assert_int_equal(row[0].alive, 400);
	assert_int_equal(row[0].first_ns, 4 * NS_PER_S);
	assert_int_equal(row[0].oldest_ns, 14 * NS_PER_S);
	assert_near(row[0].survival, 1, 1e-9);
	assert_near(row[0].kept_bytes, 400 * 64, 1e-6);
	assert_near(row[0].kept_error_bytes, sqrt(400) * 64, 1);
	assert_string_equal(row[1].text, "put");
	assert_int_equal(row[1].carried, 1000);
	assert_near(row[1].kept_bytes, 10 * 1024, 1e-6);
	assert_string_equal(row[2].text, "read");
	assert_near(row[2].kept_bytes, 0, 1e-6);
	free(row);
	survivors_free(s);
}

/* Three windows: a leak takes in each of them, and a burst of connections ten times as much in one. */
static void test_what_came_once_stands_below(void **state)
{
	static const char leak[] = "grow\0main", burst[] = "accept\0main";
	struct survivors *s = survivors_new();
	struct wire_site site;
	struct survivor_row *row;
	size_t rows;

	(void)state;
	for (uint32_t window = 1; window <= 3; window++)
		for (unsigned i = 0; i < 300; i++) {
			struct wire_block b = {.site = 1 + i % 2, .held_bytes = 64, .window = window, .weight = 1};

			b.held_bytes = b.site == 1 ? 64 : 1280;
			if (b.site == 2 && window != 2)
				continue;
			assert_int_equal(survivors_censored(s, &b, window * NS_PER_S, true), 0);
			assert_int_equal(survivors_alive(s, &b, 9 * NS_PER_S), 0);
		}
	site = site_of(450, 64, 0);
	assert_int_equal(survivors_site(s, 1, &site), 0);
	site = site_of(150, 1280, 0);
	assert_int_equal(survivors_site(s, 2, &site), 0);
	assert_int_equal(survivors_named(s, 1, leak, sizeof(leak), 2), 0);
	assert_int_equal(survivors_named(s, 2, burst, sizeof(burst), 2), 0);
	assert_int_equal(survivors_rows(s, &row, &rows), 0);
	assert_int_equal(rows, 2);
	assert_string_equal(row[0].text, "grow");
	assert_near(row[0].one_window_share, 1.0 / 3, 1e-9);
	assert_string_equal(row[1].text, "accept");
	assert_near(row[1].one_window_share, 1, 1e-9);
	assert_true(row[1].kept_bytes > 5 * row[0].kept_bytes);
	free(row);
	survivors_free(s);
}

/* What is not followed any more cannot be seen to go: it is no evidence for staying. */
static void test_forgotten(void **state)
{
	struct wire_block b = {.site = 1, .held_bytes = 64, .window = 1, .weight = 2};
	struct survivors *s = survivors_new();
	struct wire_site site = site_of(200, 64, 0);
	struct survivor_row *row;
	size_t rows;

	(void)state;
	site.gone = 60;
	assert_int_equal(survivors_site(s, 1, &site), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(survivors_censored(s, &b, NS_PER_S, true), 0);
	for (unsigned i = 0; i < 40; i++)
		survivors_forgotten(s, &b);
	b.site = 77;
	survivors_forgotten(s, &b); /* of a site that is not known: nothing */
	assert_int_equal(survivors_rows(s, &row, &rows), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(row[0].carried, 120);
	assert_near(row[0].kept, 100, 1e-6);
	free(row);
	survivors_free(s);
}

/*
 * Lives that are drawn: 2 % leak, the others live some 50 ms, one block in four is followed, windows are of 1 to 8 s. What is kept is estimated
 * without bias, and lies within two of its errors in nineteen of twenty runs.
 */
static void test_estimate(void **state)
{
	unsigned inside = 0, runs = 400;
	double sum = 0;
	struct rng r;

	(void)state;
	rng_init(&r, 7, 0);
	for (unsigned run = 0; run < runs; run++) {
		uint64_t window_ns = NS_PER_S + rng_below(&r, 7) * NS_PER_S, leaks = 0;
		struct survivors *s = survivors_new();
		struct wire_site site = {.first_ns = 1};
		struct survivor_row *row;
		size_t rows;

		for (unsigned i = 0; i < 20000; i++) {
			struct wire_block b = {
				.site = 1, .birth_ns = rng_below(&r, window_ns), .held_bytes = 96, .window = 1, .weight = 4};
			bool leak = !rng_below(&r, 50);
			uint64_t life_ns = (uint64_t)(-log(1 - rng_unit(&r)) * 5e7);

			leaks += leak;
			if (rng_below(&r, 4))
				continue;
			site.born += 4;
			site.born_bytes += 4 * 96;
			site.squared_bytes += 4 * 96 * 4 * 96 / 256;
			if (leak || b.birth_ns + life_ns >= window_ns)
				assert_int_equal(survivors_censored(s, &b, window_ns, false), 0);
			else
				site.life[life_bucket(life_ns)] += 4;
		}
		assert_int_equal(survivors_site(s, 1, &site), 0);
		assert_int_equal(survivors_rows(s, &row, &rows), 0);
		sum += row[0].kept_bytes / ((double)leaks * 96);
		inside += fabs(row[0].kept_bytes - (double)leaks * 96) < 1.96 * row[0].kept_error_bytes;
		free(row);
		survivors_free(s);
	}
	assert_near(sum / runs, 1, 0.02);
	assert_in_range(inside, runs * 93 / 100, runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),   cmocka_unit_test(test_table),
		cmocka_unit_test(test_rows),      cmocka_unit_test(test_what_came_once_stands_below),
		cmocka_unit_test(test_forgotten), cmocka_unit_test(test_estimate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
