// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
/* The histogram against a sorted array of the same values. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hist.h"
#include "base/rng.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define ROUNDS 300
#define VALUES_MAX 3000
#define VALUE_MAX ((UINT64_C(1) << 48) - 1)

struct model {
	uint64_t value[VALUES_MAX];
	size_t count;
	uint64_t sum;
	uint64_t lowest_bound; /* UINT64_MAX: none */
	uint64_t bounds;
};

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void model_add(struct model *m, struct hist *h, uint64_t value, bool at_least)
{
	m->value[m->count++] = value;
	m->sum += value;
	if (at_least) {
		m->bounds++;
		if (value < m->lowest_bound)
			m->lowest_bound = value;
	}
	assert_int_equal(at_least ? hist_record_at_least(h, value) : hist_record(h, value), 0);
}

/* Values of every magnitude: many small ones, some huge, some alike. */
static uint64_t draw(struct rng *r)
{
	unsigned bits = 1 + (unsigned)rng_below(r, 40);
	uint64_t value = rng_below(r, UINT64_C(1) << bits);

	return rng_below(r, 10) ? value : value & ~UINT64_C(0xff);
}

static uint64_t model_percentile(const struct model *m, double q)
{
	size_t i;

	for (i = 0; i < m->count; i++) {
		if ((double)(i + 1) >= q / 100.0 * (double)m->count)
			return m->value[i];
	}
	return m->value[m->count - 1];
}

static void assert_percentiles(const struct model *m, const struct hist *h, struct rng *r)
{
	int i;

	for (i = 0; i < 50; i++) {
		double q = i < 5 ? (double[]){0, 50, 99, 99.9, 100}[i] : rng_unit(r) * 100.0;
		uint64_t truth = model_percentile(m, q), got = hist_percentile(h, q);
		uint64_t off = got > truth ? got - truth : truth - got;

		assert_in_range(off * 256, 0, truth);
		/* surely above the lowest bound: said so; surely below: not */
		if (m->bounds && truth >= m->lowest_bound)
			assert_true(hist_is_lower_bound(h, q));
		if (!m->bounds || truth + truth / 64 + 1 < m->lowest_bound)
			assert_false(hist_is_lower_bound(h, q));
	}
}

static void assert_above(const struct model *m, const struct hist *h, struct rng *r)
{
	uint64_t limit = draw(r), least = 0, most = 0, above = hist_count_above(h, limit);
	size_t i;

	for (i = 0; i < m->count; i++) {
		least += m->value[i] > limit + limit / 128;
		most += m->value[i] > limit;
	}
	assert_in_range(above, least, most);
}

static void assert_matches(struct model *m, const struct hist *h, struct rng *r)
{
	assert_int_equal(hist_count(h), m->count);
	assert_int_equal(hist_count_at_least(h), m->bounds);
	assert_int_equal(hist_sum(h), m->sum);
	assert_int_equal(hist_lost(h), 0);
	if (!m->count)
		return;
	qsort(m->value, m->count, sizeof(m->value[0]), compare_u64);
	assert_int_equal(hist_min(h), m->value[0]);
	assert_int_equal(hist_max(h), m->value[m->count - 1]);
	assert_percentiles(m, h, r);
	assert_above(m, h, r);
}

static void assert_same(const struct hist *a, const struct hist *b)
{
	char *x = hist_encode(a), *y = hist_encode(b);

	assert_non_null(x);
	assert_string_equal(x, y);
	free(x);
	free(y);
}

static void assert_round_trip(const struct hist *h)
{
	char *form[] = {hist_encode(h), hist_encode_short(h)};

	for (int i = 0; i < 2; i++) {
		struct hist *back = NULL;

		assert_int_equal(hist_decode(form[i], &back), 0);
		assert_same(h, back);
		hist_free(back);
		free(form[i]);
	}
}

/* The values fall on `parts` histograms; merged they are the histogram of all. */
static void test_random_sets(void **state)
{
	static struct model m;
	struct rng r;
	int round;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (round = 0; round < ROUNDS; round++) {
		struct hist *whole = hist_new(), *part[3] = {hist_new(), hist_new(), hist_new()};
		struct hist *merged = hist_new();
		size_t n = rng_below(&r, round % 10 ? 200 : VALUES_MAX), i;

		m = (struct model){.lowest_bound = UINT64_MAX};
		for (i = 0; i < n; i++) {
			bool at_least = rng_below(&r, 50) == 0;
			uint64_t value = draw(&r);
			struct hist *one = part[rng_below(&r, 3)];

			model_add(&m, whole, value, at_least);
			assert_int_equal(at_least ? hist_record_at_least(one, value) : hist_record(one, value), 0);
		}
		for (i = 0; i < 3; i++)
			assert_int_equal(hist_merge(merged, part[i]), 0);
		assert_matches(&m, whole, &r);
		assert_same(whole, merged);
		assert_round_trip(whole);
		for (i = 0; i < 3; i++)
			hist_free(part[i]);
		hist_free(whole);
		hist_free(merged);
	}
}

static void assert_damage_is_seen(const char *text, struct rng *r)
{
	for (int i = 0; i < 20000; i++) {
		char *copy = strdup(text);
		struct hist *back = NULL;

		copy[rng_below(r, strlen(copy))] = "0123456789;:,x\0 -"[rng_below(r, 17)];
		if (hist_decode(copy, &back) == 0)
			assert_round_trip(back);
		hist_free(back);
		free(copy);
	}
}

/* Any byte changed: refused or read as another whole histogram, never more. */
static void test_damaged_text(void **state)
{
	struct hist *h = hist_new();
	struct rng r;
	char *text;

	(void)state;
	rng_init(&r, test_seed(), 1);
	for (int i = 0; i < 40; i++)
		hist_record_at_least(h, draw(&r));
	hist_record(h, VALUE_MAX);
	text = hist_encode(h);
	assert_damage_is_seen(text, &r);
	free(text);
	text = hist_encode_short(h);
	assert_damage_is_seen(text, &r);
	free(text);
	hist_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_sets), cmocka_unit_test(test_damaged_text)};

	return cmocka_run_group_tests_name("hist_model", tests, NULL, NULL);
}
