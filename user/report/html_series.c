// SPDX-License-Identifier: GPL-2.0-only
/* The run over time: small charts above each other, one scale of time for all. */
#include "report/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/text.h"

#define LINES 5

struct chart {
	const char *title;
	const char *unit; /* as report.js knows it: "per_s", "ns", "count", "cores", "bytes" */
	bool log;
	bool from_zero;
	struct {
		const char *column, *name;
		unsigned colour;
	} line[LINES];
};

static const struct chart charts[] = {
	{"Requests per second",
	 "per_s",
	 false,
	 true,
	 {{"ended_per_s", "ended", 0}, {"sent_per_s", "sent", 3}, {"errors_per_s", "errors", 4}}},
	{"Latency", "ns", true, false, {{"latency_p50_ns", "p50", 0}, {"latency_p99_ns", "p99", 2}}},
	{"Toll", "ns", true, false, {{"toll_p50_ns", "p50", 1}, {"toll_p99_ns", "p99", 2}}},
	{"In flight", "count", false, true, {{"in_flight", "requests", 0}}},
	{"Gateway CPU", "cores", false, true, {{"gateway_cpu_cores", "cores", 1}}},
	{"Gateway memory",
	 "bytes",
	 false,
	 false,
	 {{"gateway_rss_bytes", "resident", 0},
	  {"gateway_swap_bytes", "swapped", 4},
	  {"trend_memory", "trend of anonymous memory", 1},
	  {"trend_memory_low", "at least", 3},
	  {"trend_memory_high", "at most", 5}}},
	{"Driver lag", "ns", true, false, {{"driver_lag_p99_ns", "p99", 3}}},
	{"Gateway threads and descriptors",
	 "count",
	 false,
	 true,
	 {{"gateway_threads", "threads", 0},
	  {"gateway_fds", "descriptors", 3},
	  {"trend_descriptors", "trend of descriptors", 1},
	  {"trend_descriptors_low", "at least", 2},
	  {"trend_descriptors_high", "at most", 5}}},
};

struct drawing {
	const json_t *series;
	unsigned points;
	double step_s;
	double *y[LINES];
	struct html_axis axis;
};

static bool has_column(const json_t *series, const char *column)
{
	json_t *value;
	size_t i;

	json_array_foreach (json_object_get(series, column), i, value) {
		if (json_is_number(value) && (json_number_value(value) > 0 || strcmp(column, "gateway_swap_bytes")))
			return true;
	}
	return false;
}

static void column_read(struct drawing *d, unsigned k, const char *name)
{
	const json_t *column = json_object_get(d->series, name);

	for (unsigned i = 0; i < d->points; i++) {
		const json_t *value = json_array_get(column, i);
		double y = json_is_number(value) ? json_number_value(value) : NAN;
		d->y[k][i] = y;
		if (isnan(y))
			continue;
		if (isnan(d->axis.high) || y > d->axis.high)
			d->axis.high = y;
		if (isnan(d->axis.low) || y < d->axis.low)
			d->axis.low = y;
	}
}

/* 1, 2 or 5 times a power of ten, at or above. */
static double round_up(double value)
{
	double power = pow(10, floor(log10(value)));

	return value <= power ? power : value <= 2 * power ? 2 * power : value <= 5 * power ? 5 * power : 10 * power;
}

static void axis_fit(struct html_axis *a, const struct chart *c)
{
	a->log = c->log && a->low > 0;
	if (a->log) {
		a->low = pow(10, floor(log10(a->low)));
		a->high = pow(10, ceil(log10(a->high * 1.0001)));
	} else if (c->from_zero || a->low <= 0) {
		a->low = 0;
		a->high = a->high > 0 ? round_up(a->high) : 1;
	} else {
		double room = (a->high - a->low) * 0.1 + a->high * 0.02;
		a->low = a->low > room ? a->low - room : 0;
		a->high += room;
	}
}

static const char *value_text(char buf[TEXT_CELL], const char *unit, double value)
{
	if (!strcmp(unit, "ns"))
		return units_format_ns(buf, TEXT_CELL, (uint64_t)llround(value));
	if (!strcmp(unit, "bytes"))
		return units_format_bytes(buf, TEXT_CELL, (uint64_t)llround(value));
	if (value >= 1000)
		return units_format_count(buf, TEXT_CELL, (uint64_t)llround(value));
	snprintf(buf, TEXT_CELL, "%.3g", value);
	return buf;
}

static void y_labels(struct html *h, const struct html_axis *a, const char *unit)
{
	unsigned ticks = a->log ? (unsigned)lround(log10(a->high / a->low)) : 2;
	char text[TEXT_CELL];

	for (unsigned i = 0; i <= ticks; i++) {
		double at = (double)i / ticks;
		html_fmt(h, "<span class=\"y\" style=\"bottom:%.2f%%\">", at * 100);
		html_text(h, value_text(text, unit, a->log ? a->low * pow(10, i) : a->low + (a->high - a->low) * at));
		html_raw(h, "</span>");
	}
}

static void x_labels(struct html *h, double span_s)
{
	static const double steps[] = {1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400};
	double step = steps[0];
	char text[TEXT_CELL];

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && span_s / step > 7; i++)
		step = steps[i];
	while (span_s / step > 7)
		step *= 2;
	for (unsigned n = 0; n * step <= span_s; n++) {
		double at = n * step;
		html_fmt(h, "<span class=\"x\" style=\"left:%.2f%%\">", span_s > 0 ? at / span_s * 100 : 0);
		html_text(h, at > 0 ? units_format_ns(text, sizeof(text), (uint64_t)(at * 1e9)) : "0 s");
		html_raw(h, "</span>");
	}
}

