/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/trace.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "scenario/data_file.h"

#define COLUMNS_MAX 32
#define BLOCKS_MAX 100000000u
#define SPAN_S_MAX (30 * 24 * 3600.0) /* what a stage may take */

enum column { COLUMN_TIME, COLUMN_INPUT, COLUMN_OUTPUT, COLUMNS };

struct reader {
	struct trace *trace;
	bool begun, csv;
	int at[COLUMNS]; /* columns of a CSV */
	double first_s, last_s;
	bool rising; /* so far */
};

/* --- rows ------------------------------------------------------------------------------------------------------------------- */

static int row_add(struct reader *r, double when_s, double input, double output, const char *path, unsigned line, struct err *err)
{
	struct trace *t = r->trace;
	struct trace_row *grown;

	if (!(input >= 0 && input <= TRACE_TOKENS_MAX) || !(output >= 0 && output <= TRACE_TOKENS_MAX))
		return data_error(err, path, line, "expected numbers of tokens from 0 to %u", TRACE_TOKENS_MAX);
	if (t->rows == TRACE_ROWS_MAX)
		return data_error(err, path, line, "more than %u rows; expected fewer", TRACE_ROWS_MAX);
	if (!t->rows)
		r->first_s = r->last_s = when_s;
	if (!(fabs(when_s - r->first_s) <= SPAN_S_MAX))
		return data_error(err, path, line, "more than 30 days from the first row; expected a shorter trace");
	grown = data_grow(t->row, t->rows, sizeof(*t->row));
	if (!grown)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", path);
	t->row = grown;
	r->rising = r->rising && when_s >= r->last_s;
	r->last_s = when_s;
	/* as if 30 days before the first one, until all are known */
	t->row[t->rows++] = (struct trace_row){.due_ns = (uint64_t)llround((when_s - r->first_s + SPAN_S_MAX) * 1e9),
					       .input_tokens = (uint32_t)input,
					       .output_tokens = (uint32_t)output,
					       .first_block = t->blocks};
	t->input_tokens += (uint64_t)input;
	t->output_tokens += (uint64_t)output;
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	const struct trace_row *x = a, *y = b;

	return x->due_ns != y->due_ns ? (x->due_ns > y->due_ns) - (x->due_ns < y->due_ns)
				      : (x->first_block > y->first_block) - (x->first_block < y->first_block);
}

static void rows_finish(struct reader *r)
{
	struct trace *t = r->trace;
	uint64_t first_ns;

	if (!r->rising)
		qsort(t->row, t->rows, sizeof(*t->row), compare_rows);
	first_ns = t->row[0].due_ns;
	for (uint32_t i = 0; i < t->rows; i++)
		t->row[i].due_ns -= first_ns;
}

/* --- JSON lines ------------------------------------------------------------------------------------------------------------- */

static int blocks_add(struct trace *t, const json_t *ids)
{
	const json_t *id;
	size_t i;

	json_array_foreach (ids, i, id) {
		uint64_t *grown;

		if (t->blocks == BLOCKS_MAX)
			return -E2BIG;
		grown = data_grow(t->block, t->blocks, sizeof(*t->block));
		if (!grown)
			return -ENOMEM;
		t->block = grown;
		t->block[t->blocks++] = (uint64_t)json_integer_value(id);
		t->row[t->rows - 1].blocks++;
	}
	return 0;
}

static int json_row(struct reader *r, const char *line, size_t bytes, unsigned number, const char *path, struct err *err)
{
	json_t *json = json_loadb(line, bytes, 0, NULL);
	const json_t *when = json_object_get(json, "timestamp"), *in = json_object_get(json, "input_length");
	const json_t *out = json_object_get(json, "output_length");
	int ret;

	if (!json_is_number(when) || !json_is_number(in) || !json_is_number(out)) {
		json_decref(json);
		return data_error(err, path, number,
				  "expected a JSON object with timestamp (ms), input_length and output_length, all numbers");
	}
	ret = row_add(r, json_number_value(when) / 1e3, json_number_value(in), json_number_value(out), path, number, err);
	if (!ret)
		ret = blocks_add(r->trace, json_object_get(json, "hash_ids"));
	json_decref(json);
	if (ret == -E2BIG)
		return data_error(err, path, number, "more than %u hash_ids in the file; expected fewer", BLOCKS_MAX);
	return ret == -ENOMEM ? err_set(err, -ENOMEM, "%s: out of memory while reading it", path) : ret;
}

