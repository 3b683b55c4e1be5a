// SPDX-License-Identifier: GPL-2.0-only
#include "session/own_counters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/url.h"
#include "driver/fetch.h"
#include "record/exposition.h"

#define PAGE_BYTES_MAX ((size_t)16 << 20)
#define COUNTERS_MAX 20000u
#define ROWS_MAX 200u

/* --- reading a page --------------------------------------------------------------------------------------------------------- */

struct page {
	struct own_counter *row;
	size_t rows, room;
	uint64_t lost; /* samples that found no room */
};

static bool has(const char *text, const char *word)
{
	return strcasestr(text, word) != NULL;
}

static bool ends(const char *text, const char *ending)
{
	size_t n = strlen(text), m = strlen(ending);

	return n >= m && !strcmp(text + n - m, ending);
}

/* The sum over a name's labels stands in one row; samples of a name mostly follow each other. */
static struct own_counter *row_of(struct page *p, const char *name)
{
	struct own_counter *grown;

	if (p->rows && !strcmp(p->row[p->rows - 1].name, name))
		return &p->row[p->rows - 1];
	if (p->rows == COUNTERS_MAX)
		return NULL;
	if (p->rows == p->room) {
		p->room = p->room ? 2 * p->room : 64;
		grown = reallocarray(p->row, p->room, sizeof(*grown));
		if (!grown)
			return NULL;
		p->row = grown;
	}
	p->row[p->rows] = (struct own_counter){.value = 0};
	snprintf(p->row[p->rows].name, OWN_NAME_MAX, "%s", name);
	return &p->row[p->rows++];
}

static void on_sample(void *ctx, const struct exposition_sample *s)
{
	bool of_time = s->type == EXPOSITION_HISTOGRAM || s->type == EXPOSITION_SUMMARY, is_count;
	char name[OWN_NAME_MAX];
	struct own_counter *row;

	if (s->type == EXPOSITION_GAUGE || !isfinite(s->value) || s->name_bytes >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)s->name_bytes, s->name);
	is_count = ends(name, "_count");
	if (of_time ? !is_count && !ends(name, "_sum") : s->type == EXPOSITION_UNTYPED && !ends(name, "_total"))
		return;
	if (of_time)
		name[strlen(name) - strlen(is_count ? "_count" : "_sum")] = '\0';
	else if (has(name, "cache"))
		snprintf(name + s->name_bytes, sizeof(name) - s->name_bytes, "%s",
			 memmem(s->labels, s->labels_bytes, "hit", 3)    ? "{hit}"
			 : memmem(s->labels, s->labels_bytes, "miss", 4) ? "{miss}"
									 : "");
	row = row_of(ctx, name);
	if (!row) {
		((struct page *)ctx)->lost++;
		return;
	}
	row->is_duration = of_time;
	*(of_time && is_count ? &row->count : &row->value) += s->value;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct own_counter *)a)->name, ((const struct own_counter *)b)->name);
}

/* Sorted, and names that stood apart put together. */
static void fold(struct page *p)
{
	size_t kept = 0;

	if (p->rows)
		qsort(p->row, p->rows, sizeof(*p->row), by_name);
	for (size_t i = 0; i < p->rows; i++) {
		if (kept && !strcmp(p->row[kept - 1].name, p->row[i].name)) {
			p->row[kept - 1].value += p->row[i].value;
			p->row[kept - 1].count += p->row[i].count;
		} else {
			p->row[kept++] = p->row[i];
		}
	}
	p->rows = kept;
}

static void page_read(struct own_counters *o, struct own_counter **row, size_t *rows)
{
	struct buf text = {.max = PAGE_BYTES_MAX};
	struct page page = {.row = NULL};
	struct err err = {0};

	if (fetch(o->url, NS_PER_S, &text, &err)) {
		snprintf(o->why, sizeof(o->why), "%.390s", err.text);
		log_line(LOG_WARN, "the gateway's own counters: %s", o->why);
	} else {
		o->unread += exposition_parse(text.data ? text.data : "", text.used, on_sample, &page);
		o->unread += page.lost;
		fold(&page);
		if (!page.rows)
			snprintf(o->why, sizeof(o->why), "that page has no counters in Prometheus' text format");
	}
	buf_fini(&text);
	*row = page.row;
	*rows = page.rows;
}

