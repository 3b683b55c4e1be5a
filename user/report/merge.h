/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Several results of one scenario as one: load that one driver could not make, gateways on many hosts. Histograms and counts are joined exactly;
 * every figure made from them is made again; what cannot be joined (medians of medians, one run's time series) is left out and named in
 * not_measured. Clocks need not agree: blocks of time are joined by their place in the run.
 */
#ifndef TOLL_REPORT_MERGE_H
#define TOLL_REPORT_MERGE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

#define MERGE_DOCUMENTS_MAX 256u

struct merge_options {
	bool one_after_another; /* the runs followed each other: durations add up; else they were at the same time */
};

/* name: what each document is called in messages. The result carries "hosts". -EINVAL: they are not of one scenario. */
int report_merge(const json_t *const *doc, const char *const *name, unsigned docs, const struct merge_options *options,
		 json_t **out, struct err *err);

/* Strips what tells who and where: hosts, addresses, users in URLs, paths, process numbers, prompts. The figures stay. */
int report_redact(json_t *doc);

#endif
