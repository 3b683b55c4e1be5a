/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/criteria.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/units.h"
#include "scenario/metrics.h"

#define METRIC_MAX sizeof(((struct criterion *)0)->metric)
#define VALUE_MAX 40

/* --- metrics -------------------------------------------------------------------------------------------------------------- */

/* Keeps its own copy of the best name: candidates are built on the fly. */
struct suggestion {
	struct nearest nearest;
	char best[METRIC_MAX];
};

static void suggestion_offer(struct suggestion *s, const char *name)
{
	const char *before = s->nearest.name;

	nearest_offer(&s->nearest, name);
	if (s->nearest.name != before && s->nearest.name == name)
		snprintf(s->best, sizeof(s->best), "%s", name);
	if (s->nearest.name)
		s->nearest.name = s->best;
}

static void suggest_metric(struct suggestion *s, const char *wanted)
{
	s->nearest = (struct nearest){.word = wanted};
	s->best[0] = '\0';
	for (const struct metric *m = metric_rows; m->name; m++) {
		char name[METRIC_MAX];

		if (m->form != METRIC_STATS) {
			suggestion_offer(s, m->name);
			continue;
		}
		for (const char *const *stat = metric_stats; *stat; stat++) {
			snprintf(name, sizeof(name), "%s.%s", m->name, *stat);
			suggestion_offer(s, name);
		}
	}
}

/* Prefixes of two words: "stage.NAME". */
static bool has_name(const char *name)
{
	static const char *const kinds[] = {"stage.", "tenant.", "upstream.", "peer."};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
			return true;
	return false;
}

/* Length of any prefix with its dot; 0: none. */
static size_t any_prefix(const char *name)
{
	const char *dot = strchr(name, '.');

	if (dot && has_name(name))
		dot = strchr(dot + 1, '.');
	if (dot && strncmp(name, "tenant.", 7) == 0 && strncmp(dot, ".alone.", 7) == 0)
		dot += 6;
	return dot ? (size_t)(dot + 1 - name) : 0;
}

/* Length of the prefix with its dot, if it is one of prefixes; 0: none. */
static size_t known_prefix(const char *name, const char *const *prefixes)
{
	bool named = false;

	for (const char *const *p = prefixes; p && *p; p++) {
		size_t n = strlen(*p);

		if (strncmp(name, *p, n) == 0 && name[n] == '.')
			return n + 1;
		named = named || has_name(*p);
	}
	return !prefixes || (!named && has_name(name)) ? any_prefix(name) : 0;
}

static void unknown_prefix(const char *name, size_t prefix, const char *const *prefixes, struct err *err)
{
	char wanted[METRIC_MAX];
	struct nearest nearest = {.word = wanted};

	snprintf(wanted, sizeof(wanted), "%.*s", (int)prefix - 1, name);
	for (const char *const *p = prefixes; *p; p++)
		nearest_offer(&nearest, *p);
	err_fill(err, -EINVAL,
		 "\"%s\": no class, stage, tenant, upstream or peer %s here%s%s; expected the name of a class, stage.NAME, "
		 "tenant.NAME, upstream.LABEL or peer.LABEL",
		 name, wanted, nearest.name ? ", did you mean " : "", nearest.name ? nearest.name : "");
}

static void unknown_metric(const char *name, const char *const *prefixes, struct err *err)
{
	size_t prefix = any_prefix(name);
	struct suggestion s;

	for (const struct metric *m = metric_rows; m->name; m++) {
		if (m->form != METRIC_STATS || strcmp(m->name, name) != 0)
			continue;
		err_fill(err, -EINVAL,
			 "%s alone is no metric; expected one of its figures (" METRIC_STATS_TEXT "), such as %s.p95", name,
			 name);
		return;
	}
	if (prefix && prefixes && !known_prefix(name, prefixes) &&
	    (metric_find(name + prefix) || metric_find_upstream(name + prefix) ||
	     (strncmp(name, "peer.", 5) == 0 && metric_find_peer(name + prefix)))) {
		unknown_prefix(name, prefix, prefixes, err);
		return;
	}
	suggest_metric(&s, name + (prefixes ? known_prefix(name, prefixes) : 0));
	err_fill(err, -EINVAL, "no metric %s%s%s; expected a metric that `toll schema criteria` lists", name,
		 s.best[0] ? ", did you mean " : "", s.best);
}

/* What a peer's metric has before it: "stage.NAME.peer.LABEL.". */
static size_t stage_peer_prefix(const char *name, size_t prefix, const char *const *prefixes)
{
	size_t more = strncmp(name, "stage.", 6) == 0 && strncmp(name + prefix, "peer.", 5) == 0
			      ? known_prefix(name + prefix, prefixes)
			      : 0;

	return more ? prefix + more : 0;
}

