// SPDX-License-Identifier: GPL-2.0-only
/* Figures at a glance, stacked bars and the timelines of single requests: boxes whose widths are shares, so that they fit any screen. */
#include "report/html.h"

#include <string.h>

#include "report/text.h"

#define COLOURS 12

/* A name's own colour, the same wherever it stands. */
static unsigned colour_of(const char *name, unsigned fallback)
{
	static const struct {
		const char *name;
		unsigned colour;
	} rows[] = {
		{"pick_up_request", 0},
		{"process_request", 1},
		{"pick_up_response", 2},
		{"process_response", 3},
		{"accept_queue", 4},
		{"between_attempts", 5},
		{"local_answer", 6},
		{"upstream_connect", 7},
		{"upstream_tls", 8},
		{"upstream_dns", 9},
		{"client_tls", 10},
		{"own_user", 1},
		{"own_kernel", 0},
		{"own_cpu", 1},
		{"allocator", 5},
		{"other_work", 3},
		{"run_queue", 2},
		{"throttled", 7},
		{"steal", 9},
		{"lock", 4},
		{"disk", 6},
		{"page_fault", 8},
		{"swap", 10},
		{"socket", 6},
		{"other_blocked", 5},
		{"hand_off", 10},
		{"idle", 11},
		{"unknown", 9},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(rows[i].name, name))
			return rows[i].colour;
	return fallback % COLOURS;
}

static void tile(struct html *h, const char *name, const char *value, const char *note)
{
	html_raw(h, "<div class=\"tile\"><span>");
	html_text(h, name);
	html_raw(h, "</span><b>");
	html_text(h, value);
	html_raw(h, "</b><i>");
	html_text(h, note);
	html_raw(h, "</i></div>\n");
}

static void tile_dist(struct html *h, const char *name, const json_t *dist, const char *key, const char *note)
{
	char cell[TEXT_CELL];

	if (json_object_get(dist, key))
		tile(h, name, text_dist(cell, dist, key), note);
}

void html_tiles(struct html *h, const json_t *doc)
{
	const json_t *r = json_object_get(doc, "requests"), *trust = json_object_get(doc, "trust");
	double ended = (double)(text_u64(r, "ok") + text_u64(r, "failed"));
	char cell[TEXT_CELL], note[2 * TEXT_CELL];

	html_raw(h, "<div class=\"tiles\">\n");
	tile_dist(h, "toll p50", json_object_get(doc, "toll"), "p50_ns", "the gateway's part");
	tile_dist(h, "toll p99", json_object_get(doc, "toll"), "p99_ns", "the gateway's part");
	tile_dist(h, "latency p50", json_object_get(doc, "latency"), "p50_ns", "from intended start");
	tile_dist(h, "latency p99", json_object_get(doc, "latency"), "p99_ns", "from intended start");
	if (json_object_get(r, "rate_per_s")) {
		snprintf(note, sizeof(note), "%s sent", text_count(cell, r, "sent"));
		tile(h, "requests/s", text_rate(cell, text_number(r, "rate_per_s")), note);
	}
	if (ended > 0) {
		snprintf(note, sizeof(note), "%s failed", text_count(cell, r, "failed"));
		tile(h, "ok", text_percent(cell, (double)text_u64(r, "ok") / ended), note);
	}
	if (json_object_get(json_object_get(doc, "gateway"), "cpu_ns_per_request"))
		tile(h, "gateway CPU", text_ns(cell, json_object_get(doc, "gateway"), "cpu_ns_per_request"), "per request");
	if (json_object_get(trust, "coverage"))
		tile(h, "coverage", text_percent(cell, text_number(trust, "coverage")), "requests with a whole timeline");
	html_raw(h, "</div>\n");
}

/* --- stacked bars ------------------------------------------------------------------------------------------------------------- */

typedef bool (*part_filter)(const json_t *row);

static bool is_toll(const json_t *row)
{
	return json_is_true(json_object_get(row, "toll"));
}

static bool is_any(const json_t *row)
{
	return json_object_get(row, "per_request_ns") != NULL;
}

static double parts_sum(const json_t *parts, part_filter keep)
{
	double sum = 0;

	for (void *it = json_object_iter((json_t *)parts); it; it = json_object_iter_next((json_t *)parts, it))
		if (keep(json_object_iter_value(it)))
			sum += text_number(json_object_iter_value(it), "per_request_ns");
	return sum;
}

static const char *part_name(char buf[TEXT_CELL], const char *key, const json_t *row)
{
	return *text_string(row, "title") ? text_string(row, "title") : text_spaced(buf, key);
}

static void segment(struct html *h, const char *key, const json_t *row, double share, double of_bar, unsigned i)
{
	char name[TEXT_CELL], cell[TEXT_CELL], percent[TEXT_CELL];

	html_fmt(h, "<i class=\"p%u\" style=\"width:%.3f%%\" title=\"", colour_of(key, i), share * 100);
	html_text(h, part_name(name, key, row));
	html_raw(h, " ");
	html_text(h, text_ns(cell, row, "per_request_ns"));
	html_fmt(h, " per request, %s\">", text_share(percent, of_bar));
	if (share > 0.12)
		html_text(h, part_name(name, key, row));
	html_raw(h, "</i>");
}

