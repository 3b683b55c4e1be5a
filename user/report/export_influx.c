// SPDX-License-Identifier: GPL-2.0-only
/* InfluxDB's line protocol: "toll" and "toll_phase" once with the run's figures, "toll_series" for each point of the series. Times in ns. */
#include "report/export.h"

#include <errno.h>
#include <string.h>

#include "report/text.h"

struct lines {
	FILE *out;
	const json_t *doc;
	uint64_t start_ns;
};

/* Commas, spaces and equals signs end a tag; a line ends at its end. */
static void tag(FILE *out, const char *name, const char *value)
{
	if (!*value)
		return;
	fprintf(out, ",%s=", name);
	for (; *value; value++) {
		if (strchr(", =\\", *value))
			fputc('\\', out);
		fputc((unsigned char)*value < 0x20 ? '_' : *value, out);
	}
}

static void tags(const struct lines *l, const char *measurement, const char *class_)
{
	fputs(measurement, l->out);
	tag(l->out, "scenario", text_string(l->doc, "scenario"));
	tag(l->out, "host", text_string(json_object_get(l->doc, "machine"), "hostname"));
	tag(l->out, "class", class_);
}

/* " " before the first field, "," before the others. */
static void field(const struct lines *l, bool *any, const char *prefix, const char *name, const json_t *value)
{
	if (!json_is_number(value))
		return;
	fprintf(l->out, "%s%s%s=", *any ? "," : " ", prefix, name);
	if (json_is_integer(value))
		fprintf(l->out, "%" JSON_INTEGER_FORMAT "i", json_integer_value(value));
	else
		fprintf(l->out, "%.9g", json_real_value(value));
	*any = true;
}

static void dist_fields(const struct lines *l, bool *any, const char *prefix, const json_t *dist)
{
	static const char *const keys[] = {"count",  "min_ns", "mean_ns", "p50_ns", "p90_ns",
					   "p95_ns", "p99_ns", "p999_ns", "max_ns"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		field(l, any, prefix, keys[i], json_object_get(dist, keys[i]));
}

static void line_end(const struct lines *l, uint64_t at_ns)
{
	fprintf(l->out, " %llu\n", (unsigned long long)at_ns);
}

static int set_lines(void *ctx, const char *name, const json_t *set)
{
	static const char *const counts[] = {"sent", "ok", "failed", "tokens", "rate_per_s", "tokens_per_s"};
	const struct lines *l = ctx;
	const json_t *phases = json_object_get(set, "phases"), *r = json_object_get(set, "requests");
	bool any = false;

	if (r || json_object_get(set, "toll")) {
		tags(l, "toll", *name ? name : "all");
		for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
			field(l, &any, "", counts[i], json_object_get(r, counts[i]));
		dist_fields(l, &any, "latency_", json_object_get(set, "latency"));
		dist_fields(l, &any, "toll_", json_object_get(set, "toll"));
		line_end(l, l->start_ns);
	}
	for (void *it = json_object_iter((json_t *)phases); it; it = json_object_iter_next((json_t *)phases, it)) {
		any = false;
		tags(l, "toll_phase", *name ? name : "all");
		tag(l->out, "phase", json_object_iter_key(it));
		dist_fields(l, &any, "", json_object_iter_value(it));
		line_end(l, l->start_ns);
	}
	return 0;
}

static bool point_has_value(const json_t *series, size_t i)
{
	for (void *it = json_object_iter((json_t *)series); it; it = json_object_iter_next((json_t *)series, it))
		if (json_is_number(json_array_get(json_object_iter_value(it), i)))
			return true;
	return false;
}

static void series_lines(const struct lines *l)
{
	const json_t *series = json_object_get(l->doc, "series");
	double step_ns = text_number(series, "step_s") * 1e9;

	for (size_t i = 0; i < text_u64(series, "points"); i++) {
		bool any = false;
		if (!point_has_value(series, i))
			continue;
		tags(l, "toll_series", "");
		for (void *it = json_object_iter((json_t *)series); it; it = json_object_iter_next((json_t *)series, it))
			field(l, &any, "", json_object_iter_key(it), json_array_get(json_object_iter_value(it), i));
		line_end(l, l->start_ns + (uint64_t)((double)i * step_ns));
	}
}

int export_influx(const json_t *doc, FILE *out)
{
	struct lines l = {out, doc, export_start_ns(doc)};

	if (!l.start_ns)
		return -ENODATA;
	export_each_set(doc, set_lines, &l);
	series_lines(&l);
	return export_end(out);
}