static const struct metric *metric_behind(const char *name, size_t prefix)
{
	if (strncmp(name, "peer.", 5) == 0)
		return metric_find_peer(name + prefix);
	return strncmp(name, "upstream.", 9) == 0 ? metric_find_upstream(name + prefix) : metric_find(name + prefix);
}

/* NULL: err says why. */
static const struct metric *metric_parse(const char *name, const char *const *prefixes, struct err *err)
{
	const struct metric *m = metric_find(name);
	size_t prefix;

	if (m)
		return m;
	prefix = known_prefix(name, prefixes);
	m = prefix ? metric_behind(name, prefix) : NULL;
	size_t peer = prefix && !m ? stage_peer_prefix(name, prefix, prefixes) : 0;
	if (peer)
		m = metric_find_peer(name + peer);
	bool of_run = strncmp(name, "peer.", 5) == 0;
	if (!m) {
		unknown_metric(name, prefixes, err);
		return NULL;
	}
	if (m->whole_run && !of_run) {
		err_fill(err, -EINVAL, "%s is a figure of the whole run; expected it without \"%.*s\" before it", m->name,
			 (int)(peer ? strcspn(name + 6, ".") + 7 : prefix), name);
		return NULL;
	}
	return m;
}

/* --- limits --------------------------------------------------------------------------------------------------------------- */

static bool number_read(const char *text, double *out, const char **end)
{
	char *stop;

	if (!isdigit((unsigned char)text[0])) /* no sign, "inf", "nan" */
		return false;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return false;
	*out = strtod(text, &stop);
	*end = stop;
	return isfinite(*out);
}

static bool limit_ratio(const char *text, double *out)
{
	const char *end;

	if (!number_read(text, out, &end))
		return false;
	if (strcmp(end, "%") == 0) {
		*out /= 100.0;
		return true;
	}
	return *end == '\0' && *out <= 1.0;
}

static bool limit_count(const char *text, double *out)
{
	const char *end;

	return number_read(text, out, &end) && *end == '\0';
}

/* A quotient of two metrics: 1.2 or 120%. */
static bool limit_quotient(const char *text, double *out)
{
	return limit_count(text, out) || limit_ratio(text, out);
}

static bool limit_ns(const char *text, double *out)
{
	uint64_t ns;

	if (units_parse_duration_ns(text, &ns) != 0)
		return false;
	*out = (double)ns;
	return true;
}

static bool limit_bytes(const char *text, double *out)
{
	uint64_t bytes;

	if (units_parse_bytes(text, &bytes) != 0)
		return false;
	*out = (double)bytes;
	return true;
}

static bool limit_per_s(const char *text, double *out)
{
	char lower[VALUE_MAX];
	size_t n = strlen(text);

	for (size_t i = 0; i <= n; i++)
		lower[i] = (char)tolower((unsigned char)text[i]); /* "20 RPS" */
	return units_parse_rate(lower, out) == 0;
}

static const struct limit_kind {
	bool (*parse)(const char *text, double *out);
	const char *is; /* "latency.p95 is ..." */
	const char *wants; /* "expected ..." */
} limit_kinds[] = {
	[CRITERION_NS] = {limit_ns, "a time", "a limit with a unit of time, such as 15s, 1.5ms or 300us"},
	[CRITERION_RATIO] = {limit_ratio, "a ratio", "a limit such as 99.5%, or a fraction from 0 to 1 such as 0.995"},
	[CRITERION_BYTES] = {limit_bytes, "a number of bytes", "a limit such as 64MiB"},
	[CRITERION_PER_S] = {limit_per_s, "a rate", "a limit above 0 such as 20/s, \"20 RPS\" or 1000/m"},
	[CRITERION_COUNT] = {limit_count, "a count", "a plain number, 0 or more"},
};

/* --- METRIC OP VALUE ------------------------------------------------------------------------------------------------------ */

static void trim(const char **start, const char **end)
{
	while (*start < *end && isspace((unsigned char)**start))
		(*start)++;
	while (*end > *start && isspace((unsigned char)(*end)[-1]))
		(*end)--;
}

static bool copy_trimmed(char *out, size_t size, const char *start, const char *end)
{
	trim(&start, &end);
	if (start == end || (size_t)(end - start) >= size)
		return false;
	memcpy(out, start, (size_t)(end - start));
	out[end - start] = '\0';
	return true;
}

