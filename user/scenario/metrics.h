/* SPDX-License-Identifier: GPL-2.0-only */
/* The metrics that criteria speak of, as rows. Inside scenario/ only. */
#ifndef TOLL_SCENARIO_METRICS_H
#define TOLL_SCENARIO_METRICS_H

#include "scenario/criteria.h"

enum metric_form {
	METRIC_PLAIN, /* "success_rate" */
	METRIC_STATS, /* "latency" + ".p95": a distribution */
	METRIC_NAMED, /* "check" + ".NAME" */
};

struct metric {
	const char *name; /* NULL ends the table */
	enum criterion_unit unit;
	enum metric_form form;
	bool whole_run; /* takes no class or stage before it */
	const char *meaning;
};

extern const struct metric metric_rows[];
extern const char *const metric_stats[]; /* "min", ...; NULL-terminated */
#define METRIC_STATS_TEXT "min, mean, p50, p90, p95, p99, p999, max"

/* The row of a metric without prefix ("latency.p95", "check.ok"); NULL: none. */
const struct metric *metric_find(const char *name);
/* The same behind "upstream.LABEL.": "breaker.opened". */
const struct metric *metric_find_upstream(const char *name);
/* Behind "peer.LABEL.": "open.max". */
const struct metric *metric_find_peer(const char *name);

#endif
