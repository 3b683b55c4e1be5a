// SPDX-License-Identifier: GPL-2.0-only
#include "commands/run_junit.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Text inside an attribute. What XML 1.0 cannot hold at all becomes '?'. */
static int put_text(struct buf *b, const char *text)
{
	int r = 0;

	for (; text && *text && !r; text++) {
		unsigned char c = (unsigned char)*text;

		switch (c) {
		case '&':
			r = buf_append(b, "&amp;", 5);
			break;
		case '<':
			r = buf_append(b, "&lt;", 4);
			break;
		case '>':
			r = buf_append(b, "&gt;", 4);
			break;
		case '"':
			r = buf_append(b, "&quot;", 6);
			break;
		default:
			r = buf_append(b, c < 0x20 ? "?" : text, 1);
		}
	}
	return r;
}

static int put_attribute(struct buf *b, const char *name, const char *text)
{
	int r = buf_printf(b, " %s=\"", name);

	if (!r)
		r = put_text(b, text);
	return r ? r : buf_append(b, "\"", 1);
}

/* "error" or "failure" inside a case. */
static int put_problem(struct buf *b, const char *kind, const char *message)
{
	int r = buf_printf(b, "><%s", kind);

	if (!r)
		r = put_attribute(b, "message", message);
	return r ? r : buf_printf(b, "/></testcase>\n");
}

static int put_case(struct run_junit *j, struct buf *b, const char *suite, const json_t *row)
{
	const char *verdict = json_string_value(json_object_get(row, "verdict"));
	const char *reason = json_string_value(json_object_get(row, "reason"));
	char message[480];
	int r = buf_printf(b, "    <testcase");

	if (!r)
		r = put_attribute(b, "classname", suite);
	if (!r)
		r = put_attribute(b, "name", json_string_value(json_object_get(row, "text")));
	j->tests++;
	if (r || json_is_true(json_object_get(row, "met")))
		return r ? r : buf_printf(b, "/>\n");
	j->failures++;
	snprintf(message, sizeof(message), "%s: measured %.6g %s%s%s", verdict ? verdict : "missed",
		 json_number_value(json_object_get(row, "value")), json_string_value(json_object_get(row, "unit")),
		 reason ? ", " : "", reason ? reason : "");
	if (!json_is_number(json_object_get(row, "value")))
		snprintf(message, sizeof(message), "%s: %s", verdict ? verdict : "missed", reason ? reason : "not measured");
	return put_problem(b, "failure", message);
}

static int put_run_case(struct run_junit *j, struct buf *b, const char *suite, const char *problem)
{
	int r = buf_printf(b, "    <testcase");

	if (!r)
		r = put_attribute(b, "classname", suite);
	if (!r)
		r = put_attribute(b, "name", "the run is whole");
	j->tests++;
	j->errors += problem != NULL;
	if (r)
		return r;
	return problem ? put_problem(b, "error", problem) : buf_printf(b, "/>\n");
}

static int put_suite(struct run_junit *j, const char *name, double seconds, const json_t *doc, const char *problem)
{
	const json_t *criteria = json_object_get(doc, "criteria");
	struct buf *b = &j->suites;
	int r = buf_printf(b, "  <testsuite");

	if (!r)
		r = put_attribute(b, "name", name);
	if (!r)
		r = buf_printf(b, " time=\"%.3f\" tests=\"%zu\">\n", seconds, json_array_size(criteria) + 1);
	if (!r)
		r = put_run_case(j, b, name, problem);
	for (size_t i = 0; i < json_array_size(criteria) && !r; i++)
		r = put_case(j, b, name, json_array_get(criteria, i));
	return r ? r : buf_printf(b, "  </testsuite>\n");
}

void run_junit_add(struct run_junit *j, const char *name, int code, double seconds, const json_t *doc)
{
	const char *problem = NULL, *why = json_string_value(json_object_get(doc, "cut_short_because"));

	if (!doc)
		problem = code == EXIT_CODE_CANNOT_RUN ? "it could not run: its messages tell why" : "it wrote no result";
	else if (why)
		problem = why;
	j->seconds += seconds;
	j->failed = j->failed ? j->failed : put_suite(j, name, seconds, doc, problem);
}

void run_junit_skipped(struct run_junit *j, const char *name, const char *why)
{
	struct buf *b = &j->suites;
	int r = buf_printf(b, "  <testsuite");

	if (!r)
		r = put_attribute(b, "name", name);
	if (!r)
		r = buf_printf(b, " tests=\"1\" skipped=\"1\">\n    <testcase");
	if (!r)
		r = put_attribute(b, "classname", name);
	if (!r)
		r = buf_printf(b, " name=\"the run is whole\"");
	if (!r)
		r = put_problem(b, "skipped", why);
	if (!r)
		r = buf_printf(b, "  </testsuite>\n");
	j->tests++;
	j->skipped++;
	j->failed = j->failed ? j->failed : r;
}

static int file_write(const struct run_junit *j, FILE *f)
{
	fprintf(f,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"toll\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\">\n",
		j->tests, j->failures, j->errors, j->skipped, j->seconds);
	if (j->suites.used)
		fwrite(j->suites.data, 1, j->suites.used, f);
	fprintf(f, "</testsuites>\n");
	return ferror(f) ? -EIO : 0;
}

int run_junit_write(const struct run_junit *j, const char *dir, struct err *err)
{
	char path[PATH_MAX];
	FILE *f;
	int r = j->failed;

	if (r)
		return err_set(err, r, "no memory for the JUnit file");
	snprintf(path, sizeof(path), "%.4000s/junit.xml", dir);
	f = fopen(path, "we");
	r = f ? file_write(j, f) : -errno;
	if (f && fclose(f) && !r)
		r = -errno;
	return r ? err_set(err, r, "cannot write %s: %s; choose another directory with --out", path, strerror(-r)) : 0;
}

void run_junit_fini(struct run_junit *j)
{
	buf_fini(&j->suites);
}
