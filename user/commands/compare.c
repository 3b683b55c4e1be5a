// SPDX-License-Identifier: GPL-2.0-only
#include "compare/compare.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/output.h"
#include "report/report.h"

static const struct command_help help = {
	.usage = "toll compare BASE NEW [--gate 'METRIC CHANGE']... [--format text|json]",
	.text = "Says what changed between two results of the same scenario: for each figure the change with its interval, "
		"whether it is "
		"slower, faster, no different or cannot be told, and in which phase inside the gateway the change lies. The "
		"intervals are "
		"drawn from blocks of time and hold for all figures together. A gate says what a metric may change by ('toll.p99 "
		"+10%', "
		"'toll.mean +50us', 'throughput -5%'). Exit codes: 0 no gate failed, 1 a gate failed, 2 the runs cannot be "
		"compared or a gate "
		"cannot be told.",
	.examples = "  toll compare main/result.json branch/result.json\n"
		    "  toll compare main/result.json branch/result.json --gate 'toll.p50 +5%' --gate 'toll.p99 +10%'\n"
		    "  toll compare main/result.json branch/result.json --format json | jq .verdict\n",
};

struct compare_arguments {
	const char *path[2], *format, *tolerance, *run_noise;
	struct option_list gate;
	uint64_t resamples;
	bool colour, anyway, json;
	struct compare_options options;
};

static int share_parse(const char *name, const char *text, double *out, struct err *err)
{
	char *end;
	double percent = text ? strtod(text, &end) : 0;

	if (!text)
		return 0;
	if (end == text || strcmp(end, "%") || !isfinite(percent) || percent < 0 || percent > 100)
		return err_set(err, -EINVAL, "--%s %.40s: expected a share such as 10%%", name, text);
	*out = percent / 100;
	return 0;
}

static int arguments_finish(struct compare_arguments *a, unsigned paths, struct err *err)
{
	struct gate gate;
	int rc = 0;

	if (paths != 2)
		rc = err_set(err, -EINVAL, "toll compare needs two results: toll compare base/result.json new/result.json");
	if (!rc && (a->resamples < 100 || a->resamples > 100000))
		rc = err_set(err, -EINVAL, "--resamples: from 100 to 100000 were expected");
	if (!rc)
		rc = share_parse("tolerance", a->tolerance, &a->options.tolerance, err);
	if (!rc && a->options.tolerance <= 0)
		rc = err_set(err, -EINVAL, "--tolerance: more than 0%% was expected");
	if (!rc)
		rc = share_parse("run-noise", a->run_noise, &a->options.run_noise, err);
	for (unsigned i = 0; i < a->gate.count && !rc; i++)
		rc = gate_parse(a->gate.value[i], &gate, err);
	a->json = !strcmp(a->format, "json");
	if (!rc && !a->json && strcmp(a->format, "text"))
		rc = err_set(err, -EINVAL, "--format %.40s: expected text or json", a->format);
	a->options.resamples = (unsigned)a->resamples;
	a->options.anyway = a->anyway;
	a->options.gate = a->gate.value;
	a->options.gates = a->gate.count;
	return rc;
}

static int print(const struct comparison *c, const struct compare_arguments *a, struct err *err)
{
	json_t *doc;
	int rc;

	if (a->json) {
		doc = compare_to_json(c);
		rc = report_print_json(doc, stdout);
		json_decref(doc);
	} else {
		rc = compare_print_text(c, stdout, a->colour && output_has_colour());
	}
	return rc && rc != -EPIPE ? err_set(err, rc, "print the comparison: %s", strerror(-rc)) : 0;
}

static int compare(const struct compare_arguments *a, int *code, struct err *err)
{
	struct comparison *c = calloc(1, sizeof(*c));
	json_t *doc[2] = {NULL, NULL};
	int rc = c ? 0 : err_set(err, -ENOMEM, "no memory to compare");

	for (unsigned side = 0; side < 2 && !rc; side++)
		rc = report_read_json(a->path[side], &doc[side], err);
	if (!rc)
		rc = compare_documents(doc[0], doc[1], &a->options, c, err);
	if (!rc)
		rc = print(c, a, err);
	if (!rc)
		*code = compare_exit_code(c);
	if (c)
		compare_fini(c);
	free(c);
	json_decref(doc[0]);
	json_decref(doc[1]);
	return rc;
}

int command_compare(int argc, char **argv)
{
	struct compare_arguments a = {.format = "text", .colour = true, .options = COMPARE_OPTIONS_DEFAULT};
	const struct option rows[] = {
		{OPTION_LIST, "gate", 'g', "TEXT", "what a metric may change by: 'toll.p99 +10%'", &a.gate},
		{OPTION_STRING, "tolerance", 0, "SHARE", "\"no difference\": the interval lies within it (default 10%)",
		 &a.tolerance},
		{OPTION_STRING, "run-noise", 0, "SHARE", "what two equal runs differ by, as a standard deviation (default 1%)",
		 &a.run_noise},
		{OPTION_U64, "resamples", 0, "N", "draws of the bootstrap (default 2000)", &a.resamples},
		{OPTION_U64, "seed", 0, "N", "seed of the draws (default 1)", &a.options.seed},
		{OPTION_FLAG, "anyway", 0, NULL, "compare runs that are not alike", &a.anyway},
		{OPTION_STRING, "format", 'f', "FORMAT", "text (default) or json", &a.format},
		{OPTION_FLAG, "color", 0, NULL, "colours on a terminal (default; --no-color or NO_COLOR=1: none)", &a.colour},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	int code = EXIT_CODE_CANNOT_RUN;
	struct err err = {0};
	unsigned paths = 0;
	a.resamples = a.options.resamples;
	int rc = options_parse(rows, &help, argc, argv, a.path, 2, &paths, &err);

	if (rc > 0)
		return EXIT_CODE_OK;
	if (!rc)
		rc = arguments_finish(&a, paths, &err);
	if (!rc)
		rc = compare(&a, &code, &err);
	if (rc) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	return code;
}
