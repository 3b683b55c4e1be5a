// SPDX-License-Identifier: GPL-2.0-only
// rooms: base leak tests/support/recorded
/*
 * Error rates of the verdict: a thousand series of each plant and each trap, each over one of the recorded soaks with its swings scaled at
 * random. Leaks missed at most 5 %, traps called a leak at most 1 %.
 */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "leak/watch.h"
#include "tests/support/recorded.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define SERIES 1000
#define CHAT 0
#define STREAM 1

/* What a gauge has grown by at this moment; u: the series' own random numbers, state: what it remembers (zero at its begin). */
typedef double (*shape_fn)(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2]);

static double requests_of(const struct recorded_moment *m)
{
	return m->requests[0] + m->requests[1] + m->requests[2] + m->requests[3];
}

/* The recording, and then its second half again and again: index i of a longer soak. */
static struct recorded_moment moment_of(const struct recorded *r, unsigned i)
{
	struct recorded_moment m = r->at[i < r->count ? i : r->count / 2 + (i - r->count) % (r->count - r->count / 2)];
	const struct recorded_moment *half = &r->at[r->count / 2], *end = &r->at[r->count - 1];
	unsigned again = i < r->count ? 0 : 1 + (i - r->count) / (r->count - r->count / 2);

	m.time_s += again * (end->time_s - half->time_s + 1);
	for (unsigned c = 0; c < RECORDED_CLASSES; c++)
		m.requests[c] += again * (end->requests[c] - half->requests[c]);
	return m;
}

static enum leak_verdict judge(shape_fn shape, double length, struct rng *rng, struct leak_result *result)
{
	const struct recorded *all, *r;
	unsigned soaks = recorded_all(&all);
	double scale = 0.5 + rng_unit(rng), u[2] = {rng_unit(rng), rng_unit(rng)}, state[2] = {0, 0};
	struct leak_watch *w = leak_watch_new(RECORDED_CLASSES);
	double done[RECORDED_CLASSES] = {0};

	assert_non_null(w);
	r = &all[rng_below(rng, soaks)];
	for (unsigned i = 0; i < length * r->count; i++) {
		const struct recorded_moment now = moment_of(r, i), *m = &now;
		double base = r->at[0].memory_bytes + scale * (m->memory_bytes - r->at[0].memory_bytes);
		struct record_gauges g = {.time_ns = (uint64_t)((1 + m->time_s) * (double)NS_PER_S)};
		for (unsigned c = 0; c < RECORDED_CLASSES; c++)
			leak_watch_requests(w, c, (uint64_t)(m->requests[c] - done[c]));
		memcpy(done, m->requests, sizeof(done));
		g.anon_bytes = (uint64_t)(base + shape(m, u, rng, state));
		assert_int_equal(leak_watch_gauges(w, &g), 0);
	}
	assert_int_equal(leak_watch_judge(w, 0, result), 0);
	leak_watch_free(w);
	return result->gauge[LEAK_MEMORY].verdict;
}

/* --- plants ------------------------------------------------------------------------------------------------------------------ */

static double leak_64(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)u, (void)rng, (void)state;
	return 64 * m->requests[CHAT];
}

static double leak_1k(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)u, (void)rng, (void)state;
	return 1024 * m->requests[STREAM];
}

/* 16 KiB in one request of a thousand, whichever it is. */
static double leak_rare(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)u;
	for (; state[0] < requests_of(m); state[0]++)
		state[1] += rng_below(rng, 1000) ? 0 : 16384;
	return state[1];
}

/* A buffer of 32 KiB for each connection, which serves 500 requests more or less. */
static double leak_by_connection(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)u;
	for (; state[0] < requests_of(m); state[0] += 100)
		state[1] += rng_below(rng, 5) ? 0 : 32768;
	return state[1];
}

static double leak_behind_warm_up(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)rng, (void)state;
	return 128 * m->requests[CHAT] + 50e6 * fmin(m->time_s / (2 + 20 * u[0]), 1);
}

/* Grows with time, requests or not. */
static double leak_by_time(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)rng, (void)state;
	return (20e3 + 50e3 * u[0]) * m->time_s;
}

/* --- traps ------------------------------------------------------------------------------------------------------------------- */

static double nothing(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)m, (void)u, (void)rng, (void)state;
	return 0;
}

static double cache_saturating(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)rng, (void)state;
	return 30e6 * (1 - exp(-requests_of(m) / (2000 + 15000 * u[0])));
}

static double cache_evicting(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	double full = 2e6 + 15e6 * u[0], filled = 512 * requests_of(m);

	(void)state;
	return fmin(filled, full) + (filled > full ? 100e3 * rng_unit(rng) : 0);
}

/* Sampled at uneven times, as a session does. */
static double sawtooth(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)state;
	return 20e6 * fmod((m->time_s + 0.5 * rng_unit(rng)) / (3 + 20 * u[0]) + u[1], 1);
}

/* Collected after so many requests, not after so long. */
static double sawtooth_by_requests(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)rng, (void)state;
	return 20e6 * fmod(requests_of(m) / (1000 + 8000 * u[0]) + u[1], 1);
}

