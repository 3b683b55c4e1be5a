// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "report/merge_parts.h"

/* Figures that do not add up: the worst of them speaks for all. */
static const char *const worst_of[] = {"hold_difference_p50_ns", "end_difference_p50_ns", "driver_reading_p50_ns",
				       "probe_cpu_share", "attempts_max"};

/* Cores that gateways of several hosts used, or may use. */
static const char *const sums_of[] = {"mean", "max", "usable"};

static bool is_sum_of(const char *key)
{
	for (size_t i = 0; i < sizeof(sums_of) / sizeof(*sums_of); i++)
		if (!strcmp(key, sums_of[i]))
			return true;
	return false;
}

static bool is_worst_of(const char *key)
{
	for (size_t i = 0; i < sizeof(worst_of) / sizeof(*worst_of); i++)
		if (!strcmp(key, worst_of[i]))
			return true;
	return false;
}

struct hist *merge_hist(const json_t *dist)
{
	const char *text = json_string_value(json_object_get(dist, "histogram"));
	struct hist *h = NULL;

	if (text)
		hist_decode(text, &h);
	return h;
}

static json_t *dists(struct merge *m, const json_t *const *value, unsigned n)
{
	json_t *holder = json_object(), *dist;
	struct hist *all = hist_new();
	const char *text;

	for (unsigned i = 0; i < n && all; i++) {
		struct hist *h = merge_hist(value[i]);

		if (h && hist_merge(all, h))
			m->b.failed = true;
		hist_free(h);
	}
	m->b.failed = m->b.failed || !all || !holder;
	if (!m->b.failed)
		build_dist(&m->b, holder, "dist", all);
	hist_free(all);
	dist = json_incref(json_object_get(holder, "dist"));
	json_decref(holder);
	/* what a phase is called, and whose it is */
	for (void *it = json_object_iter((json_t *)value[0]); dist && it; it = json_object_iter_next((json_t *)value[0], it)) {
		text = json_object_iter_key(it);
		if (!strcmp(text, "occurred"))
			build_put(&m->b, dist, text, merge_key(m, value, n, text));
		if (json_is_string(json_object_iter_value(it)) || json_is_boolean(json_object_iter_value(it)))
			if (!json_object_get(dist, text))
				json_object_set(dist, text, json_object_iter_value(it));
	}
	return dist;
}

json_t *merge_key(struct merge *m, const json_t *const *object, unsigned n, const char *key)
{
	const json_t **value = calloc(n, sizeof(json_t *));
	json_t *joined = NULL;

	m->b.failed = m->b.failed || !value;
	for (unsigned i = 0; value && i < n; i++)
		value[i] = json_object_get(object[i], key);
	if (value)
		joined = merge_values(m, key, value, n);
	free(value);
	return joined;
}

/* Keys in the order in which they turn up. */
static json_t *objects(struct merge *m, const json_t *const *value, unsigned n)
{
	json_t *joined = json_object();

	for (unsigned i = 0; i < n; i++)
		for (void *it = json_object_iter((json_t *)value[i]); it; it = json_object_iter_next((json_t *)value[i], it)) {
			const char *key = json_object_iter_key(it);
			json_t *one = json_object_get(joined, key) ? NULL : merge_key(m, value, n, key);

			if (one)
				build_put(&m->b, joined, key, one);
		}
	return joined;
}

static json_t *counts(const char *key, const json_t *const *value, unsigned n)
{
	json_int_t sum = 0, worst = 0, one;

	for (unsigned i = 0; i < n; i++) {
		one = json_integer_value(value[i]);
		worst = one > worst ? one : worst;
		if (__builtin_add_overflow(sum, one, &sum))
			return NULL;
	}
	return json_integer(is_worst_of(key) ? worst : sum);
}

static json_t *reals(const char *key, const json_t *const *value, unsigned n)
{
	double worst = 0, sum = 0;

	for (unsigned i = 0; i < n; i++) {
		worst = json_number_value(value[i]) > worst ? json_number_value(value[i]) : worst;
		sum += json_number_value(value[i]);
	}
	if (is_sum_of(key))
		return json_real(sum);
	return is_worst_of(key) ? json_real(worst) : NULL;
}

static json_t *flags(const json_t *const *value, unsigned n)
{
	bool any = false;

	for (unsigned i = 0; i < n; i++)
		any = any || json_is_true(value[i]);
	return json_boolean(any);
}

static json_t *equals(const json_t *const *value, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if (!json_equal((json_t *)value[0], (json_t *)value[i]))
			return NULL;
	return json_incref((json_t *)value[0]);
}

static json_t *present(struct merge *m, const char *key, const json_t *const *value, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		if (json_is_number(value[0]) ? !json_is_number(value[i]) : json_is_object(value[0]) != json_is_object(value[i]))
			return NULL;
	if (json_object_get(value[0], "histogram"))
		return dists(m, value, n);
	if (json_is_object(value[0]))
		return objects(m, value, n);
	if (json_is_integer(value[0]))
		return counts(key, value, n);
	if (json_is_real(value[0]))
		return reals(key, value, n);
	return json_is_boolean(value[0]) ? flags(value, n) : equals(value, n);
}

json_t *merge_values(struct merge *m, const char *key, const json_t *const *value, unsigned n)
{
	const json_t **there = calloc(n, sizeof(json_t *));
	json_t *joined = NULL;
	unsigned count = 0;

	m->b.failed = m->b.failed || !there;
	for (unsigned i = 0; there && i < n; i++)
		if (value[i] && !json_is_null(value[i]))
			there[count++] = value[i];
	if (count)
		joined = present(m, key, there, count);
	free(there);
	return joined;
}
