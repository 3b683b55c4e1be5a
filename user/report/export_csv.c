// SPDX-License-Identifier: GPL-2.0-only
/* Comma-separated values (RFC 4180): all figures as rows of set, group, name, figure, value; and the series as a table of its own. */
#include "report/export.h"

#include <errno.h>
#include <string.h>

#include "report/text.h"

struct table {
	FILE *out;
};

static void cell(FILE *out, const char *s, bool more)
{
	if (strpbrk(s, ",\"\r\n")) {
		fputc('"', out);
		for (; *s; s++) {
			if (*s == '"')
				fputc('"', out);
			fputc(*s, out);
		}
		fputc('"', out);
	} else {
		fputs(s, out);
	}
	if (more)
		fputc(',', out);
}

static void number(FILE *out, const json_t *value)
{
	if (json_is_integer(value))
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		fprintf(out, "%.9g", json_real_value(value));
}

/* A row for each number that an object holds. */
static void rows(FILE *out, const char *set, const char *group, const char *name, const json_t *object)
{
	for (void *it = json_object_iter((json_t *)object); it; it = json_object_iter_next((json_t *)object, it)) {
		if (!json_is_number(json_object_iter_value(it)))
			continue;
		cell(out, set, true);
		cell(out, group, true);
		cell(out, name, true);
		cell(out, json_object_iter_key(it), true);
		number(out, json_object_iter_value(it));
		fputs("\r\n", out);
	}
}

static void rows_of_each(FILE *out, const char *set, const char *group, const json_t *objects)
{
	for (void *it = json_object_iter((json_t *)objects); it; it = json_object_iter_next((json_t *)objects, it))
		rows(out, set, group, json_object_iter_key(it), json_object_iter_value(it));
}

static int set_rows(void *ctx, const char *name, const json_t *set)
{
	static const char *const groups[] = {"requests", "latency", "service", "lateness", "toll", "joined_latency"};
	static const char *const each[] = {"phases", "causes", "streams"};
	FILE *out = ((struct table *)ctx)->out;

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		rows(out, *name ? name : "all", groups[i], "", json_object_get(set, groups[i]));
	rows(out, *name ? name : "all", "requests", "errors", text_at(set, "requests.errors"));
	for (size_t i = 0; i < sizeof(each) / sizeof(*each); i++)
		rows_of_each(out, *name ? name : "all", each[i], json_object_get(set, each[i]));
	return 0;
}

int export_csv(const json_t *doc, FILE *out)
{
	struct table t = {out};

	fputs("set,group,name,figure,value\r\n", out);
	export_each_set(doc, set_rows, &t);
	rows(out, "all", "gateway", "", json_object_get(doc, "gateway"));
	rows_of_each(out, "all", "gateway", json_object_get(doc, "gateway"));
	rows(out, "all", "trust", "", json_object_get(doc, "trust"));
	rows(out, "all", "trust", "lost", text_at(doc, "trust.lost"));
	rows(out, "all", "driver", "", json_object_get(doc, "driver"));
	return export_end(out);
}

int export_csv_series(const json_t *doc, FILE *out)
{
	const json_t *series = json_object_get(doc, "series");
	double step_s = text_number(series, "step_s");

	if (!series)
		return -ENODATA;
	fputs("from_s", out);
	for (void *it = json_object_iter((json_t *)series); it; it = json_object_iter_next((json_t *)series, it))
		if (json_is_array(json_object_iter_value(it)) && strcmp(json_object_iter_key(it), "bands"))
			fprintf(out, ",%s", json_object_iter_key(it));
	fputs("\r\n", out);
	for (size_t i = 0; i < text_u64(series, "points"); i++) {
		fprintf(out, "%.9g", (double)i * step_s);
		for (void *it = json_object_iter((json_t *)series); it; it = json_object_iter_next((json_t *)series, it)) {
			if (!json_is_array(json_object_iter_value(it)) || !strcmp(json_object_iter_key(it), "bands"))
				continue;
			fputc(',', out);
			number(out, json_array_get(json_object_iter_value(it), i));
		}
		fputs("\r\n", out);
	}
	return export_end(out);
}
