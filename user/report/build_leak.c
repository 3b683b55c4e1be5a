// SPDX-License-Identifier: GPL-2.0-only
/* What the soak found: verdict, growth by gauge and by class, and how small a leak it could have seen. */
#include "report/build.h"

#include <math.h>
#include <stdio.h>

static const char *const reason_text[] = {
	[LEAK_TOO_SHORT] = "too_short",   [LEAK_TOO_NOISY] = "too_noisy",     [LEAK_FLAT] = "flat",
	[LEAK_LEVELS_OFF] = "levels_off", [LEAK_SLOWS_DOWN] = "slows_down",   [LEAK_GROWS_ON] = "grows_on",
	[LEAK_STEPPED] = "stepped",       [LEAK_NO_NEW_HIGH] = "no_new_high", [LEAK_NOT_MEASURED] = "not_measured",
};

/* By bits of enum record_runtime. */
static const char *const runtime_text[] = {"", "V8", "Go", "V8 and Go"};

const char *build_leak_reason(enum leak_reason reason)
{
	return reason_text[reason];
}

static void interval_put(struct build *b, json_t *object, const char *key, double low, double high)
{
	json_t *pair = build_array(b, object, key);

	build_append(b, pair, build_number(low));
	build_append(b, pair, build_number(high));
}

static void gauge_put(struct build *b, json_t *gauges, const struct leak_result *leak, enum leak_gauge gauge)
{
	const struct leak_judgement *j = &leak->gauge[gauge];

	if (!leak->runtimes && (gauge == LEAK_RUNTIME_HEAP || gauge == LEAK_NATIVE))
		return;
	json_t *row = build_object(b, gauges, leak_gauge_name(gauge));

	build_put(b, row, "title", json_string(leak_gauge_title(gauge)));
	build_put(b, row, "unit", json_string(leak_gauge_is_bytes(gauge) ? "bytes" : "count"));
	build_put(b, row, "judged", json_boolean(leak_gauge_is_judged(gauge)));
	if (leak_gauge_is_counter(gauge))
		build_put(b, row, "counter", json_true());
	build_put(b, row, "verdict", json_string(leak_verdict_name(j->verdict)));
	build_put(b, row, "reason", json_string(build_leak_reason(j->reason)));
	if (!j->per_second.points)
		return;
	build_put(b, row, "start", build_number(j->start_value));
	build_put(b, row, "end", build_number(j->end_value));
	build_put(b, row, "most", build_number(leak->most[gauge]));
	build_put(b, row, "judged_from_s", build_number(j->judged_from_s));
	build_put(b, row, "per_second", build_number(j->per_second.slope));
	interval_put(b, row, "per_second_interval", j->per_second.low, j->per_second.high);
	if (j->per_request.points) {
		build_put(b, row, "per_request", build_number(j->per_request.slope));
		interval_put(b, row, "per_request_interval", j->per_request.low, j->per_request.high);
		build_put(b, row, "smallest_visible_per_request", build_number(j->smallest_visible_per_request));
	}
	if (j->second_half.points)
		build_put(b, row, "persistence", build_number(j->persistence));
	if (j->needs_s > 0)
		build_put(b, row, "needs_s", build_number(j->needs_s));
}

static void class_put(struct build *b, json_t *classes, unsigned i)
{
	const struct leak_class *c = &b->in->leak->split[b->in->leak->worst].class_[i];
	json_t *row = build_object(b, classes, b->in->class_[i].name);

	if (!c->told) {
		build_put(b, row, "not_told",
			  json_string("its requests always came in one proportion with others', or were too few"));
		return;
	}
	build_put(b, row, "per_request", build_number(c->per_request));
	interval_put(b, row, "interval", c->low, c->high);
}

/* Which requests "per request" is about. */
static void build_driving(struct build *b, json_t *out, const struct leak_result *leak)
{
	json_t *names = build_array(b, out, "per_request_of");

	for (unsigned i = 0; i < leak->classes && i < b->in->classes; i++)
		if (leak->split[leak->worst].driving & 1u << i)
			build_append(b, names, json_string(b->in->class_[i].name));
}

static void limit_put(struct build *b, json_t *out, const struct leak_result *leak)
{
	if (leak->limit_bytes <= 0)
		return;
	build_put(b, out, "limit_bytes", build_number(leak->limit_bytes));
	if (leak->limit_in_s > 0) {
		build_put(b, out, "limit_in_s", build_number(leak->limit_in_s));
		build_put(b, out, "limit_in_at_least_s", build_number(leak->limit_in_low_s));
	}
}

void build_leak(struct build *b)
{
	const struct leak_result *leak = b->in->leak;

	if (!leak || !leak->samples) {
		build_absent(b, "", "leak",
			     leak ? "no gauge of the gateway was sampled" : "the run was no soak: `toll soak` judges leaks");
		return;
	}
	const struct leak_judgement *worst = &leak->gauge[leak->worst];
	json_t *out = build_object(b, b->doc, "leak");
	build_put(b, out, "verdict", json_string(leak_verdict_name(leak->verdict)));
	build_put(b, out, "gauge", json_string(leak_gauge_name(leak->worst)));
	build_put(b, out, "samples", build_u64(leak->samples));
	build_put(b, out, "duration_s", build_number(leak->duration_s));
	if (leak->runtimes)
		build_put(b, out, "runtime", json_string(runtime_text[leak->runtimes & 3]));
	build_put(b, out, "lives", build_u64(leak->lives));
	if (leak->lives > 1)
		interval_put(b, out, "judged_life_s", leak->life_from_s, leak->life_to_s);
	if (worst->per_request.points && leak_gauge_is_bytes(leak->worst)) {
		build_put(b, out, "bytes_per_request", build_number(worst->per_request.slope));
		interval_put(b, out, "interval", worst->per_request.low, worst->per_request.high);
		build_put(b, out, "smallest_visible_bytes_per_request", build_number(worst->smallest_visible_per_request));
	}
	json_t *gauges = build_object(b, out, "gauges");
	for (unsigned g = 0; g < LEAK_GAUGES; g++)
		gauge_put(b, gauges, leak, (enum leak_gauge)g);
	json_t *classes = build_object(b, out, "classes");
	for (unsigned i = 0; i < leak->classes && i < b->in->classes; i++)
		class_put(b, classes, i);
	const struct leak_class *idle = &leak->split[leak->worst].time;
	if (idle->told) {
		build_put(b, out, "idle_per_second", build_number(idle->per_request));
		interval_put(b, out, "idle_interval", idle->low, idle->high);
	}
	build_driving(b, out, leak);
	build_leak_parts(b, out);
	build_survivors(b, out);
	limit_put(b, out, leak);
}
