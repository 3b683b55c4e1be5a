/* SPDX-License-Identifier: GPL-2.0-only */
/* One JUnit file of several runs: a suite for each scenario, a case for each criterion. */
#ifndef TOLL_COMMANDS_RUN_JUNIT_H
#define TOLL_COMMANDS_RUN_JUNIT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* Zero-initialise. */
struct run_junit {
	struct buf suites;
	unsigned tests, failures, errors, skipped;
	double seconds;
	int failed; /* no memory */
};

/* doc: the scenario's result; NULL: there is none. */
void run_junit_add(struct run_junit *j, const char *name, int code, double seconds, const json_t *doc);
void run_junit_skipped(struct run_junit *j, const char *name, const char *why);
/* dir/junit.xml */
int run_junit_write(const struct run_junit *j, const char *dir, struct err *err);
void run_junit_fini(struct run_junit *j);

#endif
