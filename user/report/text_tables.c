// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <math.h>
#include <string.h>

#include "base/units.h"

static const char *const dist_keys[] = {"min_ns", "mean_ns", "p50_ns", "p90_ns", "p95_ns", "p99_ns", "p999_ns", "max_ns"};
#define DIST_KEYS (sizeof(dist_keys) / sizeof(*dist_keys))
#define DIST_NAME 19
#define DIST_CELL(i) ((i) ? 10u : 9u)

static void dist_header(struct text *t, const char *title)
{
	static const char *const names[] = {"min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"};

	text_left(t, TEXT_BOLD, 2 + DIST_NAME + 3, title);
	/* the first cell gave 3 columns to the title */
	for (size_t i = 0; i < DIST_KEYS; i++)
		text_right(t, TEXT_DIM, DIST_CELL(i) - (i ? 0 : 3), names[i]);
	text_end(t);
}

static void dist_row(struct text *t, const char *name, const json_t *dist)
{
	char cell[TEXT_CELL];

	if (!dist)
		return;
	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, DIST_NAME, name);
	for (size_t i = 0; i < DIST_KEYS; i++)
		text_right(t, TEXT_PLAIN, DIST_CELL(i), text_dist(cell, dist, dist_keys[i]));
	text_end(t);
}

void text_latency(struct text *t, const json_t *doc)
{
	const json_t *latency = json_object_get(doc, "latency");
	char n[TEXT_CELL], line[160];

	if (!latency)
		return;
	dist_header(t, "LATENCY");
	dist_row(t, "from intended start", latency);
	dist_row(t, "from actual send", json_object_get(doc, "service"));
	dist_row(t, "driver was late by", json_object_get(doc, "lateness"));
	if (text_u64(latency, "lower_bounds")) {
		snprintf(line, sizeof(line), "  ≥ marks lower bounds: %s requests had no end",
			 text_count(n, latency, "lower_bounds"));
		text_put(t, TEXT_DIM, line);
		text_end(t);
	}
	text_blank(t);
}

#define SET_NAME 16
#define SET_CELL 9
#define SET_LATENCY 10 /* "≥3 m 20 s" */

static void set_header(struct text *t, const char *title)
{
	static const char *const names[] = {"sent", "ok", "per s", "p50", "p95", "p99", "toll p50", "toll p99", "tokens/s"};

	text_left(t, TEXT_BOLD, SET_NAME, title);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		text_right(t, TEXT_DIM, i >= 3 && i <= 5 ? SET_LATENCY : SET_CELL, names[i]);
	text_end(t);
}

static void set_row(struct text *t, const char *name, const json_t *set)
{
	const json_t *r = json_object_get(set, "requests"), *latency = json_object_get(set, "latency"),
		     *toll = json_object_get(set, "toll");
	double ended = (double)(text_u64(r, "ok") + text_u64(r, "failed"));
	char cell[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, SET_NAME - 2, name);
	text_right(t, TEXT_PLAIN, SET_CELL, text_count(cell, r, "sent"));
	text_right(t, TEXT_PLAIN, SET_CELL, ended > 0 ? text_share(cell, (double)text_u64(r, "ok") / ended) : "–");
	text_right(t, TEXT_PLAIN, SET_CELL,
		   json_object_get(r, "rate_per_s") ? text_rate(cell, text_number(r, "rate_per_s")) : "–");
	text_right(t, TEXT_PLAIN, SET_LATENCY, text_dist(cell, latency, "p50_ns"));
	text_right(t, TEXT_PLAIN, SET_LATENCY, text_dist(cell, latency, "p95_ns"));
	text_right(t, TEXT_PLAIN, SET_LATENCY, text_dist(cell, latency, "p99_ns"));
	text_right(t, TEXT_PLAIN, SET_CELL, text_dist(cell, toll, "p50_ns"));
	text_right(t, TEXT_PLAIN, SET_CELL, text_dist(cell, toll, "p99_ns"));
	text_right(t, TEXT_PLAIN, SET_CELL, text_u64(r, "tokens") ? text_rate(cell, text_number(r, "tokens_per_s")) : "–");
	text_end(t);
}

