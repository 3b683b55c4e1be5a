// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "report/text.h"

#define NAME 30
#define CELL 10

static const char *per_request(char cell[TEXT_CELL], const json_t *row, const char *key)
{
	return json_object_get(row, key) ? text_rate(cell, text_number(row, key)) : "–";
}

static void row_print(struct text *t, const json_t *row)
{
	const json_t *latency = json_object_get(row, "latency");
	char cell[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, TEXT_PLAIN, NAME, text_string(row, "name"));
	text_right(t, TEXT_PLAIN, CELL, per_request(cell, row, "calls_per_request"));
	text_right(t, TEXT_PLAIN, CELL, per_request(cell, row, "bytes_per_request"));
	text_right(t, TEXT_PLAIN, CELL + 1, text_ns(cell, row, "time_per_request_ns"));
	text_right(t, TEXT_PLAIN, CELL - 1, text_dist(cell, latency, "p50_ns"));
	text_right(t, TEXT_PLAIN, CELL - 1, text_dist(cell, latency, "p99_ns"));
	text_right(t, TEXT_PLAIN, CELL - 1, text_dist(cell, latency, "max_ns"));
	text_right(t, TEXT_PLAIN, CELL - 1, json_object_get(row, "failed") ? text_count(cell, row, "failed") : "–");
	text_end(t);
}

static void header_print(struct text *t)
{
	text_left(t, TEXT_BOLD, 2 + NAME, "ALLOCATOR, each request");
	text_right(t, TEXT_DIM, CELL, "calls");
	text_right(t, TEXT_DIM, CELL, "bytes");
	text_right(t, TEXT_DIM, CELL + 1, "time");
	text_right(t, TEXT_DIM, CELL - 1, "p50");
	text_right(t, TEXT_DIM, CELL - 1, "p99");
	text_right(t, TEXT_DIM, CELL - 1, "max");
	text_right(t, TEXT_DIM, CELL - 1, "failed");
	text_end(t);
}

/* One row for each file that functions were called of: which allocator it was. */
static void file_print(struct text *t, const json_t *row, const char *last)
{
	char line[300];

	if (!strcmp(text_string(row, "file"), last))
		return;
	snprintf(line, sizeof(line), "  %.200s%s%.40s%s", text_string(row, "file"), json_object_get(row, "allocator") ? " (" : "",
		 text_string(row, "allocator"), json_object_get(row, "allocator") ? ")" : "");
	text_put(t, TEXT_DIM, line);
	text_end(t);
}

void text_alloc(struct text *t, const json_t *doc)
{
	const json_t *allocator = json_object_get(doc, "allocator"), *functions = json_object_get(allocator, "functions");
	const char *last = "";
	char cell[TEXT_CELL], frees[TEXT_CELL + 32] = "", line[340];
	json_t *row;
	size_t i;

	if (!allocator)
		return;
	header_print(t);
	json_array_foreach (functions, i, row) {
		file_print(t, row, last);
		last = text_string(row, "file");
		row_print(t, row);
	}
	if (!json_array_size(functions))
		text_wrap(t, TEXT_DIM, "", 2, "no call of an allocator function was seen");
	if (json_object_get(allocator, "frees_on_share"))
		snprintf(frees, sizeof(frees), ", what gives back in %s",
			 text_percent(cell, text_number(allocator, "frees_on_share")));
	snprintf(line, sizeof(line),
		 "seen in %s of the time%s; a latency is too long by up to %llu ns (what a probe costs is taken off, as it was "
		 "calibrated)",
		 text_percent(cell, text_number(allocator, "on_share")), frees,
		 (unsigned long long)text_u64(allocator, "latency_noise_ns"));
	text_wrap(t, TEXT_DIM, "", 2, line);
	json_array_foreach (json_object_get(allocator, "notes"), i, row)
		text_wrap(t, TEXT_DIM, "", 2, json_string_value(row));
	text_blank(t);
}
