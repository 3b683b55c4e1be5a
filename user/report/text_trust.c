// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <string.h>

#include "base/units.h"

#define LABEL 12

/* "ring full 12, rejected 1": the counters that moved, with their sum. */
static uint64_t moved(struct buf *b, const json_t *counters)
{
	uint64_t sum = 0;
	char n[TEXT_CELL], name[TEXT_CELL];

	for (void *it = json_object_iter((json_t *)counters); it; it = json_object_iter_next((json_t *)counters, it)) {
		uint64_t value = text_u64(counters, json_object_iter_key(it));
		if (!value)
			continue;
		sum += value;
		units_format_count(n, sizeof(n), value);
		buf_printf(b, "%s%s %s", b->used ? ", " : "", text_spaced(name, json_object_iter_key(it)), n);
	}
	return sum;
}

static void append_moved(struct buf *line, const char *label, const json_t *counters, bool always)
{
	struct buf words = {0};
	char n[TEXT_CELL];
	uint64_t sum = moved(&words, counters);

	if (sum || always)
		buf_printf(line, " · %s %s", label, units_format_count(n, sizeof(n), sum));
	if (sum)
		buf_printf(line, " (%s)", words.data);
	buf_fini(&words);
}

static void trust_joined(struct text *t, const json_t *trust)
{
	struct buf line = {0}, joins = {0};
	char n[TEXT_CELL], of[TEXT_CELL];
	bool clean = text_number(trust, "coverage") >= 0.999 && !text_u64(trust, "order_violations");

	moved(&joins, json_object_get(trust, "joined_by"));
	if (json_object_get(trust, "coverage"))
		buf_printf(&line, "coverage %s · ", text_percent(n, text_number(trust, "coverage")));
	buf_printf(&line, "%s of %s requests joined", text_count(n, trust, "joined"), text_count(of, trust, "requests"));
	if (joins.used)
		buf_printf(&line, " (by %s)", joins.data);
	append_moved(&line, "not joined", json_object_get(trust, "unmatched"), false);
	buf_printf(&line, " · order violations %s", text_count(n, trust, "order_violations"));
	append_moved(&line, "lost", json_object_get(trust, "lost"), true);
	text_wrap(t, clean ? TEXT_GREEN : TEXT_YELLOW, "TRUST", LABEL, line.data ? line.data : "");
	buf_fini(&line);
	buf_fini(&joins);
}

static void trust_checks(struct text *t, const json_t *trust)
{
	const json_t *check = json_object_get(trust, "self_check");
	struct buf line = {0};
	char n[TEXT_CELL];

	if (json_object_get(check, "hold_difference_p50_ns"))
		buf_printf(&line, "%sprovider's hold %s off its own clock", line.used ? " · " : "",
			   text_ns(n, check, "hold_difference_p50_ns"));
	if (json_object_get(check, "end_difference_p50_ns"))
		buf_printf(&line, "%sanswer's end %s off the driver's", line.used ? " · " : "",
			   text_ns(n, check, "end_difference_p50_ns"));
	if (line.used)
		buf_printf(&line, " (p50)");
	if (json_object_get(trust, "driver_lag_p99_ns"))
		buf_printf(&line, "%sdriver lag p99 %s", line.used ? " · " : "", text_ns(n, trust, "driver_lag_p99_ns"));
	if (json_object_get(trust, "driver_reading_p50_ns"))
		buf_printf(&line, ", it picks answers up after %s at p50", text_ns(n, trust, "driver_reading_p50_ns"));
	if (json_object_get(trust, "probe_cpu_share"))
		buf_printf(&line, "%sprobes cost about %s of the gateway's CPU", line.used ? " · " : "",
			   text_percent(n, text_number(trust, "probe_cpu_share")));
	if (line.used)
		text_wrap(t, TEXT_DIM, "", LABEL, line.data);
	buf_fini(&line);
}

