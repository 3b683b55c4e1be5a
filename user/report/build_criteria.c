// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

#include <stdlib.h>
#include <string.h>

#include "report/criteria_lookup.h"

static const char *const unit_names[] = {
	[CRITERION_NS] = "ns",       [CRITERION_RATIO] = "ratio", [CRITERION_BYTES] = "bytes",
	[CRITERION_PER_S] = "per_s", [CRITERION_COUNT] = "count",
};
static const char *const verdict_names[] = {
	[CRITERION_MET] = "met",
	[CRITERION_MISSED] = "missed",
	[CRITERION_NOT_MEASURED] = "not_measured",
};

struct lookup_context {
	const struct report_input *in;
};

static int lookup_plain(void *context, const char *metric, double *value, const char **reason)
{
	const struct lookup_context *c = context;
	struct criteria_value v;
	int r = criteria_lookup(c->in, metric, &v);

	*value = v.value;
	if (r)
		*reason = v.reason;
	return r;
}

static bool is_at_least(const struct report_input *in, const char *metric)
{
	struct criteria_value v;

	return *metric && !criteria_lookup(in, metric, &v) && v.at_least;
}

/* Does the verdict stand wherever the true value lies, given that it is value or more (sign 1), or value or less (-1)? */
static bool verdict_stands(const struct criterion *c, enum criterion_verdict verdict, double value, int sign)
{
	bool wants_small = c->op == CRITERION_LT || c->op == CRITERION_LE;

	if (c->op == CRITERION_EQ)
		return verdict == CRITERION_MISSED && (sign > 0 ? value > c->limit : value < c->limit);
	if (sign > 0)
		return verdict == (wants_small ? CRITERION_MISSED : CRITERION_MET);
	return verdict == (wants_small ? CRITERION_MET : CRITERION_MISSED);
}

struct judged {
	enum criterion_verdict verdict;
	double value;
	const char *reason;
	bool at_least, at_most;
};

static void judge(const struct report_input *in, const struct criterion *c, struct judged *out)
{
	struct lookup_context context = {.in = in};

	memset(out, 0, sizeof(*out));
	out->verdict = criterion_judge(c, lookup_plain, &context, &out->value, &out->reason);
	if (out->verdict == CRITERION_NOT_MEASURED)
		return;
	out->at_least = is_at_least(in, c->metric);
	out->at_most = is_at_least(in, c->divisor);
	bool stands = true;
	if (out->at_least && out->at_most)
		stands = false;
	else if (out->at_least || out->at_most)
		stands = verdict_stands(c, out->verdict, out->value, out->at_least ? 1 : -1);
	if (stands)
		return;
	out->verdict = CRITERION_NOT_MEASURED;
	out->reason = "requests without an end are in it, so the true value lies beyond the one measured";
}

static enum criterion_verdict criterion_build(struct build *b, json_t *row, const char *text, const char *const *names)
{
	struct criterion c;
	struct err err = {0};
	struct judged j;

	build_put(b, row, "text", report_text(text));
	if (criterion_parse(text, names, &c, &err)) {
		build_put(b, row, "verdict", json_string(verdict_names[CRITERION_NOT_MEASURED]));
		build_put(b, row, "met", json_false());
		build_put(b, row, "reason", report_text(err.text));
		return CRITERION_NOT_MEASURED;
	}
	judge(b->in, &c, &j);
	build_put(b, row, "unit", json_string(unit_names[c.unit]));
	build_put(b, row, "limit", build_number(c.limit));
	build_put(b, row, "met", json_boolean(j.verdict == CRITERION_MET));
	build_put(b, row, "verdict", json_string(verdict_names[j.verdict]));
	bool has_value = j.verdict != CRITERION_NOT_MEASURED || j.at_least || j.at_most;
	if (has_value)
		build_put(b, row, "value", build_number(j.value));
	if (j.at_least != j.at_most)
		build_put(b, row, "bound", json_string(j.at_least ? "at_least" : "at_most"));
	if (j.verdict == CRITERION_NOT_MEASURED)
		build_put(b, row, "reason", report_text(j.reason ? j.reason : "it was not measured"));
	return j.verdict;
}

void build_criteria(struct build *b)
{
	const struct report_input *in = b->in;
	const char *names[17] = {0};
	unsigned count[3] = {0};

	for (unsigned i = 0; i < in->classes && i < 16; i++)
		names[i] = in->class_[i].name;
	json_t *criteria = build_array(b, b->doc, "criteria");
	for (unsigned i = 0; i < in->criteria; i++) {
		build_append(b, criteria, json_object());
		count[criterion_build(b, json_array_get(criteria, i), in->criterion[i], names)]++;
	}
	const char *verdict = "met";
	if (in->invalid_because)
		verdict = "invalid";
	else if (count[CRITERION_MISSED])
		verdict = "missed";
	else if (count[CRITERION_NOT_MEASURED])
		verdict = "not_measured";
	else if (!in->criteria)
		verdict = "none";
	build_put(b, b->doc, "verdict", json_string(verdict));
}