static void stack_row(struct html *h, const char *name, const json_t *parts, part_filter keep, double widest)
{
	double sum = parts_sum(parts, keep);
	char cell[TEXT_CELL];
	unsigned i = 0;

	if (!(sum > 0))
		return;
	html_raw(h, "<div class=\"stack\"><span>");
	html_text(h, name);
	html_raw(h, "</span><div>");
	for (void *it = json_object_iter((json_t *)parts); it; it = json_object_iter_next((json_t *)parts, it), i++) {
		const json_t *row = json_object_iter_value(it);
		double ns = text_number(row, "per_request_ns");
		if (keep(row) && ns > 0)
			segment(h, json_object_iter_key(it), row, ns / widest, ns / sum, i);
	}
	html_raw(h, "</div><b>");
	json_t *total = json_pack("{s:I}", "ns", (json_int_t)sum);
	html_text(h, text_ns(cell, total, "ns"));
	json_decref(total);
	html_raw(h, "</b></div>\n");
}

static void legend(struct html *h, const json_t *parts, part_filter keep)
{
	char name[TEXT_CELL];
	unsigned i = 0;

	html_raw(h, "<p class=\"legend\">");
	for (void *it = json_object_iter((json_t *)parts); it; it = json_object_iter_next((json_t *)parts, it), i++) {
		const json_t *row = json_object_iter_value(it);
		if (!keep(row) || !(text_number(row, "per_request_ns") > 0))
			continue;
		html_fmt(h, "<span><i class=\"p%u\"></i>", colour_of(json_object_iter_key(it), i));
		html_text(h, part_name(name, json_object_iter_key(it), row));
		html_raw(h, "</span>");
	}
	html_raw(h, "</p>\n");
}

/* One bar for all requests and one for each class, to one scale. */
static void stacks(struct html *h, const json_t *doc, const char *key, part_filter keep)
{
	const json_t *classes = json_object_get(doc, "classes"), *all = json_object_get(doc, key);
	double widest = parts_sum(all, keep);

	if (!(widest > 0))
		return;
	for (void *it = json_object_iter((json_t *)classes); it; it = json_object_iter_next((json_t *)classes, it)) {
		double sum = parts_sum(json_object_get(json_object_iter_value(it), key), keep);
		widest = sum > widest ? sum : widest;
	}
	html_raw(h, "<figure class=\"stacks\">\n");
	stack_row(h, "all", all, keep, widest);
	for (void *it = json_object_iter((json_t *)classes); it && json_object_size(classes) > 1;
	     it = json_object_iter_next((json_t *)classes, it))
		stack_row(h, json_object_iter_key(it), json_object_get(json_object_iter_value(it), key), keep, widest);
	legend(h, all, keep);
	html_raw(h, "</figure>\n");
}

void html_phases(struct html *h, const json_t *doc)
{
	stacks(h, doc, "phases", is_toll);
}

void html_causes(struct html *h, const json_t *doc)
{
	stacks(h, doc, "causes", is_any);
}

/* --- requests one by one ------------------------------------------------------------------------------------------------------ */

/* Owner of a phase as the phases' table has it; "" when it is not in it. */
static const char *owner_of(const json_t *doc, const char *phase)
{
	return text_string(json_object_get(json_object_get(doc, "phases"), phase), "owner");
}

static void span_box(struct html *h, const json_t *doc, const json_t *span, double total, const char *key)
{
	const char *phase = text_string(span, key), *owner = owner_of(doc, phase);
	uint64_t from = text_u64(span, "from_ns"), to = text_u64(span, "to_ns");
	char cell[TEXT_CELL], name[TEXT_CELL];
	json_t *length = json_pack("{s:I}", "ns", (json_int_t)(to > from ? to - from : 0));

	html_raw(h, "<li><span>");
	html_text(h, text_spaced(name, phase));
	html_raw(h, "</span><div><i class=\"");
	html_raw(h, !strcmp(owner, "gateway") ? "o-gateway" : !strcmp(owner, "provider") ? "o-provider" : "o-other");
	html_fmt(h, "\" style=\"left:%.3f%%;width:%.3f%%\"></i></div><b>", (double)from / total * 100,
		 (double)(to - from) / total * 100);
	html_text(h, text_ns(cell, length, "ns"));
	html_raw(h, "</b></li>\n");
	json_decref(length);
}

static void waterfall_one(struct html *h, const json_t *doc, const char *key, const json_t *e)
{
	double total = text_number(e, "total_ns");
	char cell[TEXT_CELL];
	json_t *span;
	size_t i;

	if (!(total > 0) || !json_array_size(json_object_get(e, "spans")))
		return;
	html_raw(h, "<div class=\"waterfall\"><h3>");
	html_text(h, key);
	html_raw(h, " <small>");
	html_text(h, text_string(e, "class"));
	html_raw(h, "</small></h3><p>");
	html_text(h, text_ns(cell, e, "total_ns"));
	html_raw(h, ", toll <b>");
	html_text(h, text_ns(cell, e, "toll_ns"));
	html_raw(h, "</b></p><ol>\n");
	json_array_foreach (json_object_get(e, "spans"), i, span) {
		span_box(h, doc, span, total, "phase");
	}
	html_raw(h, "</ol></div>\n");
}

void html_waterfall(struct html *h, const json_t *doc)
{
	const json_t *exemplars = json_object_get(doc, "exemplars");

	if (!json_object_size(exemplars))
		return;
	html_raw(h, "<figure class=\"waterfalls\">\n");
	for (void *it = json_object_iter((json_t *)exemplars); it; it = json_object_iter_next((json_t *)exemplars, it))
		waterfall_one(h, doc, json_object_iter_key(it), json_object_iter_value(it));
	html_raw(
		h,
		"</figure>\n<p class=\"legend\"><span><i class=\"o-gateway\"></i>gateway</span><span><i class=\"o-provider\"></i>"
		"provider</span><span><i class=\"o-other\"></i>network, driver</span></p>\n");
}