static void set_goodput(struct text *t, const json_t *set)
{
	const json_t *r = json_object_get(set, "requests");
	char met[TEXT_CELL], of[TEXT_CELL], rate[TEXT_CELL], line[160];

	if (!json_object_get(r, "slo_judged"))
		return;
	snprintf(line, sizeof(line), "goodput %s/s: %s of %s within their SLO", text_rate(rate, text_number(r, "goodput_per_s")),
		 text_count(met, r, "slo_met"), text_count(of, r, "slo_judged"));
	text_wrap(t, TEXT_DIM, "", 4, line);
}

/* What the gateway took in this stage. */
static void set_gateway(struct text *t, const json_t *stage)
{
	const json_t *gateway = json_object_get(stage, "gateway"), *memory = json_object_get(gateway, "memory_bytes"),
		     *cores = json_object_get(gateway, "cpu_cores");
	char a[TEXT_CELL], b[TEXT_CELL], c[TEXT_CELL], line[240];
	int used;

	if (!gateway)
		return;
	used = snprintf(line, sizeof(line), "gateway: memory %s, peak %s",
			units_format_bytes(a, sizeof(a), text_u64(memory, "final")),
			units_format_bytes(b, sizeof(b), text_u64(memory, "peak")));
	if (cores)
		snprintf(line + used, sizeof(line) - (size_t)used, " · CPU %s of one, max %s, %s a request",
			 text_percent(a, text_number(cores, "mean")), text_percent(b, text_number(cores, "max")),
			 text_ns(c, gateway, "cpu_ns_per_request"));
	text_wrap(t, TEXT_DIM, "", 4, line);
}

/* The stage at which most requests a second met their SLO: what more load would not add to. */
static void stages_best(struct text *t, const json_t *stages)
{
	const json_t *stage, *best = NULL;
	double most = 0;
	char rate[TEXT_CELL], line[200];
	unsigned judged = 0;
	size_t i;

	json_array_foreach (stages, i, stage) {
		const json_t *r = json_object_get(stage, "requests");

		judged += json_object_get(r, "slo_judged") != NULL;
		if (text_number(r, "goodput_per_s") <= most)
			continue;
		most = text_number(r, "goodput_per_s");
		best = stage;
	}
	if (!best || judged < 2)
		return;
	snprintf(line, sizeof(line), "most goodput: %s/s, in stage %s", text_rate(rate, most), text_string(best, "name"));
	text_wrap(t, TEXT_PLAIN, "", 2, line);
}

/* What a CPU did for one of its requests, within the toll. */
static double cpu_per_request_ns(const json_t *set)
{
	static const char *const names[] = {"own_user", "own_kernel", "own_cpu", "allocator"};
	const json_t *causes = json_object_get(set, "causes");
	double sum_ns = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		sum_ns += text_number(json_object_get(causes, names[i]), "per_request_ns");
	return sum_ns;
}

static double cpu_ns(const json_t *set)
{
	return cpu_per_request_ns(set) * (double)text_u64(json_object_get(set, "toll"), "count");
}

/* The gateway's CPU for this one of several sets. */
static void set_cpu(struct text *t, const json_t *sets, const json_t *set)
{
	char cell[TEXT_CELL], share[TEXT_CELL], line[160];
	double all_ns = 0;

	for (void *it = json_object_iter((json_t *)sets); it; it = json_object_iter_next((json_t *)sets, it))
		all_ns += cpu_ns(json_object_iter_value(it));
	if (json_object_size(sets) < 2 || !(cpu_ns(set) > 0))
		return;
	snprintf(line, sizeof(line), "gateway: CPU %s a request within the toll, %s of what all take",
		 units_format_ns(cell, sizeof(cell), (uint64_t)cpu_per_request_ns(set)), text_share(share, cpu_ns(set) / all_ns));
	text_wrap(t, TEXT_DIM, "", 4, line);
}

