/* SPDX-License-Identifier: GPL-2.0-only */
/* The value of a criterion's metric in a run: "latency.p95", "chat.toll.p99", "stage.hold-50.success_rate", "gateway.cpu.mean". */
#ifndef TOLL_REPORT_CRITERIA_LOOKUP_H
#define TOLL_REPORT_CRITERIA_LOOKUP_H

#include "report/report.h"

struct criteria_value {
	double value; /* base units, as scenario/criteria.h says */
	bool at_least; /* the true value is this or more: requests without an end are in it */
	const char *reason; /* -ENODATA: why there is none (static) */
};

/* 0, or -ENODATA with the reason: not measured in this run, or no such metric. */
int criteria_lookup(const struct report_input *in, const char *metric, struct criteria_value *out);

#endif
