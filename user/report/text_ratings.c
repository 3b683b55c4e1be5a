// SPDX-License-Identifier: GPL-2.0-only
/* How good the figures are by a common scale, for information: the criteria decide. And the verdict in the scenario's own words. */
#include <math.h>
#include <string.h>

#include "report/text.h"

#define OFFERED_MIN_PER_S 20.0 /* less cannot show whether 20 requests/s are reached */

enum better { MORE, LESS };
struct rating {
	const char *name;
	enum better better;
	double target, acceptable; /* in the unit of value() */
	const char *scale;
	double (*value)(const json_t *doc); /* NAN: not measured */
	const char *(*format)(char buf[TEXT_CELL], double value);
};

static double number_at(const json_t *doc, const char *path)
{
	const json_t *value = text_at(doc, path);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static double success(const json_t *doc)
{
	double ok = number_at(doc, "requests.ok"), failed = number_at(doc, "requests.failed");

	return ok + failed > 0 ? ok / (ok + failed) : NAN;
}

static double throughput(const json_t *doc)
{
	double sent = number_at(doc, "requests.sent"), seconds = number_at(doc, "duration_s");

	return seconds > 0 && sent / seconds >= OFFERED_MIN_PER_S ? number_at(doc, "requests.rate_per_s") : NAN;
}

static double p50(const json_t *doc)
{
	return number_at(doc, "latency.p50_ns");
}

static double p95(const json_t *doc)
{
	return number_at(doc, "latency.p95_ns");
}

static double p99(const json_t *doc)
{
	return number_at(doc, "latency.p99_ns");
}

static double memory(const json_t *doc)
{
	double first = number_at(doc, "gateway.memory_bytes.initial"), last = number_at(doc, "gateway.memory_bytes.final");

	return first > 0 ? last / first - 1.0 : NAN;
}

static double failover(const json_t *doc)
{
	return number_at(doc, "resilience.failovers.time.mean_ns");
}

static const char *format_share(char buf[TEXT_CELL], double value)
{
	return text_percent(buf, value);
}

static const char *format_ns(char buf[TEXT_CELL], double value)
{
	json_t *one = json_pack("{s:I}", "ns", (json_int_t)value);

	text_ns(buf, one, "ns");
	json_decref(one);
	return buf;
}

static const char *format_rate(char buf[TEXT_CELL], double value)
{
	return text_rate(buf, value);
}

static const struct rating ratings[] = {
	{"success", MORE, 0.99, 0.95, "≥ 99 / ≥ 95 / < 95 %", success, format_share},
	{"throughput", MORE, 20, 15, "≥ 20 / ≥ 15 / < 15 requests/s", throughput, format_rate},
	{"p50", LESS, 1e9, 2e9, "< 1 / < 2 / > 2 s", p50, format_ns},
	{"p95", LESS, 3e9, 5e9, "< 3 / < 5 / > 5 s", p95, format_ns},
	{"p99", LESS, 5e9, 10e9, "< 5 / < 10 / > 10 s", p99, format_ns},
	{"memory growth", LESS, 0.2, 0.5, "< 20 / < 50 / > 50 %", memory, format_share},
	{"failover", LESS, 1e9, 5e9, "< 1 / < 5 / > 5 s", failover, format_ns},
};

static const char *judge(const struct rating *r, double value, enum text_style *style)
{
	bool target = r->better == MORE ? value >= r->target : value < r->target;
	bool acceptable = r->better == MORE ? value >= r->acceptable : value < r->acceptable;

	*style = target ? TEXT_GREEN : acceptable ? TEXT_PLAIN : TEXT_YELLOW;
	return target ? "target" : acceptable ? "acceptable" : "warning";
}

static void print_rating(struct text *t, const json_t *doc, const struct rating *r)
{
	double value = r->value(doc);
	enum text_style style;
	char cell[TEXT_CELL];
	const char *word;

	if (isnan(value))
		return;
	word = judge(r, value, &style);
	text_put(t, TEXT_PLAIN, "  ");
	text_left(t, style, 14, word);
	text_left(t, TEXT_PLAIN, 18, r->name);
	text_right(t, TEXT_PLAIN, 14, r->format(cell, value));
	text_put(t, TEXT_DIM, "   ");
	text_put(t, TEXT_DIM, r->scale);
	text_end(t);
}

void text_ratings(struct text *t, const json_t *doc)
{
	if (!json_is_true(text_at(doc, "configuration.ratings")) || !json_object_get(doc, "requests"))
		return;
	text_put(t, TEXT_BOLD, "RATINGS");
	text_put(t, TEXT_DIM, "  for information: target / acceptable / warning; the criteria above decide");
	text_end(t);
	for (size_t i = 0; i < sizeof(ratings) / sizeof(ratings[0]); i++)
		print_rating(t, doc, &ratings[i]);
	text_blank(t);
}

void text_says(struct text *t, const json_t *doc)
{
	const json_t *says = text_at(doc, "configuration.says");
	bool met = !strcmp(text_string(doc, "verdict"), "met") && json_is_true(json_object_get(doc, "complete"));
	const char *word = json_string_value(json_array_get(says, met ? 0 : 1));

	if (!word)
		return;
	text_put(t, met ? TEXT_GREEN : TEXT_RED, word);
	text_end(t);
	text_blank(t);
}
