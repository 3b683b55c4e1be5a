// rooms: base leak record scenario/criteria scenario/fault scenario/metrics timeline attribution report compare
// SPDX-License-Identifier: GPL-2.0-only
/*
 * The statistics of `toll compare` on recorded runs: tests/model/compare/ holds the blocks and the driver's lag (mean, p50, p95, p99) of live runs of
 * the reference gateway on a 2-core machine, 20 s each at 100 requests/s: a*.json with a planted sleep of 1 ms (toll 1.15 ms at p50), b*.json with a
 * tenth of the toll more. quiet/ were made with real-time priority, shared/ while others compiled on the same two cores, late/ while wake-ups
 * of 2 to 4 ms made the mean lag (normal priority, a and b in turns); causes/ have the causes too, which default probes tell (quiet, normal
 * priority, in turns); lagging/ too, in half of them, with a driver's lag of 70 to 120 us at the median. What compare allows for was set on
 * these, so their rates flatter. judged/ were recorded afterwards (quiet, default probes): rates of runs that nothing was set on.
 * Pairs of different runs are drawn again in stretches of two seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "compare/compare.h"
#include "tests/support/test.h"

#define DIRECTORY "tests/model/compare"
#define RUNS_MAX 16
#define PAIRS 400
#define PAIRS_JUDGED 1000
#define STRETCH 8
#define SEED 1 /* the rates are those of the recorded runs, not of chance: the same each time */
#define RESAMPLES 400

struct run {
	struct sample *sample;
	struct compare_control lag;
};
struct runs {
	struct run run[RUNS_MAX];
	unsigned count;
};

static void run_read(struct run *run, const char *path, const json_t *doc)
{
	const json_t *lag = json_object_get(doc, "driver_lag");
	struct err err = {0};

	if (sample_new(&run->sample, json_object_get(doc, "blocks"), &err))
		fail_msg("%s: %s", path, err.text);
	run->lag.known = true;
	for (unsigned i = 0; i < 1 + SAMPLE_QUANTILES; i++)
		run->lag.ns[i] = json_number_value(json_array_get(lag, i));
	assert_true(run->lag.ns[0] > 0);
}

/* "quiet/a": quiet/a1.json and so on. */
static void runs_read(struct runs *r, const char *kind)
{
	char path[64];

	for (unsigned i = 1; i <= RUNS_MAX; i++) {
		snprintf(path, sizeof(path), DIRECTORY "/%s%u.json", kind, i);
		json_t *doc = json_load_file(path, 0, NULL);
		if (doc)
			run_read(&r->run[r->count++], path, doc);
		json_decref(doc);
	}
	assert_in_range(r->count, 4, RUNS_MAX);
}

static void runs_free(struct runs *r)
{
	for (unsigned i = 0; i < r->count; i++)
		sample_free(r->run[i].sample);
}

/* The run again, in stretches drawn anew. */
static struct sample *draw(const struct sample *s, struct rng *r)
{
	unsigned pick[SAMPLE_BLOCKS_MAX];

	for (unsigned i = 0; i < s->blocks; i++)
		pick[i] = i % STRETCH ? (pick[i - 1] + 1) % s->blocks : (unsigned)rng_below(r, s->blocks);
	struct sample *again = sample_pick(s, pick, s->blocks);
	assert_non_null(again);
	return again;
}

struct tally {
	unsigned pairs, alarms, slower, faster;
	unsigned alarm_of[COMPARE_FIGURES_MAX];
	char name[COMPARE_FIGURES_MAX][80];
};

/* Pairs differ in which phases they have. */
static unsigned *alarm_of(struct tally *t, const char *name)
{
	unsigned i = 0;

	while (i + 1 < COMPARE_FIGURES_MAX && t->name[i][0] && strcmp(t->name[i], name))
		i++;
	snprintf(t->name[i], sizeof(t->name[i]), "%s", name);
	return &t->alarm_of[i];
}

static void tally_add(struct tally *t, const struct comparison *c)
{
	const char *verdict = compare_verdict(c);
	bool alarm = false;

	for (unsigned i = 0; i < c->figures; i++) {
		const struct figure *f = &c->figure[i];
		bool changed = f->verdict == FIGURE_WORSE || f->verdict == FIGURE_BETTER;

		*alarm_of(t, f->name) += changed;
		alarm = alarm || changed;
	}
	t->pairs++;
	t->alarms += alarm;
	t->slower += !strcmp(verdict, "slower");
	t->faster += !strcmp(verdict, "faster");
}

