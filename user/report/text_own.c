// SPDX-License-Identifier: GPL-2.0-only
/* What the gateway counts itself, beside what was seen from outside. */
#include <string.h>

#include "report/text.h"

#define NAME 52
#define CELL 12
#define ROWS 20

static bool is(const json_t *row, const char *meaning)
{
	return !strcmp(text_string(row, "meaning"), meaning);
}

static void print_row(struct text *t, const json_t *row)
{
	char cell[TEXT_CELL], amount[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, NAME, text_string(row, "name"));
	text_left(t, TEXT_DIM, CELL, text_spaced(cell, text_string(row, "meaning")));
	if (!is(row, "duration") && json_object_get(row, "change"))
		text_right(t, TEXT_PLAIN, CELL, text_amount(cell, text_number(row, "change"), false));
	else
		text_right(t, TEXT_PLAIN, CELL, text_amount(cell, text_number(row, "count"), false));
	if (json_object_get(row, "mean_ns") || json_object_get(row, "mean"))
		text_right(t, TEXT_PLAIN, CELL,
			   json_object_get(row, "mean_ns") ? text_ns(amount, row, "mean_ns")
							   : text_amount(amount, text_number(row, "mean"), false));
	else
		text_right(t, TEXT_PLAIN, CELL, "–");
	text_end(t);
}

/* Those whose meaning their name suggests come first. */
static unsigned print_rows(struct text *t, const json_t *rows, bool other, unsigned room)
{
	unsigned printed = 0;
	json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		if (is(row, "other") != other || printed == room)
			continue;
		print_row(t, row);
		printed++;
	}
	return printed;
}

static void print_cache(struct text *t, const json_t *doc, const json_t *own)
{
	const json_t *trust = json_object_get(doc, "trust");
	double whole = text_number(trust, "joined"), rate = text_number(own, "cache_hit_rate");
	char a[TEXT_CELL], b[TEXT_CELL], line[200];

	if (!json_object_get(own, "cache_hit_rate"))
		return;
	if (json_object_get(trust, "cache_hits") && whole > 0)
		snprintf(line, sizeof(line), "cache hit rate: it counts %s; %s of the requests had no upstream turn",
			 text_percent(a, rate), text_percent(b, text_number(trust, "cache_hits") / whole));
	else
		snprintf(line, sizeof(line), "cache hit rate: it counts %s; not seen from outside", text_percent(a, rate));
	text_wrap(t, TEXT_PLAIN, "", 2, line);
}

/* Its log, beside the toll of the run. */
static void print_log(struct text *t, const json_t *doc)
{
	const json_t *log = json_object_get(doc, "gateway_log"), *told = json_object_get(log, "told"),
		     *toll = json_object_get(doc, "toll"), *latency = json_object_get(doc, "latency");
	char n[TEXT_CELL], a[2][TEXT_CELL], b[2][TEXT_CELL], c[2][TEXT_CELL], line[320];

	if (!log)
		return;
	snprintf(line, sizeof(line),
		 "its log tells %s at p50, %s at p99, in %s lines; the kernel saw a toll of %s and %s, the driver a latency of "
		 "%s and %s",
		 text_dist(a[0], told, "p50_ns"), text_dist(a[1], told, "p99_ns"), text_count(n, log, "matched"),
		 text_dist(b[0], toll, "p50_ns"), text_dist(b[1], toll, "p99_ns"), text_dist(c[0], latency, "p50_ns"),
		 text_dist(c[1], latency, "p99_ns"));
	text_wrap(t, TEXT_BOLD, "ITS LOG", 12, line);
	if (json_is_true(json_object_get(log, "rotated")))
		text_wrap(t, TEXT_DIM, "", 12, "it was rotated meanwhile: the file of its start and that of its end were read");
	if (json_is_true(json_object_get(log, "cut")))
		text_wrap(t, TEXT_DIM, "", 12, "it was cut meanwhile: what came ahead of that is lost");
	text_blank(t);
}

void text_own(struct text *t, const json_t *doc)
{
	const json_t *own = json_object_get(doc, "own_counters"), *rows = json_object_get(own, "rows");
	char line[120];
	unsigned printed;

	print_log(t, doc);
	if (!own)
		return;
	text_left(t, TEXT_BOLD, NAME + 2, "THE GATEWAY'S OWN COUNTERS");
	text_left(t, TEXT_DIM, CELL, "");
	text_right(t, TEXT_DIM, CELL, "change");
	text_right(t, TEXT_DIM, CELL, "mean");
	text_end(t);
	printed = print_rows(t, rows, false, ROWS);
	printed += print_rows(t, rows, true, ROWS - printed);
	if (text_u64(own, "changed") > printed) {
		snprintf(line, sizeof(line), "and %llu more that changed: result.json has them",
			 (unsigned long long)text_u64(own, "changed") - printed);
		text_wrap(t, TEXT_DIM, "", 2, line);
	}
	if (text_u64(own, "unread")) {
		snprintf(line, sizeof(line), "%llu lines of its page were not read", (unsigned long long)text_u64(own, "unread"));
		text_wrap(t, TEXT_DIM, "", 2, line);
	}
	print_cache(t, doc, own);
	text_blank(t);
}
