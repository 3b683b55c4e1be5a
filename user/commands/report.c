// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/output.h"
#include "report/merge.h"
#include "report/report.h"

static const struct command_help help = {
	.usage = "toll report RESULT [--format FORMAT] [--out FILE] [--redact]",
	.text = "Prints a result.json again: as the report that the run printed, or in another form. Needs no root. Exits with 0 "
		"when it "
		"could be printed, whatever the run's verdict, and with 2 when the file is no result.",
	.examples = "  toll report out/demo/result.json\n"
		    "  toll report out/demo/result.json --format html --out report.html\n"
		    "  toll report out/demo/result.json --format junit --out junit.xml\n"
		    "  toll report out/demo/result.json --format prometheus --out /var/lib/prometheus/node-exporter/toll.prom\n"
		    "  toll report out/demo/result.json --format json | jq .toll.p99_ns\n",
};

/* The formats and what they are, behind the options. */
static void formats_print(FILE *out)
{
	fprintf(out, "formats:\n");
	for (const struct report_format *f = report_formats; f->name; f++)
		fprintf(out, "  %-12s %s\n", f->name, f->what);
}

struct report_arguments {
	const char *path, *out;
	const struct report_format *format;
	bool colour, redact;
};

static int report(const struct report_arguments *a, struct err *err)
{
	json_t *doc;
	int ret = report_read_json(a->path, &doc, err);

	if (ret)
		return ret;
	if (a->redact && report_redact(doc))
		ret = err_set(err, -ENOMEM, "%s: no memory", a->path);
	if (!ret)
		ret = a->out ? report_format_write(a->format, doc, a->out, err) : output_print(doc, a->format, a->colour, err);
	json_decref(doc);
	return ret;
}

int command_report(int argc, char **argv)
{
	struct report_arguments a = {.colour = true};
	const char *name = "text";
	const struct option rows[] = {
		{OPTION_STRING, "format", 'f', "FORMAT", "one of the formats below (default text)", &name},
		{OPTION_STRING, "out", 'o', "FILE", "write to this file instead", &a.out},
		{OPTION_FLAG, "color", 0, NULL, "colours on a terminal (default; --no-color or NO_COLOR=1: none)", &a.colour},
		{OPTION_FLAG, "redact", 0, NULL, "without hosts, addresses, users and paths, as toll redact does", &a.redact},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	struct err err = {0};
	unsigned count = 0;
	int ret = options_parse(rows, &help, argc, argv, &a.path, 1, &count, &err);

	if (ret > 0) {
		formats_print(stdout);
		return EXIT_CODE_OK;
	}
	if (!ret && !count)
		ret = err_set(&err, -EINVAL, "toll report needs a result: toll report out/demo/result.json");
	a.colour = a.colour && output_has_colour();
	if (!ret)
		ret = report_format_find(name, &a.format, &err);
	if (!ret)
		ret = report(&a, &err);
	if (ret) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	return EXIT_CODE_OK;
}