static void pair_compare(const struct run *a, const struct run *b, struct rng *r, struct tally *t)
{
	struct compare_options options = COMPARE_OPTIONS_DEFAULT;
	struct comparison *c = calloc(1, sizeof(*c));
	struct sample *base = draw(a->sample, r), *new_ = draw(b->sample, r);

	assert_non_null(c);
	options.resamples = RESAMPLES;
	options.seed = rng_u64(r);
	c->options = options;
	c->control[0] = a->lag;
	c->control[1] = b->lag;
	assert_int_equal(compare_samples(base, new_, c), 0);
	tally_add(t, c);
	sample_free(base);
	sample_free(new_);
	free(c);
}

static void tally_print(const char *what, const struct tally *t)
{
	print_message("%s: %u pairs, %u with any change seen, verdict slower in %u, faster in %u\n", what, t->pairs, t->alarms,
		      t->slower, t->faster);
	for (unsigned i = 0; i < COMPARE_FIGURES_MAX; i++)
		if (t->alarm_of[i])
			print_message("  %s: %u\n", t->name[i], t->alarm_of[i]);
}

/* Two different runs of the same gateway: any figure that is said to have changed is a false alarm. */
static void assert_no_alarms(const char *kind, uint64_t stream, unsigned pairs)
{
	struct runs runs = {.count = 0};
	struct tally t = {0};
	struct rng r;

	rng_init(&r, SEED, stream);
	runs_read(&runs, kind);
	while (t.pairs < pairs) {
		unsigned i = (unsigned)rng_below(&r, runs.count), k = (unsigned)rng_below(&r, runs.count - 1);

		pair_compare(&runs.run[i], &runs.run[k + (k >= i)], &r, &t);
	}
	tally_print(kind, &t);
	runs_free(&runs);
	assert_in_range(t.alarms, 0, pairs / 20);
}

static void test_equal_runs_raise_no_alarm(void **state)
{
	(void)state;
	assert_no_alarms("quiet/a", 0, PAIRS);
	assert_no_alarms("late/a", 5, PAIRS);
	assert_no_alarms("causes/a", 7, PAIRS);
	assert_no_alarms("lagging/a", 9, PAIRS);
	assert_no_alarms("judged/a", 11, PAIRS_JUDGED);
}

/* The same on a machine on which others compiled meanwhile, so that one run's tails are many times another's. */
static void test_nor_do_they_on_a_machine_that_is_shared(void **state)
{
	(void)state;
	assert_no_alarms("shared/a", 1, PAIRS);
}

static void assert_found(const char *base_kind, const char *more_kind, uint64_t stream, unsigned pairs)
{
	struct runs base = {.count = 0}, more = {.count = 0};
	struct tally t = {0};
	struct rng r;

	rng_init(&r, SEED, stream);
	runs_read(&base, base_kind);
	runs_read(&more, more_kind);
	while (t.pairs < pairs)
		pair_compare(&base.run[rng_below(&r, base.count)], &more.run[rng_below(&r, more.count)], &r, &t);
	tally_print(more_kind, &t);
	runs_free(&base);
	runs_free(&more);
	assert_in_range(t.slower, pairs - pairs / 20, pairs);
	assert_in_range(t.faster, 0, pairs / 100);
}

static void test_a_tenth_more_toll_is_found(void **state)
{
	(void)state;
	assert_found("quiet/a", "quiet/b", 2, PAIRS);
	assert_found("late/a", "late/b", 6, PAIRS);
	assert_found("causes/a", "causes/b", 8, PAIRS);
	assert_found("lagging/a", "lagging/b", 10, PAIRS);
	assert_found("judged/a", "judged/b", 12, PAIRS_JUDGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_equal_runs_raise_no_alarm),
					   cmocka_unit_test(test_nor_do_they_on_a_machine_that_is_shared),
					   cmocka_unit_test(test_a_tenth_more_toll_is_found)};

	return cmocka_run_group_tests_name("compare_model", tests, NULL, NULL);
}
