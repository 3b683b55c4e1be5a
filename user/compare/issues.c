// SPDX-License-Identifier: GPL-2.0-only
/* What makes two runs hard to compare, or impossible: what differs that is not the gateway. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "compare/compare.h"
#include "report/report.h"

#define COVERAGE_LEAST 0.99
#define RATE_APART 0.05
#define QUIET_RATIO 1.5

__attribute__((format(printf, 3, 4))) static void issue(struct comparison *c, bool refuses, const char *fmt, ...)
{
	va_list ap;

	/* refusals stand first */
	if (c->issues == COMPARE_ISSUES_MAX)
		return;
	if (refuses)
		memmove(c->issue[c->refusals + 1], c->issue[c->refusals], sizeof(c->issue[0]) * (c->issues - c->refusals));
	va_start(ap, fmt);
	vsnprintf(c->issue[refuses ? c->refusals : c->issues], sizeof(c->issue[0]), fmt, ap);
	va_end(ap);
	c->issues++;
	c->refusals += refuses;
}

static const json_t *at(const json_t *doc, const char *path)
{
	char key[64];

	while (doc && *path) {
		size_t n = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		doc = json_object_get(doc, key);
		path += n + (path[n] == '.');
	}
	return doc;
}

static const char *text_at(const json_t *doc, const char *path)
{
	const char *text = json_string_value(at(doc, path));

	return text ? text : "";
}

static const char *const side_name[2] = {"the base", "the new run"};

static void side_check(struct comparison *c, const json_t *doc, unsigned side)
{
	const char *who = side_name[side];
	double lost = 0;
	json_t *value;
	const char *key;

	if (at(doc, "invalid"))
		issue(c, true, "%s is INVALID: %.150s", who, text_at(doc, "invalid"));
	if (json_is_true(at(doc, "trust.untrusted")))
		issue(c, true, "%s is UNTRUSTED: its marks and its ends' own clocks disagree", who);
	if (!json_is_true(at(doc, "complete")))
		issue(c, false, "%s was cut short: %.150s", who, text_at(doc, "cut_short_because"));
	if (at(doc, "trust.coverage") && json_number_value(at(doc, "trust.coverage")) < COVERAGE_LEAST)
		issue(c, false, "%s: only %.1f %% of its answered requests have a whole timeline", who,
		      100 * json_number_value(at(doc, "trust.coverage")));
	json_object_foreach ((json_t *)at(doc, "trust.lost"), key, value) {
		lost += json_number_value(value);
	}
	if (lost > 0)
		issue(c, false, "%s lost %.0f records", who, lost);
	if (!at(doc, "toll"))
		issue(c, false, "%s has no figures from inside the gateway", who);
}

static void text_check(struct comparison *c, const json_t *const doc[2], bool refuses, const char *path, const char *what)
{
	const char *a = text_at(doc[0], path), *b = text_at(doc[1], path);

	if (strcmp(a, b))
		issue(c, refuses, "another %s: %.80s, then %.80s", what, *a ? a : "none", *b ? b : "none");
}

static void value_check(struct comparison *c, const json_t *const doc[2], bool refuses, const char *path, const char *what)
{
	const json_t *a = at(doc[0], path), *b = at(doc[1], path);

	/* json_equal() of two absent values is false */
	if ((a || b) && !json_equal((json_t *)a, (json_t *)b))
		issue(c, refuses, "%s differ", what);
}

/* What the schedule offered, not what the gateway managed. */
static void load_check(struct comparison *c, const json_t *const doc[2])
{
	double rate[2], seconds[2];

	for (unsigned side = 0; side < 2; side++) {
		double due = json_number_value(at(doc[side], "driver.due"));

		seconds[side] = json_number_value(at(doc[side], "duration_s"));
		rate[side] = seconds[side] > 0 ? due / seconds[side] : 0;
	}
	if (json_is_true(at(doc[0], "driver.open_loop")) != json_is_true(at(doc[1], "driver.open_loop")))
		issue(c, true, "one load is an open loop, the other is closed");
	else if (json_is_true(at(doc[0], "driver.open_loop")) && rate[0] > 0 && rate[1] > 0 &&
		 fabs(log(rate[1] / rate[0])) > RATE_APART + 3 * sqrt(1 / (rate[0] * seconds[0]) + 1 / (rate[1] * seconds[1])))
		issue(c, true, "another load: %.3g requests/s were due, then %.3g", rate[0], rate[1]);
	if (fmax(seconds[0], seconds[1]) > 2 * fmin(seconds[0], seconds[1]))
		issue(c, false, "one run is more than twice as long as the other: %.3g s and %.3g s", seconds[0], seconds[1]);
	if (!report_same_keys(at(doc[0], "classes"), at(doc[1], "classes")))
		issue(c, true, "their requests are of other classes");
}

/* The driver's lag is not the gateway's: where it differs much, so does the machine. */
static void quiet_check(struct comparison *c)
{
	const double *a = c->control[0].ns, *b = c->control[1].ns;
	char lag[2][32];

	if (!c->control[0].known || !c->control[1].known || fmax(a[0], b[0]) < QUIET_RATIO * fmin(a[0], b[0]))
		return;
	units_format_ns(lag[0], sizeof(lag[0]), (uint64_t)llround(a[0]));
	units_format_ns(lag[1], sizeof(lag[1]), (uint64_t)llround(b[0]));
	issue(c, false, "the machine was not equally quiet: the driver, which is not the gateway, lagged %s a request, then %s",
	      lag[0], lag[1]);
}

void compare_issues(const json_t *base, const json_t *new_, struct comparison *c)
{
	const json_t *const doc[2] = {base, new_};

	for (unsigned side = 0; side < 2; side++)
		side_check(c, doc[side], side);
	quiet_check(c);
	text_check(c, doc, true, "scenario", "scenario");
	load_check(c, doc);
	value_check(c, doc, true, "configuration.provider.service_time", "the embedded provider's service times");
	value_check(c, doc, false, "configuration.http2", "HTTP/2 settings");
	value_check(c, doc, false, "configuration.tag", "tagging");
	value_check(c, doc, false, "configuration.traceparent", "trace headers");
	value_check(c, doc, false, "configuration.driver_threads", "the driver's threads");
	text_check(c, doc, false, "machine.hostname", "machine");
	text_check(c, doc, false, "machine.cpu", "processor");
	value_check(c, doc, false, "machine.cores", "the numbers of cores");
	text_check(c, doc, false, "machine.kernel", "kernel");
	text_check(c, doc, false, "trust.paths", "set of probes");
}
