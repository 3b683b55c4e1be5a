/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Criteria: "METRIC OP VALUE", e.g. "chat.latency.p95 <= 1.5s", "success_rate >= 99.5%", "ttft.p95 < 5s",
 * "gateway.memory.growth < 20%", "a / b < 1.2". Values are looked up by metric name; a metric that exists but was not measured is
 * never met.
 */
#ifndef TOLL_SCENARIO_CRITERIA_H
#define TOLL_SCENARIO_CRITERIA_H

#include <stdbool.h>

#include "base/err.h"

enum criterion_op { CRITERION_LT, CRITERION_LE, CRITERION_GT, CRITERION_GE, CRITERION_EQ };
/* What a value is: decides how its limit is written and printed. All values are in base units: ns, fraction (1 = 100 %), bytes, 1/s, count. */
enum criterion_unit { CRITERION_NS, CRITERION_RATIO, CRITERION_BYTES, CRITERION_PER_S, CRITERION_COUNT };

struct criterion {
	char text[160];
	char metric[96];
	char divisor[96]; /* "": none */
	enum criterion_op op;
	enum criterion_unit unit;
	double limit;
};

/*
 * Limits: times with a unit (15s, 300us); ratios as 99.5% or as a fraction from 0 to 1 (0.995); bytes as 64MiB; rates as 20/s, 20 RPS,
 * 1000rpm; counts as plain numbers. "a / b" is a plain number too (1.2, 120%); a and b must be of the same unit.
 *
 * prefixes: what may stand before a metric: class names, "stage.NAME", "tenant.NAME.alone", "tenant.NAME", "upstream.LABEL", "peer.LABEL", the longer
 * of two first, NULL-terminated. With only class names every name of the others may; NULL: every name may.
 * Err names the metric or the unit, what was expected, and the nearest known name.
 */
int criterion_parse(const char *text, const char *const *prefixes, struct criterion *out, struct err *err);

/* A class of this name could not be told from a metric ("latency", "stage", "check", ...). */
bool criterion_name_taken(const char *name);

/* Looks a metric up: returns 0 and *value, or -ENODATA with *reason (static string) when it was not measured. */
typedef int (*criterion_lookup)(void *ctx, const char *metric, double *value, const char **reason);

enum criterion_verdict { CRITERION_MET = 0, CRITERION_MISSED = 1, CRITERION_NOT_MEASURED = 2 };
enum criterion_verdict criterion_judge(const struct criterion *c, criterion_lookup lookup, void *ctx, double *value,
				       const char **reason);

/* One line per metric or family of metrics ("latency.{min,mean,...}"): name, unit, meaning; used by `toll schema criteria`. Calls fn for each. */
void criterion_metrics(void (*fn)(void *ctx, const char *name, enum criterion_unit unit, const char *meaning), void *ctx);

#endif
