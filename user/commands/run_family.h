/* SPDX-License-Identifier: GPL-2.0-only */
/* Several scenarios in one go: each in a process of its own, a table on the screen, one JUnit file, the worst exit code. */
#ifndef TOLL_COMMANDS_RUN_FAMILY_H
#define TOLL_COMMANDS_RUN_FAMILY_H

#include <stdbool.h>

#include "base/err.h"

struct run_family {
	const char *const *source; /* names, files, families ("service/") */
	unsigned sources;
	bool all; /* every built-in scenario instead */
	bool skip_passed; /* those whose result in out_dir is whole and met are not run again */
	const char *out_dir; /* a scenario's results go to OUT/NAME */
	/* Runs one scenario with its results in out_dir; called in a child process. Returns an exit code. */
	int (*run)(void *ctx, const char *source, const char *out_dir);
	void *ctx;
};

/* Is it more than one scenario? */
bool run_family_wanted(const char *const *source, unsigned sources, bool all);
/* An exit code; err: nothing was run. */
int run_family(const struct run_family *family, struct err *err);

#endif
