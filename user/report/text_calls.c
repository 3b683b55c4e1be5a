// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "base/units.h"
#include "report/text.h"

#define NAME 20
#define CELL 10
#define ROWS_MAX 16

static void calls_header(struct text *t)
{
	static const char *const names[] = {"a request", "p50", "p99", "max", "in the toll"};

	text_left(t, TEXT_BOLD, 2 + NAME, "SYSTEM CALLS");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		text_right(t, TEXT_DIM, i == 4 ? CELL + 3 : CELL, names[i]);
	text_put(t, TEXT_DIM, "  failed");
	text_end(t);
}

static void call_row(struct text *t, const char *name, const json_t *row)
{
	const json_t *errors = json_object_get(row, "errors");
	char cell[TEXT_CELL];
	struct buf words = {0};

	for (void *it = json_object_iter((json_t *)errors); it; it = json_object_iter_next((json_t *)errors, it)) {
		units_format_count(cell, sizeof(cell), text_u64(errors, json_object_iter_key(it)));
		buf_printf(&words, "%s%s %s", words.used ? ", " : "", json_object_iter_key(it), cell);
	}
	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, NAME, name);
	text_right(t, TEXT_PLAIN, CELL,
		   json_object_get(row, "per_request") ? text_rate(cell, text_number(row, "per_request")) : "–");
	text_right(t, TEXT_PLAIN, CELL, text_dist(cell, row, "p50_ns"));
	text_right(t, TEXT_PLAIN, CELL, text_dist(cell, row, "p99_ns"));
	text_right(t, TEXT_PLAIN, CELL, text_dist(cell, row, "max_ns"));
	text_right(t, TEXT_PLAIN, CELL + 3, text_ns(cell, row, "in_toll_per_request_ns"));
	text_put(t, TEXT_PLAIN, "  ");
	text_put(t, TEXT_PLAIN, words.data ? words.data : "–");
	text_end(t);
	buf_fini(&words);
}

/* What costs the toll most, then what is called most. */
static bool comes_before(const json_t *a, const json_t *b)
{
	uint64_t x = text_u64(a, "in_toll_per_request_ns"), y = text_u64(b, "in_toll_per_request_ns");

	return x != y ? x > y : text_u64(a, "count") > text_u64(b, "count");
}

struct call_line {
	const char *name;
	const json_t *row;
};

static unsigned calls_sorted(const json_t *calls, struct call_line line[ROWS_MAX])
{
	unsigned n = 0;

	for (void *it = json_object_iter((json_t *)calls); it; it = json_object_iter_next((json_t *)calls, it)) {
		const struct call_line one = {json_object_iter_key(it), json_object_iter_value(it)};
		unsigned at = n;
		while (at > 0 && comes_before(one.row, line[at - 1].row))
			at--;
		if (at == ROWS_MAX)
			continue;
		unsigned moved = (n < ROWS_MAX ? n : ROWS_MAX - 1) - at;
		memmove(&line[at + 1], &line[at], moved * sizeof(one));
		line[at] = one;
		n = n < ROWS_MAX ? n + 1 : ROWS_MAX;
	}
	return n;
}

void text_calls(struct text *t, const json_t *doc)
{
	const json_t *calls = json_object_get(doc, "system_calls");
	struct call_line sorted[ROWS_MAX];
	unsigned n = calls_sorted(calls, sorted);
	char line[96];

	if (!n)
		return;
	calls_header(t);
	for (unsigned i = 0; i < n; i++)
		call_row(t, sorted[i].name, sorted[i].row);
	if (json_object_size(calls) > n) {
		snprintf(line, sizeof(line), "  … and %zu others", json_object_size(calls) - n);
		text_put(t, TEXT_DIM, line);
		text_end(t);
	}
	text_blank(t);
}
