// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "compare/compare.h"
#include "report/report.h"
#include "scenario/criteria.h"

static const struct command_help help = {
	.usage = "toll schema [criteria|compare]",
	.text = "Prints the JSON Schema (draft 2020-12) of result.json. With \"criteria\": the metrics that criteria may name, "
		"with their "
		"units; with \"compare\": the schema of toll compare --format json. A metric may have a class (chat.latency.p95) "
		"or a stage (stage.hold.success_rate) before it.",
	.examples = "  toll schema >result.schema.json\n  toll schema criteria\n",
};

static void metric_print(void *ctx, const char *name, enum criterion_unit unit, const char *meaning)
{
	static const char *const units[] = {
		[CRITERION_NS] = "time",    [CRITERION_RATIO] = "ratio", [CRITERION_BYTES] = "bytes",
		[CRITERION_PER_S] = "rate", [CRITERION_COUNT] = "count",
	};

	(void)ctx;
	/* a family of figures has a long name: what it means goes below */
	if (strlen(name) <= 30)
		printf("%-30s %-6s %s\n", name, units[unit], meaning);
	else
		printf("%s\n%-30s %-6s %s\n", name, "", units[unit], meaning);
}

int command_schema(int argc, char **argv)
{
	const struct option rows[] = {{OPTION_END, NULL, 0, NULL, NULL, NULL}};
	const char *what = NULL;
	struct err err = {0};
	unsigned count = 0;
	int ret = options_parse(rows, &help, argc, argv, &what, 1, &count, &err);

	if (ret > 0)
		return EXIT_CODE_OK;
	if (!ret && count && strcmp(what, "criteria") && strcmp(what, "compare"))
		ret = err_set(&err, -EINVAL, "toll schema %.40s: expected nothing, criteria or compare", what);
	if (ret) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (count && !strcmp(what, "criteria"))
		criterion_metrics(metric_print, NULL);
	else
		fputs(count ? compare_schema() : report_schema(), stdout);
	return fflush(stdout) ? EXIT_CODE_CANNOT_RUN : EXIT_CODE_OK;
}
