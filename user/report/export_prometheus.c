// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prometheus' text format: base units (seconds, bytes, ratios), histograms with the usual 1-2.5-5 buckets. Counted per class, so that a sum
 * over classes counts each request once.
 */
#include "report/export.h"

#include <string.h>

#include "report/text.h"

#define NS 1e-9

/* One metric in the making: all its lines must stand together. */
struct metric {
	FILE *out;
	const json_t *doc;
	const char *name, *key; /* key: the distribution in each set */
	bool phases; /* the sets' phases instead of the distribution */
};

static void label(FILE *out, const char *name, const char *value, bool more)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			fprintf(out, "\\%c", *value);
		else if (*value == '\n')
			fputs("\\n", out);
		else
			fputc(*value, out);
	}
	fputs(more ? "\"," : "\"", out);
}

static void help(FILE *out, const char *name, const char *type, const char *text)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, text, name, type);
}

static void labels(const struct metric *m, const char *class_, const char *phase, bool more)
{
	label(m->out, "scenario", text_string(m->doc, "scenario"), true);
	label(m->out, "class", class_, phase || more);
	if (phase)
		label(m->out, "phase", phase, more);
}

static void bucket(const struct metric *m, const char *class_, const char *phase, const char *bound, uint64_t count)
{
	fprintf(m->out, "%s_bucket{", m->name);
	labels(m, class_, phase, true);
	label(m->out, "le", bound, false);
	fprintf(m->out, "} %llu\n", (unsigned long long)count);
}

static void histogram(const struct metric *m, const char *class_, const char *phase, const json_t *dist)
{
	static const char *const bounds[] = {"1e-06",   "2.5e-06", "5e-06", "1e-05",  "2.5e-05", "5e-05", "0.0001",
					     "0.00025", "0.0005",  "0.001", "0.0025", "0.005",   "0.01",  "0.025",
					     "0.05",    "0.1",     "0.25",  "0.5",    "1.0",     "2.5",   "5.0",
					     "10.0",    "25.0",    "50.0",  "100.0"};
	static const uint64_t steps[] = {1000, 2500, 5000};
	struct hist *h = export_hist(dist);
	uint64_t scale = 1;

	if (!h)
		return;
	for (unsigned i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		uint64_t limit = steps[i % 3] * scale;
		scale = i % 3 == 2 ? scale * 10 : scale;
		bucket(m, class_, phase, bounds[i], hist_count(h) - hist_count_above(h, limit));
	}
	bucket(m, class_, phase, "+Inf", hist_count(h));
	fprintf(m->out, "%s_sum{", m->name);
	labels(m, class_, phase, false);
	fprintf(m->out, "} %.9g\n%s_count{", (double)hist_sum(h) * NS, m->name);
	labels(m, class_, phase, false);
	fprintf(m->out, "} %llu\n", (unsigned long long)hist_count(h));
	hist_free(h);
}

static int histogram_set(void *ctx, const char *name, const json_t *set)
{
	const struct metric *m = ctx;
	const json_t *phases = json_object_get(set, "phases");
	bool has_classes = json_object_size(json_object_get(m->doc, "classes")) > 0;

	if (!*name && has_classes)
		return 0;
	if (!m->phases)
		histogram(m, name, NULL, json_object_get(set, m->key));
	for (void *it = m->phases ? json_object_iter((json_t *)phases) : NULL; it;
	     it = json_object_iter_next((json_t *)phases, it))
		histogram(m, name, json_object_iter_key(it), json_object_iter_value(it));
	return 0;
}