/* --- CSV -------------------------------------------------------------------------------------------------------------------- */

/* Splits in place; quoted fields are not in these layouts. */
static unsigned split(char *line, char *field[COLUMNS_MAX])
{
	unsigned n = 0;

	for (char *at = line; at && n < COLUMNS_MAX; n++) {
		char *comma = strchr(at, ',');

		if (comma)
			*comma++ = '\0';
		field[n] = at;
		at = comma;
	}
	return n;
}

static bool head_read(struct reader *r, char *line)
{
	static const char *const names[COLUMNS][2] = {
		{"timestamp", "timestamp"}, {"ContextTokens", "Request tokens"}, {"GeneratedTokens", "Response tokens"}};
	char *field[COLUMNS_MAX];
	unsigned n = split(line, field);

	for (unsigned c = 0; c < COLUMNS; c++) {
		r->at[c] = -1;
		for (unsigned i = 0; i < n; i++)
			if (!strcasecmp(field[i], names[c][0]) || !strcasecmp(field[i], names[c][1]))
				r->at[c] = (int)i;
		if (r->at[c] < 0)
			return false;
	}
	return true;
}

static bool number_read(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && !*end && isfinite(*out);
}

/* Seconds, or "2023-11-16 18:15:46.6805900", "2024-05-10 00:00:00.009930+00:00". Zones are one and the same in a file. */
static bool time_read(const char *text, double *out)
{
	struct tm tm = {0};
	const char *rest;
	double part = 0;

	if (number_read(text, out))
		return true;
	rest = strptime(text, "%Y-%m-%d", &tm);
	rest = rest && (*rest == ' ' || *rest == 'T') ? strptime(rest + 1, "%H:%M:%S", &tm) : NULL;
	if (!rest)
		return false;
	if (*rest == '.')
		part = strtod(rest, NULL);
	*out = (double)timegm(&tm) + part;
	return true;
}

static int csv_row(struct reader *r, const char *line, unsigned number, const char *path, struct err *err)
{
	char *field[COLUMNS_MAX], *copy = strdup(line);
	unsigned n = copy ? split(copy, field) : 0;
	double value[COLUMNS];
	bool good = copy;

	for (unsigned c = 0; c < COLUMNS && good; c++)
		good = r->at[c] < (int)n && (c == COLUMN_TIME ? time_read : number_read)(field[r->at[c]], &value[c]);
	free(copy);
	if (!copy)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", path);
	if (!good)
		return data_error(err, path, number,
				  "expected a time and two numbers of tokens in the columns of the first line");
	return row_add(r, value[COLUMN_TIME], value[COLUMN_INPUT], value[COLUMN_OUTPUT], path, number, err);
}

/* --- file ------------------------------------------------------------------------------------------------------------------- */

static int begin(struct reader *r, const char *line, const char *path, unsigned number, struct err *err)
{
	char *copy = strdup(line);
	bool good;

	if (!copy)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", path);
	r->begun = true;
	r->csv = line[0] != '{';
	good = !r->csv || head_read(r, copy);
	free(copy);
	return good ? 0
		    : data_error(err, path, number,
				 "expected JSON lines (timestamp, input_length, output_length) or a CSV whose first line names "
				 "TIMESTAMP, "
				 "ContextTokens, GeneratedTokens");
}

static int line_read(void *ctx, const char *line, size_t bytes, unsigned number, const char *path, struct err *err)
{
	struct reader *r = ctx;

	if (!r->begun) {
		int ret = begin(r, line, path, number, err);

		if (ret || r->csv)
			return ret;
	}
	return r->csv ? csv_row(r, line, number, path, err) : json_row(r, line, bytes, number, path, err);
}

int trace_read(struct trace **out, const char *path, struct err *err)
{
	struct reader r = {.trace = calloc(1, sizeof(struct trace)), .rising = true};
	int ret;

	if (!r.trace)
		return err_set(err, -ENOMEM, "%s: out of memory while reading it", path);
	ret = data_lines(path, TRACE_BYTES_MAX, line_read, &r, err);
	if (!ret && !r.trace->rows)
		ret = err_set(err, -EINVAL, "%s: no row in it; expected one request a line", path);
	if (ret) {
		trace_free(r.trace);
		return ret;
	}
	rows_finish(&r);
	*out = r.trace;
	return 0;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	free(t->row);
	free(t->block);
	free(t);
}
