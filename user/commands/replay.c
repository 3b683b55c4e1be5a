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
#include "session/replay.h"

static const struct command_help help = {
	.usage = "toll replay CAPTURE [--out DIR] [--format FORMAT]",
	.text = "Runs everything after the probes on a capture: the same joins, phases, criteria and report, without root. A "
		"capture that was "
		"cut is read up to its last whole record, and the report says so. Exit codes are those of toll run: 0 criteria "
		"met, 1 "
		"missed or not measured, 2 no capture, 3 cut short.",
	.examples = "  toll replay out/demo/capture.toll\n  toll replay out/demo/capture.toll --out again --format json\n",
};

static int replay(const char *path, const char *out, const struct report_format *format, bool colour, int *code, struct err *err)
{
	json_t *doc;
	int ret = replay_capture(path, &doc, err);

	if (ret)
		return ret;
	*code = report_exit_code(doc);
	ret = output_print(doc, format, colour, err);
	if (!ret && out)
		ret = output_write(doc, out, err);
	json_decref(doc);
	return ret;
}

int command_replay(int argc, char **argv)
{
	const char *name = "text", *out = NULL, *path = NULL;
	const struct report_format *format;
	bool colour = true;
	const struct option rows[] = {
		{OPTION_STRING, "out", 'o', "DIR", "write result.json, report.txt and report.html there too", &out},
		{OPTION_STRING, "format", 'f', "FORMAT", "text (default), json or another that toll report --help lists", &name},
		{OPTION_FLAG, "color", 0, NULL, "colours on a terminal (default; --no-color or NO_COLOR=1: none)", &colour},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	int code = EXIT_CODE_CANNOT_RUN;
	struct err err = {0};
	unsigned count = 0;
	int ret = options_parse(rows, &help, argc, argv, &path, 1, &count, &err);

	if (ret > 0)
		return EXIT_CODE_OK;
	if (!ret && !count)
		ret = err_set(&err, -EINVAL, "toll replay needs a capture: toll replay out/demo/capture.toll");
	if (!ret)
		ret = report_format_find(name, &format, &err);
	if (!ret)
		ret = replay(path, out, format, colour && output_has_colour(), &code, &err);
	if (ret) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	return code;
}