static void histograms(const json_t *doc, FILE *out)
{
	static const struct {
		const char *name, *key, *help;
		bool phases;
	} rows[] = {
		{"toll_request_latency_seconds", "latency",
		 "From the intended start of a request to the last byte of its answer.", false},
		{"toll_gateway_charge_seconds", "toll", "What the gateway charged a request: all its phases together.", false},
		{"toll_phase_seconds", NULL, "Where the time of requests went, phase by phase.", true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct metric m = {out, doc, rows[i].name, rows[i].key, rows[i].phases};
		if (!json_object_get(doc, rows[i].phases ? "phases" : rows[i].key))
			continue;
		help(out, m.name, "histogram", rows[i].help);
		export_each_set(doc, histogram_set, &m);
	}
}

static void outcome_line(const struct metric *m, const char *class_, const char *outcome, uint64_t count)
{
	fprintf(m->out, "%s{", m->name);
	labels(m, class_, NULL, true);
	label(m->out, "outcome", outcome, false);
	fprintf(m->out, "} %llu\n", (unsigned long long)count);
}

static int requests_set(void *ctx, const char *name, const json_t *set)
{
	const struct metric *m = ctx;
	const json_t *r = json_object_get(set, "requests"), *errors = json_object_get(r, "errors");

	if (!r || (!*name && json_object_size(json_object_get(m->doc, "classes"))))
		return 0;
	outcome_line(m, name, "ok", text_u64(r, "ok"));
	for (void *it = json_object_iter((json_t *)errors); it; it = json_object_iter_next((json_t *)errors, it))
		outcome_line(m, name, json_object_iter_key(it), text_u64(errors, json_object_iter_key(it)));
	return 0;
}

static void requests(const json_t *doc, FILE *out)
{
	struct metric m = {.out = out, .doc = doc, .name = "toll_requests_total"};

	if (!json_object_get(doc, "requests"))
		return;
	help(out, m.name, "counter", "Requests that ended, by how.");
	export_each_set(doc, requests_set, &m);
}

static void single(const json_t *doc, FILE *out, const char *name, const char *type, const char *text, const json_t *value,
		   double unit)
{
	if (!json_is_number(value))
		return;
	help(out, name, type, text);
	fprintf(out, "%s{", name);
	label(out, "scenario", text_string(doc, "scenario"), false);
	fprintf(out, "} %.9g\n", json_number_value(value) * unit);
}

static void singles(const json_t *doc, FILE *out)
{
	static const struct {
		const char *path, *name, *type, *help;
		double unit;
	} rows[] = {
		{"duration_s", "toll_run_duration_seconds", "gauge", "How long was measured.", 1},
		{"gateway.cpu_ns", "toll_gateway_cpu_seconds_total", "counter",
		 "CPU of the gateway's processes while it was measured.", NS},
		{"gateway.memory_bytes.final", "toll_gateway_memory_bytes", "gauge",
		 "Resident memory of the gateway's processes at the end.", 1},
		{"gateway.memory_bytes.peak", "toll_gateway_memory_peak_bytes", "gauge", "Their largest resident memory.", 1},
		{"driver.in_flight_max", "toll_driver_in_flight_max_requests", "gauge", "Most requests under way at once.", 1},
		{"trust.coverage", "toll_trust_coverage_ratio", "gauge", "Answered requests that have a whole timeline.", 1},
		{"trust.order_violations", "toll_trust_order_violations", "gauge", "Timelines against causality.", 1},
		{"trust.driver_lag_p99_ns", "toll_trust_driver_lag_p99_seconds", "gauge", "How late the driver was, p99.", NS},
		{"trust.probe_cpu_share", "toll_trust_probe_cpu_ratio", "gauge", "What the probes took of the gateway's CPU.", 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		single(doc, out, rows[i].name, rows[i].type, rows[i].help, text_at(doc, rows[i].path), rows[i].unit);
}

static void lost(const json_t *doc, FILE *out)
{
	const json_t *lost_by = text_at(doc, "trust.lost");

	if (!json_object_size(lost_by))
		return;
	help(out, "toll_trust_lost_records_total", "counter", "Records that could not be handed over, by cause.");
	for (void *it = json_object_iter((json_t *)lost_by); it; it = json_object_iter_next((json_t *)lost_by, it)) {
		fputs("toll_trust_lost_records_total{", out);
		label(out, "scenario", text_string(doc, "scenario"), true);
		label(out, "cause", json_object_iter_key(it), false);
		fprintf(out, "} %llu\n", (unsigned long long)text_u64(lost_by, json_object_iter_key(it)));
	}
}

static void criteria(const json_t *doc, FILE *out)
{
	json_t *c;
	size_t i;

	if (json_array_size(json_object_get(doc, "criteria")))
		help(out, "toll_criterion_met", "gauge",
		     "1 where a criterion was met, 0 where it was missed or could not be measured.");
	json_array_foreach (json_object_get(doc, "criteria"), i, c) {
		fputs("toll_criterion_met{", out);
		label(out, "scenario", text_string(doc, "scenario"), true);
		label(out, "criterion", text_string(c, "text"), false);
		fprintf(out, "} %d\n", json_is_true(json_object_get(c, "met")));
	}
}

static void info(const json_t *doc, FILE *out)
{
	help(out, "toll_run_info", "gauge", "What was run.");
	fputs("toll_run_info{", out);
	label(out, "scenario", text_string(doc, "scenario"), true);
	label(out, "command", text_string(doc, "command"), true);
	label(out, "verdict", text_string(doc, "verdict"), true);
	label(out, "gateway", text_string(json_object_get(doc, "gateway"), "url"), true);
	label(out, "hostname", text_string(json_object_get(doc, "machine"), "hostname"), false);
	fputs("} 1\n", out);
	if (export_start_ns(doc)) {
		help(out, "toll_run_start_timestamp_seconds", "gauge", "When the run began, Unix time.");
		fputs("toll_run_start_timestamp_seconds{", out);
		label(out, "scenario", text_string(doc, "scenario"), false);
		fprintf(out, "} %llu\n", (unsigned long long)(export_start_ns(doc) / 1000000000));
	}
}

int export_prometheus(const json_t *doc, FILE *out)
{
	info(doc, out);
	criteria(doc, out);
	requests(doc, out);
	histograms(doc, out);
	singles(doc, out);
	lost(doc, out);
	return export_end(out);
}