void own_counters_begin(struct own_counters *o, const char *url, const char *gateway_url)
{
	bool of_gateway = url && url[0] == '/';

	if (!url || o->url[0])
		return;
	snprintf(o->url, sizeof(o->url), "%s%s", of_gateway ? gateway_url : "", url);
	page_read(o, &o->before, &o->befores);
}

void own_counters_end(struct own_counters *o)
{
	if (o->url[0] && !o->why[0] && !o->after)
		page_read(o, &o->after, &o->afters);
}

void own_counters_fini(struct own_counters *o)
{
	free(o->before);
	free(o->after);
	*o = (struct own_counters){.befores = 0};
}

/* --- the part of the result -------------------------------------------------------------------------------------------------- */

/* What a gateway's counter most likely means, by its name; no standard says so. */
static const char *meaning_of(const struct own_counter *c)
{
	bool of_cache = has(c->name, "cache");

	if (c->is_duration)
		return has(c->name, "second") || has(c->name, "duration") || has(c->name, "latency") ? "duration" : "other";
	if (of_cache && has(c->name, "hit"))
		return "cache_hits";
	if (of_cache && has(c->name, "miss"))
		return "cache_misses";
	if (has(c->name, "cost") || has(c->name, "spend"))
		return "cost";
	if (has(c->name, "token"))
		return "tokens";
	return has(c->name, "request") ? "requests" : "other";
}

/* ns of one of a duration's unit, which its name ends in; 0: it does not say. */
static double unit_ns(const char *name)
{
	static const struct {
		const char *ending;
		double ns;
	} units[] = {{"_seconds", 1e9}, {"_milliseconds", 1e6}, {"_ms", 1e6}, {"_microseconds", 1e3}, {"_us", 1e3}};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (ends(name, units[i].ending))
			return units[i].ns;
	return 0;
}

/* True: it moved, and a row says by how much. A counter that fell began anew. */
static bool row_put(json_t *rows, const struct own_counter *after, const struct own_counter *before)
{
	bool anew = before && (after->value < before->value || after->count < before->count);
	double value = after->value - (before && !anew ? before->value : 0);
	double count = after->count - (before && !anew ? before->count : 0);
	json_t *row;

	if (value <= 0 && count <= 0)
		return false;
	row = json_pack("{s:s, s:s}", "name", after->name, "meaning", meaning_of(after));
	if (!after->is_duration)
		json_object_set_new(row, "change", json_real(value));
	else
		json_object_set_new(row, "count", json_real(count));
	if (after->is_duration && count > 0 && unit_ns(after->name) > 0)
		json_object_set_new(row, "mean_ns", json_integer((json_int_t)(value / count * unit_ns(after->name))));
	else if (after->is_duration && count > 0)
		json_object_set_new(row, "mean", json_real(value / count));
	if (anew)
		json_object_set_new(row, "began_anew", json_true());
	json_array_append_new(rows, row);
	return true;
}

static double sum_of(const json_t *rows, const char *meaning)
{
	double sum = 0;
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row)
		if (!strcmp(json_string_value(json_object_get(row, "meaning")), meaning))
			sum += json_number_value(json_object_get(row, "change"));
	return sum;
}

void own_counters_result(const struct own_counters *o, json_t *parts, json_t *not_measured)
{
	json_t *rows, *part;
	char shown[256];
	double hits, misses;
	size_t changed = 0;

	if (!o->url[0])
		return;
	if (o->why[0] || !o->after) {
		json_object_set_new(not_measured, "own_counters", json_string(o->why[0] ? o->why : "the run was not ended"));
		return;
	}
	rows = json_array();
	for (size_t i = 0; i < o->afters && json_array_size(rows) < ROWS_MAX; i++) {
		const struct own_counter *before =
			o->befores ? bsearch(&o->after[i], o->before, o->befores, sizeof(*o->before), by_name) : NULL;
		changed += row_put(rows, &o->after[i], before);
	}
	url_without_user(shown, sizeof(shown), o->url);
	part = json_pack("{s:s, s:I, s:o}", "url", shown, "seen", (json_int_t)o->afters, "rows", rows);
	hits = sum_of(rows, "cache_hits");
	misses = sum_of(rows, "cache_misses");
	if (hits + misses > 0)
		json_object_set_new(part, "cache_hit_rate", json_real(hits / (hits + misses)));
	json_object_set_new(part, "unread", json_integer((json_int_t)o->unread));
	json_object_set_new(part, "changed", json_integer((json_int_t)changed));
	json_object_set_new(parts, "own_counters", part);
}