void text_trust(struct text *t, const json_t *doc)
{
	const json_t *trust = json_object_get(doc, "trust");
	const char *why = text_string(json_object_get(doc, "not_measured"), "trust.joined");
	struct buf line = {0};

	if (json_object_get(trust, "joined")) {
		trust_joined(t, trust);
	} else {
		buf_printf(&line, "the gateway was not looked into: %s", why);
		text_wrap(t, TEXT_YELLOW, "TRUST", LABEL, line.data ? line.data : why);
	}
	trust_checks(t, trust);
	if (*text_string(trust, "paths"))
		text_wrap(t, TEXT_DIM, "", LABEL, text_string(trust, "paths"));
	buf_fini(&line);
	text_blank(t);
}

static const char *criterion_value(char buf[TEXT_CELL], const json_t *c)
{
	const char *unit = text_string(c, "unit"), *bound = text_string(c, "bound");
	double value = text_number(c, "value");
	const char *sign = !strcmp(bound, "at_least") ? "≥" : !strcmp(bound, "at_most") ? "≤" : "";
	char plain[TEXT_CELL];

	if (!json_object_get(c, "value"))
		return "–";
	if (!strcmp(unit, "ns") && value >= 0 && value < 9e18)
		units_format_ns(plain, sizeof(plain), (uint64_t)value);
	else if (!strcmp(unit, "ratio"))
		text_percent(plain, value);
	else if (!strcmp(unit, "bytes") && value >= 0 && value < 9e18)
		units_format_bytes(plain, sizeof(plain), (uint64_t)value);
	else if (!strcmp(unit, "per_s"))
		snprintf(plain, sizeof(plain), "%.20s/s", text_rate(buf, value));
	else
		snprintf(plain, sizeof(plain), "%.6g", value);
	snprintf(buf, TEXT_CELL, "%s%.40s", sign, plain);
	return buf;
}

static void criterion_line(struct text *t, const json_t *c, const char **last_reason)
{
	static const struct {
		const char *verdict, *word;
		enum text_style style;
	} rows[] = {{"met", "met", TEXT_GREEN}, {"missed", "MISSED", TEXT_RED}, {"not_measured", "not measured", TEXT_YELLOW}};
	char value[TEXT_CELL];

	text_put(t, TEXT_PLAIN, "  ");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(text_string(c, "verdict"), rows[i].verdict))
			text_left(t, rows[i].style, 14, rows[i].word);
	text_left(t, TEXT_PLAIN, 50, text_string(c, "text"));
	text_right(t, TEXT_BOLD, 14, criterion_value(value, c));
	text_end(t);
	/* one reason often holds for many */
	if (strcmp(text_string(c, "reason"), *last_reason)) {
		*last_reason = text_string(c, "reason");
		if (**last_reason)
			text_wrap(t, TEXT_PLAIN, "", 16, *last_reason);
	}
}

void text_criteria(struct text *t, const json_t *doc)
{
	static const struct {
		const char *verdict, *word;
		enum text_style style;
	} rows[] = {{"met", "MET", TEXT_GREEN},
		    {"missed", "MISSED", TEXT_RED},
		    {"not_measured", "NOT MEASURED", TEXT_YELLOW},
		    {"invalid", "INVALID", TEXT_RED}};
	const json_t *criteria = json_object_get(doc, "criteria");
	size_t met = 0, i;
	const char *last_reason = "";
	char count[64];
	json_t *c;

	if (!json_array_size(criteria))
		return;
	json_array_foreach (criteria, i, c) {
		met += json_is_true(json_object_get(c, "met"));
	}
	text_left(t, TEXT_BOLD, LABEL, "CRITERIA");
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(text_string(doc, "verdict"), rows[i].verdict))
			text_put(t, rows[i].style, rows[i].word);
	snprintf(count, sizeof(count), "  %zu of %zu met", met, json_array_size(criteria));
	text_put(t, TEXT_PLAIN, count);
	text_end(t);
	json_array_foreach (criteria, i, c) {
		criterion_line(t, c, &last_reason);
	}
	text_blank(t);
}
