// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void build_put(struct build *b, json_t *object, const char *key, json_t *value)
{
	if (!value || !object) {
		json_decref(value);
		b->failed = true;
		return;
	}
	if (json_object_set_new(object, key, value) < 0)
		b->failed = true;
}

json_t *build_object(struct build *b, json_t *parent, const char *key)
{
	build_put(b, parent, key, json_object());
	return json_object_get(parent, key);
}

json_t *build_array(struct build *b, json_t *parent, const char *key)
{
	build_put(b, parent, key, json_array());
	return json_object_get(parent, key);
}

void build_append(struct build *b, json_t *array, json_t *value)
{
	if (!value || json_array_append_new(array, value) < 0)
		b->failed = true;
}

json_t *build_u64(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *build_number(double value)
{
	if (!isfinite(value))
		return json_real(0.0);
	/* beyond 2^53 a double has no fraction to round */
	if (fabs(value) < 9e9)
		value = round(value * 1e6) / 1e6;
	return json_real(value);
}

json_t *report_text(const char *text)
{
	json_t *plain = json_string(text);
	if (plain)
		return plain;
	char *clean = strdup(text);
	if (!clean)
		return NULL;
	for (char *c = clean; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	plain = json_string(clean);
	free(clean);
	return plain;
}

double build_ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0.0;
}

void build_absent(struct build *b, const char *prefix, const char *path, const char *reason)
{
	char full[256];

	if (*prefix && json_object_get(b->not_measured, path))
		return;
	snprintf(full, sizeof(full), "%s%s", prefix, path);
	json_t *why = report_text(reason);
	/* class names come from a file: what is no UTF-8 cannot be a key */
	if (why && json_object_set_new(b->not_measured, full, why) < 0)
		b->failed = true;
}

static const struct {
	const char *key;
	double q;
} dist_percentiles[] = {
	{"p50_ns", 50}, {"p90_ns", 90}, {"p95_ns", 95}, {"p99_ns", 99}, {"p999_ns", 99.9},
};

/* Names of the figures that are only known as "at least": a request in them never ended. */
static void dist_at_least(struct build *b, json_t *dist, const struct hist *h)
{
	json_t *names = build_array(b, dist, "at_least");

	if (hist_is_lower_bound(h, 0))
		build_append(b, names, json_string("min_ns"));
	build_append(b, names, json_string("mean_ns"));
	for (size_t i = 0; i < sizeof(dist_percentiles) / sizeof(*dist_percentiles); i++)
		if (hist_is_lower_bound(h, dist_percentiles[i].q))
			build_append(b, names, json_string(dist_percentiles[i].key));
	if (hist_is_lower_bound(h, 100))
		build_append(b, names, json_string("max_ns"));
}

bool build_dist(struct build *b, json_t *object, const char *key, const struct hist *h)
{
	if (!h || !hist_count(h))
		return false;
	json_t *dist = build_object(b, object, key);
	build_put(b, dist, "count", build_u64(hist_count(h)));
	build_put(b, dist, "min_ns", build_u64(hist_min(h)));
	build_put(b, dist, "mean_ns", build_u64((uint64_t)llround(hist_mean(h))));
	for (size_t i = 0; i < sizeof(dist_percentiles) / sizeof(*dist_percentiles); i++)
		build_put(b, dist, dist_percentiles[i].key, build_u64(hist_percentile(h, dist_percentiles[i].q)));
	build_put(b, dist, "max_ns", build_u64(hist_max(h)));
	build_put(b, dist, "lower_bounds", build_u64(hist_count_at_least(h)));
	if (hist_count_at_least(h))
		dist_at_least(b, dist, h);
	char *text = hist_encode(h);
	build_put(b, dist, "histogram", text ? json_string(text) : NULL);
	free(text);
	return true;
}