static void set_checks(struct text *t, const json_t *set)
{
	const json_t *checks = json_object_get(set, "checks");
	char passed[TEXT_CELL], of[TEXT_CELL], line[256];

	for (void *it = json_object_iter((json_t *)checks); it; it = json_object_iter_next((json_t *)checks, it)) {
		const json_t *check = json_object_iter_value(it);
		uint64_t all = text_u64(check, "passed") + text_u64(check, "failed");
		snprintf(line, sizeof(line), "check %s: %s of %s passed", json_object_iter_key(it),
			 text_count(passed, check, "passed"), units_format_count(of, sizeof(of), all));
		text_wrap(t, TEXT_DIM, "", 4, line);
	}
}

void text_sets(struct text *t, const json_t *doc)
{
	const json_t *classes = json_object_get(doc, "classes"), *stages = json_object_get(doc, "stages");
	const json_t *tenants = json_object_get(doc, "tenants");
	json_t *stage;
	size_t i;

	if (!json_object_get(doc, "requests"))
		return;
	if (json_object_size(classes)) {
		set_header(t, "CLASSES");
		for (void *it = json_object_iter((json_t *)classes); it; it = json_object_iter_next((json_t *)classes, it)) {
			set_row(t, json_object_iter_key(it), json_object_iter_value(it));
			set_goodput(t, json_object_iter_value(it));
			set_cpu(t, classes, json_object_iter_value(it));
			set_checks(t, json_object_iter_value(it));
		}
		text_blank(t);
	}
	if (json_object_size(tenants)) {
		set_header(t, "TENANTS");
		for (void *it = json_object_iter((json_t *)tenants); it; it = json_object_iter_next((json_t *)tenants, it)) {
			set_row(t, json_object_iter_key(it), json_object_iter_value(it));
			set_cpu(t, tenants, json_object_iter_value(it));
		}
		text_blank(t);
	}
	/* one stage is the run itself */
	if (json_array_size(stages) < 2)
		return;
	set_header(t, "STAGES");
	json_array_foreach (stages, i, stage) {
		set_row(t, text_string(stage, "name"), stage);
		set_goodput(t, stage);
		set_gateway(t, stage);
	}
	stages_best(t, stages);
	text_blank(t);
}

void text_streams(struct text *t, const json_t *doc)
{
	const json_t *streams = json_object_get(doc, "streams");
	char chunks[TEXT_CELL], unmatched[TEXT_CELL], line[160];

	if (!json_object_size(streams))
		return;
	dist_header(t, "STREAMS");
	dist_row(t, "first token", json_object_get(streams, "ttft"));
	dist_row(t, "… gateway's part", json_object_get(streams, "ttft_toll"));
	dist_row(t, "between tokens", json_object_get(streams, "inter_token"));
	dist_row(t, "gateway, per chunk", json_object_get(streams, "chunk_lag"));
	if (text_u64(streams, "chunks")) {
		snprintf(line, sizeof(line), "  %s chunks followed through the gateway, %s not found on its way",
			 text_count(chunks, streams, "chunks"), text_count(unmatched, streams, "chunks_unmatched"));
		text_put(t, TEXT_DIM, line);
		text_end(t);
	}
	text_blank(t);
}

