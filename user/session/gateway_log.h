/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the gateway writes of its own latency into its log (--gateway-log PATTERN): lines of the measured part, read after the load. They are
 * not joined with requests: a distribution stands beside the kernel's.
 */
#ifndef TOLL_SESSION_GATEWAY_LOG_H
#define TOLL_SESSION_GATEWAY_LOG_H

#include <limits.h>
#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "report/report.h"

struct gateway_log_config {
	const char *pattern; /* POSIX extended; its first group is a number, a second one its unit; NULL: nothing is read */
	const char *file; /* NULL: what a recipe's gateway prints */
	const char *unit; /* of numbers without one; NULL: ms */
};

struct gateway_log {
	struct gateway_log_config config;
	regex_t pattern;
	bool compiled, begun;
	char path[PATH_MAX];
	FILE *held; /* the one that stood there when the measured part began: read even if it is renamed; NULL: there was none */
	uint64_t from; /* its bytes then */
	struct report_log report;
};

/* Checks all of it before anything is started. 0 or -errno. */
int gateway_log_init(struct gateway_log *g, const struct gateway_log_config *config, struct err *err);
/* The measured part begins. own_path: what a recipe's gateway prints into; "": there is none. A second call does nothing. */
void gateway_log_begin(struct gateway_log *g, const char *own_path);
/* It has ended: what was written meanwhile is read into g->report. */
void gateway_log_end(struct gateway_log *g);
void gateway_log_fini(struct gateway_log *g);

#endif
