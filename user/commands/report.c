// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/output.h"
#include "report/report.h"

static const struct command_help help = {
	.usage = "toll report RESULT [--format text|json]",
	.text = "Prints a result.json again: as the report that the run printed, or as checked JSON. Needs no root. Exits with 0 "
		"when "
		"it could be printed, whatever the run's verdict, and with 2 when the file is no result.",
	.examples = "  toll report out/demo/result.json\n  toll report out/demo/result.json --format json | jq .toll.p99_ns\n",
};

int command_report(int argc, char **argv)
{
	const char *format = "text", *path = NULL;
	bool colour = true;
	const struct option rows[] = {
		{OPTION_STRING, "format", 'f', "FORMAT", "text (default) or json", &format},
		{OPTION_FLAG, "color", 0, NULL, "colours on a terminal (default; --no-color or NO_COLOR=1: none)", &colour},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	struct err err = {0};
	unsigned count = 0;
	bool json = false;
	json_t *doc = NULL;
	int ret = options_parse(rows, &help, argc, argv, &path, 1, &count, &err);

	if (ret > 0)
		return EXIT_CODE_OK;
	if (!ret && !count)
		ret = err_set(&err, -EINVAL, "toll report needs a result: toll report out/demo/result.json");
	if (!ret)
		ret = output_format(format, &json, &err);
	if (!ret)
		ret = report_read_json(path, &doc, &err);
	if (!ret)
		ret = output_print(doc, json, colour && output_has_colour(), &err);
	json_decref(doc);
	if (ret) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	return EXIT_CODE_OK;
}