static void upstream_row(struct text *t, const char *name, const json_t *row)
{
	const json_t *status = json_object_get(row, "status"), *wait = json_object_get(row, "wait");
	struct buf words = {0};
	char cell[TEXT_CELL];

	for (void *it = json_object_iter((json_t *)status); it; it = json_object_iter_next((json_t *)status, it)) {
		units_format_count(cell, sizeof(cell), text_u64(status, json_object_iter_key(it)));
		buf_printf(&words, "%s%s %s", words.used ? ", " : "", json_object_iter_key(it), cell);
	}
	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, 28, name);
	text_right(t, TEXT_PLAIN, 11, text_count(cell, row, "turns"));
	text_right(t, TEXT_PLAIN, 9, text_count(cell, row, "connections"));
	text_right(t, TEXT_PLAIN, 11,
		   json_object_get(row, "turns_per_connection") ? text_rate(cell, text_number(row, "turns_per_connection"))
								: "–");
	text_right(t, TEXT_PLAIN, 10, text_dist(cell, wait, "p50_ns"));
	text_right(t, TEXT_PLAIN, 10, text_dist(cell, wait, "p99_ns"));
	text_put(t, TEXT_PLAIN, "  ");
	text_put(t, TEXT_PLAIN, words.data ? words.data : "–");
	text_end(t);
	buf_fini(&words);
}

void text_upstreams(struct text *t, const json_t *doc)
{
	const json_t *upstreams = json_object_get(doc, "upstreams");

	if (!json_object_size(upstreams))
		return;
	text_left(t, TEXT_BOLD, 30, "UPSTREAMS");
	text_right(t, TEXT_DIM, 11, "turns");
	text_right(t, TEXT_DIM, 9, "opened");
	text_right(t, TEXT_DIM, 11, "turns each");
	text_right(t, TEXT_DIM, 10, "wait p50");
	text_right(t, TEXT_DIM, 10, "wait p99");
	text_put(t, TEXT_DIM, "  status");
	text_end(t);
	for (void *it = json_object_iter((json_t *)upstreams); it; it = json_object_iter_next((json_t *)upstreams, it))
		upstream_row(t, json_object_iter_key(it), json_object_iter_value(it));
	text_blank(t);
}

/* where: the key of what the plant must appear as. */
static void planted_row(struct text *t, const char *lead, const json_t *row, const char *where)
{
	json_int_t difference = json_integer_value(json_object_get(row, "difference_ns"));
	char cell[TEXT_CELL], words[TEXT_CELL + 4], name[96];

	text_put(t, TEXT_PLAIN, "  ");
	snprintf(name, sizeof(name), "%s%s", lead, text_string(row, "text"));
	text_left(t, TEXT_PLAIN, 30, name);
	text_left(t, TEXT_PLAIN, 22, text_spaced(cell, text_string(row, where)));
	text_right(t, TEXT_PLAIN, 11, text_ns(cell, row, "truth_p50_ns"));
	text_right(t, TEXT_BOLD, 11, text_ns(cell, row, "measured_p50_ns"));
	units_format_ns(cell, sizeof(cell), difference < 0 ? -(uint64_t)difference : (uint64_t)difference);
	snprintf(words, sizeof(words), "%s%s", difference < 0 ? "−" : "+", cell);
	text_right(t, TEXT_PLAIN, 12, words);
	text_right(t, TEXT_DIM, 11, text_percent(cell, fabs(text_number(row, "difference_share"))));
	text_end(t);
}

void text_planted(struct text *t, const json_t *doc)
{
	const json_t *planted = json_object_get(doc, "planted"), *causes = json_object_get(doc, "planted_causes");
	json_t *row;
	size_t i;

	if (!json_array_size(planted) && !json_array_size(causes))
		return;
	text_left(t, TEXT_BOLD, 32, "PLANTED, AND FOUND AGAIN");
	text_left(t, TEXT_DIM, 22, causes ? "in phase, as cause" : "in phase");
	text_right(t, TEXT_DIM, 11, "truth p50");
	text_right(t, TEXT_DIM, 11, "seen p50");
	text_right(t, TEXT_DIM, 12, "apart");
	text_end(t);
	json_array_foreach (planted, i, row) {
		planted_row(t, "", row, "phase");
	}
	json_array_foreach (causes, i, row) {
		planted_row(t, "… ", row, "cause");
	}
	text_blank(t);
}
