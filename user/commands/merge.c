// SPDX-License-Identifier: GPL-2.0-only
#include "report/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/output.h"
#include "report/report.h"

static const struct command_help merge_help = {
	.usage = "toll merge RESULT RESULT... [-o FILE] [--format FORMAT]",
	.text = "Joins the results of several drivers or hosts that ran one scenario: counts add up and histograms are joined "
		"exactly, so every "
		"percentile is that of all requests together; criteria are judged again. What cannot be joined exactly is left "
		"out, each with its reason under "
		"not_measured. Clocks need not agree. Exit codes are "
		"those of toll "
		"run; 2 when the results cannot be joined.",
	.examples = "  toll merge a/result.json b/result.json -o all.json\n"
		    "  toll merge morning.json evening.json --one-after-another --format text\n",
};

static const struct command_help redact_help = {
	.usage = "toll redact RESULT [-o FILE]",
	.text = "Writes the result without what tells who and where: host names, addresses, URLs and the users in them, paths, "
		"process numbers. "
		"The figures stay.",
	.examples = "  toll redact out/run/result.json -o share.json\n",
};

struct merge_arguments {
	const char *out, *format, *path[MERGE_DOCUMENTS_MAX];
	bool colour;
	const struct report_format *form;
	struct merge_options options;
};

static int merge(const struct merge_arguments *a, unsigned n, int *code, struct err *err)
{
	json_t **doc = calloc(n, sizeof(json_t *)), *joined = NULL;
	int rc = doc ? 0 : err_set(err, -ENOMEM, "no memory to join the results");

	for (unsigned i = 0; i < n && !rc; i++)
		rc = report_read_json(a->path[i], &doc[i], err);
	if (!rc)
		rc = report_merge((const json_t *const *)doc, a->path, n, &a->options, &joined, err);
	if (!rc && a->out)
		rc = report_write_json(joined, a->out, err);
	if (!rc)
		rc = output_print(joined, a->form, a->colour && output_has_colour(), err);
	if (!rc)
		*code = report_exit_code(joined);
	for (unsigned i = 0; doc && i < n; i++)
		json_decref(doc[i]);
	free(doc);
	json_decref(joined);
	return rc;
}

int command_merge(int argc, char **argv)
{
	struct merge_arguments a = {.format = "text", .colour = true};
	const struct option rows[] = {
		{OPTION_STRING, "out", 'o', "FILE", "write the joined result there", &a.out},
		{OPTION_FLAG, "one-after-another", 0, NULL, "the runs followed each other (default: they were at the same time)",
		 &a.options.one_after_another},
		{OPTION_STRING, "format", 'f', "FORMAT", "on the screen: text (default), json, and the others of toll report",
		 &a.format},
		{OPTION_FLAG, "color", 0, NULL, "colours on a terminal (default; --no-color or NO_COLOR=1: none)", &a.colour},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	int code = EXIT_CODE_CANNOT_RUN;
	struct err err = {0};
	unsigned n = 0;
	int rc = options_parse(rows, &merge_help, argc, argv, a.path, MERGE_DOCUMENTS_MAX, &n, &err);

	if (rc > 0)
		return EXIT_CODE_OK;
	if (!rc && n < 2)
		rc = err_set(&err, -EINVAL,
			     "toll merge needs two results or more: toll merge a/result.json b/result.json -o all.json");
	if (!rc)
		rc = report_format_find(a.format, &a.form, &err);
	if (!rc)
		rc = merge(&a, n, &code, &err);
	if (rc) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	return code;
}

static int json_print(const json_t *doc, struct err *err)
{
	int rc = report_print_json(doc, stdout);

	return rc && rc != -EPIPE ? err_set(err, rc, "print the result: %s", strerror(-rc)) : 0;
}

int command_redact(int argc, char **argv)
{
	const char *path = NULL, *out = NULL;
	const struct option rows[] = {
		{OPTION_STRING, "out", 'o', "FILE", "write it there (default: standard output)", &out},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	struct err err = {0};
	json_t *doc = NULL;
	unsigned n = 0;
	int rc = options_parse(rows, &redact_help, argc, argv, &path, 1, &n, &err);

	if (rc > 0)
		return EXIT_CODE_OK;
	if (!rc && !n)
		rc = err_set(&err, -EINVAL, "toll redact needs a result: toll redact out/run/result.json -o share.json");
	if (!rc)
		rc = report_read_json(path, &doc, &err);
	if (!rc && report_redact(doc))
		rc = err_set(&err, -ENOMEM, "%s: no memory", path);
	if (!rc)
		rc = out ? report_write_json(doc, out, &err) : json_print(doc, &err);
	json_decref(doc);
	if (rc) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	return EXIT_CODE_OK;
}