static void bands(struct html *h, const json_t *series, double span_s)
{
	unsigned stages = 0;
	json_t *band;
	size_t i;

	json_array_foreach (json_object_get(series, "bands"), i, band) {
		/* every second stage is shaded */
		bool odd = !strcmp(text_string(band, "kind"), "stage") && stages++ % 2;
		double from = text_number(band, "from_s"), to = text_number(band, "to_s");
		const char *kind = text_string(band, "kind");
		if (from >= span_s || !(span_s > 0))
			continue;
		html_raw(h, "<i class=\"band ");
		html_raw(h, !strcmp(kind, "fault") ? "fault" : !strcmp(kind, "warmup") ? "warmup" : odd ? "stage odd" : "stage");
		html_fmt(h, "\" style=\"left:%.2f%%;width:%.2f%%\" title=\"", from / span_s * 100,
			 ((to < span_s ? to : span_s) - from) / span_s * 100);
		html_text(h, text_string(band, "name"));
		html_raw(h, "\"></i>");
	}
}

static bool has_band(const json_t *series, const char *kind)
{
	json_t *band;
	size_t i;

	json_array_foreach (json_object_get(series, "bands"), i, band)
		if (!strcmp(text_string(band, "kind"), kind))
			return true;
	return false;
}

/* What is shaded, and each fault once. */
static void bands_key(struct html *h, const json_t *series)
{
	const char *before = NULL;
	json_t *band;
	size_t i;

	html_raw(h, "<p class=\"note\">Shaded: every second stage");
	if (has_band(series, "warmup"))
		html_raw(h, "; hatched: warm-up");
	json_array_foreach (json_object_get(series, "bands"), i, band) {
		const char *name = text_string(band, "name");
		if (strcmp(text_string(band, "kind"), "fault") || (before && !strcmp(before, name)))
			continue;
		html_raw(h, before ? "; " : "; red: faults of the providers, ");
		html_text(h, name);
		before = name;
	}
	html_raw(h, ".</p>\n");
}

static void chart_head(struct html *h, const struct chart *c, const json_t *series)
{
	html_fmt(h, "<figure class=\"chart\" data-chart=\"series\" data-unit=\"%s\"%s%s data-lines=\"", c->unit,
		 c->log ? " data-log" : "", c->from_zero ? " data-zero" : "");
	for (unsigned k = 0; k < LINES && c->line[k].column; k++)
		if (has_column(series, c->line[k].column))
			html_fmt(h, "%s|%s|%u;", c->line[k].column, c->line[k].name, c->line[k].colour);
	html_fmt(h, "\"><figcaption>%s", c->title);
	for (unsigned k = 0; k < LINES && c->line[k].column; k++)
		if (has_column(series, c->line[k].column))
			html_fmt(h, " <span><i class=\"c%u\"></i>%s</span>", c->line[k].colour, c->line[k].name);
	html_raw(h, "</figcaption>");
}

static void chart_put(struct html *h, const struct chart *c, struct drawing *d)
{
	bool any = false;

	d->axis = (struct html_axis){NAN, NAN, false};
	for (unsigned k = 0; k < LINES && c->line[k].column; k++) {
		if (!has_column(d->series, c->line[k].column))
			continue;
		column_read(d, k, c->line[k].column);
		any = true;
	}
	if (!any)
		return;
	axis_fit(&d->axis, c);
	chart_head(h, c, d->series);
	html_raw(h, "<div class=\"plot\">");
	bands(h, d->series, d->points * d->step_s);
	html_raw(h, "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
	for (unsigned k = 0; k < LINES && c->line[k].column; k++)
		if (has_column(d->series, c->line[k].column))
			html_polyline(h, &(struct html_line){d->y[k], c->line[k].colour}, d->points, &d->axis);
	html_raw(h, "</svg>");
	y_labels(h, &d->axis, c->unit);
	x_labels(h, d->points * d->step_s);
	html_raw(h, "</div></figure>\n");
}

static void series_put(struct html *h, struct drawing *d)
{
	d->y[0] = calloc((size_t)d->points * LINES, sizeof(double));
	if (!d->y[0]) {
		h->failed = true;
		return;
	}
	for (unsigned k = 1; k < LINES; k++)
		d->y[k] = d->y[0] + (size_t)k * d->points;
	html_raw(h, "<p class=\"hint js\">Drag over a chart to zoom all of them, double-click to see all again.</p>\n");
	bands_key(h, d->series);
	html_raw(h, "<div class=\"charts\">\n");
	for (size_t i = 0; i < sizeof(charts) / sizeof(*charts); i++)
		chart_put(h, &charts[i], d);
	html_raw(h, "</div>\n<script type=\"application/json\" id=\"series-data\">");
	html_json(h, d->series);
	html_raw(h, "</script>\n");
	free(d->y[0]);
}

void html_series(struct html *h, const json_t *doc)
{
	json_t *series = html_trends(doc);
	struct drawing d = {.series = series};

	d.points = (unsigned)text_u64(d.series, "points");
	d.step_s = text_number(d.series, "step_s");
	if (d.points && d.points <= 100000 && d.step_s > 0)
		series_put(h, &d);
	json_decref(series);
}
