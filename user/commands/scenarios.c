// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "scenario/plan_print.h"

static const struct command_help help = {
	.usage = "toll scenarios [SCENARIO]",
	.text = "Lists the built-in scenarios: name, how long each takes, and the question it answers. With a scenario (a name "
		"or "
		"a file), "
		"prints what it would do, class by class and stage by stage.",
	.examples = "  toll scenarios\n  toll scenarios gateway/smoke\n  toll scenarios --quick gateway/smoke\n",
};

static int print_row(void *ctx, const struct plan *plan)
{
	bool *headed = ctx;
	char length[64];

	if (!*headed)
		printf("%-28s %-16s %s\n", "NAME", "TAKES", "ANSWERS");
	*headed = true;
	printf("%-28s %-16s %s\n", plan->name, plan_length_text(plan, length, sizeof(length)), plan->answers);
	return 0;
}

static int print_all(struct err *err)
{
	bool headed = false;

	return plan_list(print_row, &headed, err);
}

static int print_one(const char *source, bool quick, struct err *err)
{
	const struct plan_overrides over = {.quick = quick};
	struct plan *plan;
	int ret = plan_load(source, &over, &plan, err);

	if (ret)
		return ret;
	ret = plan_print(plan, stdout);
	plan_free(plan);
	return ret;
}

int command_scenarios(int argc, char **argv)
{
	bool quick = false;
	const struct option rows[] = {
		{OPTION_FLAG, "quick", 0, NULL, "as with toll run --quick: the scenario's short form", &quick},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	const char *source = NULL;
	struct err err = {0};
	unsigned count = 0;
	int ret = options_parse(rows, &help, argc, argv, &source, 1, &count, &err);

	if (ret > 0)
		return EXIT_CODE_OK;
	if (ret == 0)
		ret = count ? print_one(source, quick, &err) : print_all(&err);
	if (ret) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	return EXIT_CODE_OK;
}