static double warm_up(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)rng, (void)state;
	return m->time_s > 5 + 60 * u[0] ? 50e6 : 0;
}

/* 100 kB for each stream in flight, whose number wanders. */
static double streams_in_flight(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)m, (void)u;
	state[0] = 0.9 * state[0] + (rng_unit(rng) - 0.5) * 10;
	return 100e3 * fmax(20 + state[0], 0);
}

/* The allocator's holes: growth ever slower. */
static double fragmentation(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)rng, (void)state;
	return (2e6 + 4e6 * u[0]) * log1p(requests_of(m) / 500);
}

/* One arena of 1 MB for each new thread of a pool that grows to its bound. */
static double thread_pool(const struct recorded_moment *m, const double u[2], struct rng *rng, double state[2])
{
	(void)rng, (void)state;
	return 1e6 * floor(fmin(m->time_s / (1 + 6 * u[0]), 8));
}

struct row {
	const char *name;
	shape_fn shape;
	double length; /* times three minutes */
};

/* Verdicts "leak" of so many series. */
static unsigned count(const struct row *row, unsigned series, struct rng *rng)
{
	struct leak_result result;
	unsigned verdicts[3] = {0}, reasons[8] = {0};

	for (unsigned i = 0; i < series; i++) {
		verdicts[judge(row->shape, row->length, rng, &result)]++;
		reasons[result.gauge[LEAK_MEMORY].reason]++;
	}
	print_message("# %-22s leak %4u, none %4u, inconclusive %4u (short %u, noisy %u, flat %u, levels off %u, slows %u, steps "
		      "%u, no "
		      "new high %u)\n",
		      row->name, verdicts[LEAK_FOUND], verdicts[LEAK_NONE], verdicts[LEAK_INCONCLUSIVE], reasons[0], reasons[1],
		      reasons[2], reasons[3], reasons[4], reasons[6], reasons[7]);
	return verdicts[LEAK_FOUND];
}

/*
 * Is the share of series called a leak within low and high per thousand? Where chance alone could have put a thousand series outside (a
 * true 6 of 1,000 exceeds 10 once in 23 times), five thousand more decide.
 */
static bool share_within(const struct row *row, unsigned low, unsigned high, struct rng *rng)
{
	unsigned found = count(row, SERIES, rng);

	if (found < low || found > high)
		found = count(row, 5 * SERIES, rng) / 5;
	return found >= low && found <= high;
}

static void test_plants_are_found(void **state)
{
	static const struct row plant[] = {
		{"64 B a chat", leak_64, 1},
		{"1 KiB a stream", leak_1k, 1},
		{"1 in 1,000, 9 min", leak_rare, 3},
		{"by connection", leak_by_connection, 1},
		{"behind a warm-up", leak_behind_warm_up, 1},
		{"by time", leak_by_time, 1},
	};
	bool is_met = true;
	struct rng rng;

	(void)state;
	rng_init(&rng, test_seed(), 0);
	for (unsigned i = 0; i < sizeof(plant) / sizeof(plant[0]); i++)
		is_met = share_within(&plant[i], SERIES * 95 / 100, SERIES, &rng) && is_met;
	assert_true(is_met);
}

static void test_traps_are_no_leaks(void **state)
{
	static const struct row trap[] = {
		{"nothing", nothing, 1},
		{"cache, saturating", cache_saturating, 1},
		{"cache, evicting", cache_evicting, 1},
		{"sawtooth", sawtooth, 1},
		{"sawtooth by requests", sawtooth_by_requests, 1},
		{"warm-up of 50 MB", warm_up, 1},
		{"streams in flight", streams_in_flight, 1},
		{"fragmentation", fragmentation, 1},
		{"thread pool", thread_pool, 1},
	};
	bool is_met = true;
	struct rng rng;

	(void)state;
	rng_init(&rng, test_seed(), 1);
	for (unsigned i = 0; i < sizeof(trap) / sizeof(trap[0]); i++)
		is_met = share_within(&trap[i], 0, SERIES / 100, &rng) && is_met;
	assert_true(is_met);
}

/* Bytes for each request of the class, where it was called a leak. */
static void test_amount(void **state)
{
	struct leak_result result;
	unsigned within = 0, called = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, test_seed(), 2);
	for (unsigned i = 0; i < SERIES / 4; i++) {
		if (judge(leak_1k, 1, &rng, &result) != LEAK_FOUND)
			continue;
		called++;
		within += fabs(result.split[LEAK_MEMORY].class_[STREAM].per_request - 1024) < 0.1 * 1024;
	}
	print_message("# 1 KiB a stream: within 10 %% in %u of %u\n", within, called);
	assert_in_range(within, called * 95 / 100, called);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plants_are_found),
		cmocka_unit_test(test_traps_are_no_leaks),
		cmocka_unit_test(test_amount),
	};

	return cmocka_run_group_tests_name("leak_model", tests, NULL, NULL);
}