static const char *op_parse(const char *text, enum criterion_op *out)
{
	static const struct {
		const char *text;
		enum criterion_op op;
	} ops[] = {{"<=", CRITERION_LE}, {">=", CRITERION_GE}, {"==", CRITERION_EQ}, {"<", CRITERION_LT}, {">", CRITERION_GT}};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		size_t n = strlen(ops[i].text);

		if (strncmp(text, ops[i].text, n) == 0) {
			*out = ops[i].op;
			return text + n;
		}
	}
	return NULL;
}

/* It is printed in reports as it was written: nothing in it may break the line. */
static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

/* Cuts the text into metric, divisor, op and value; value without the blanks in it ("20 RPS"). */
static bool split(const char *text, struct criterion *out, char value[VALUE_MAX])
{
	const char *op = strpbrk(text, "<>="), *slash, *after;
	char *to = value;

	after = op ? op_parse(op, &out->op) : NULL;
	if (!after || has_control(text) || !copy_trimmed(out->text, sizeof(out->text), text, text + strlen(text)))
		return false;
	slash = memchr(text, '/', (size_t)(op - text));
	if (slash && !copy_trimmed(out->divisor, sizeof(out->divisor), slash + 1, op))
		return false;
	if (!copy_trimmed(out->metric, sizeof(out->metric), text, slash ? slash : op) ||
	    !copy_trimmed(value, VALUE_MAX, after, after + strlen(after)))
		return false;
	for (const char *from = value; *from; from++)
		if (*from != ' ')
			*to++ = *from;
	*to = '\0';
	return true;
}

/* The divisor is in out->divisor; m: the metric before it. */
static int quotient_parse(const struct metric *m, const char *const *prefixes, const char *value, struct criterion *out,
			  struct err *err)
{
	const struct metric *divisor = metric_parse(out->divisor, prefixes, err);

	if (!divisor)
		return -EINVAL;
	if (divisor->unit != m->unit)
		return err_set(err, -EINVAL, "%s is %s and %s is %s; expected two metrics of the same unit around /", out->metric,
			       limit_kinds[m->unit].is, out->divisor, limit_kinds[divisor->unit].is);
	out->unit = CRITERION_COUNT;
	if (!limit_quotient(value, &out->limit))
		return err_set(err, -EINVAL, "%s / %s has no unit; expected a plain number such as 1.2 or 120%%, found \"%s\"",
			       out->metric, out->divisor, value);
	return 0;
}

int criterion_parse(const char *text, const char *const *prefixes, struct criterion *out, struct err *err)
{
	const struct limit_kind *kind;
	const struct metric *m;
	char value[VALUE_MAX];

	memset(out, 0, sizeof(*out));
	if (!split(text, out, value))
		return err_set(
			err, -EINVAL,
			"\"%.100s\" is no criterion; expected METRIC OP VALUE such as \"latency.p95 < 2s\" (OP: < <= > >= ==)",
			text);
	m = metric_parse(out->metric, prefixes, err);
	if (!m)
		return -EINVAL;
	if (out->divisor[0] != '\0')
		return quotient_parse(m, prefixes, value, out, err);
	out->unit = m->unit;
	kind = &limit_kinds[m->unit];
	if (!kind->parse(value, &out->limit))
		return err_set(err, -EINVAL, "%s is %s; expected %s, found \"%s\"", out->metric, kind->is, kind->wants, value);
	return 0;
}

/* --- judging -------------------------------------------------------------------------------------------------------------- */

static bool holds(double value, enum criterion_op op, double limit)
{
	switch (op) {
	case CRITERION_LT:
		return value < limit;
	case CRITERION_LE:
		return value <= limit;
	case CRITERION_GT:
		return value > limit;
	case CRITERION_GE:
		return value >= limit;
	case CRITERION_EQ:
		return value >= limit && value <= limit;
	}
	return false;
}

enum criterion_verdict criterion_judge(const struct criterion *c, criterion_lookup lookup, void *ctx, double *value,
				       const char **reason)
{
	double divisor;

	*reason = NULL;
	if (lookup(ctx, c->metric, value, reason) != 0)
		return CRITERION_NOT_MEASURED;
	if (c->divisor[0] != '\0') {
		if (lookup(ctx, c->divisor, &divisor, reason) != 0)
			return CRITERION_NOT_MEASURED;
		if (divisor <= 0.0) {
			*reason = "its divisor was measured as 0";
			return CRITERION_NOT_MEASURED;
		}
		*value /= divisor;
	}
	if (!isfinite(*value)) {
		*reason = "the figure is not a number";
		return CRITERION_NOT_MEASURED;
	}
	return holds(*value, c->op, c->limit) ? CRITERION_MET : CRITERION_MISSED;
}
