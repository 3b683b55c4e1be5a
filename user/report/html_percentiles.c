// SPDX-License-Identifier: GPL-2.0-only
/* Latency by percentile: x is how many of all requests were slower (1 in 10, 1 in 100 ...), y is time; both to powers of ten. */
#include "report/html.h"

#include <math.h>
#include <stdlib.h>

#include "base/hist.h"
#include "base/units.h"
#include "report/text.h"

#define POINTS 121
#define LINES 3

struct chart {
	double y[LINES][POINTS];
	const char *name[LINES];
	unsigned lines;
	double nines; /* where x ends: 3 is 99.9 % */
	struct html_axis axis;
};

static double percentile_at(const struct chart *c, unsigned i)
{
	return 100 * (1 - pow(10, -c->nines * i / (POINTS - 1)));
}

static struct hist *hist_of(const json_t *dist)
{
	const char *text = json_string_value(json_object_get(dist, "histogram"));
	struct hist *h = NULL;

	return text && !hist_decode(text, &h) ? h : NULL;
}

static void line_add(struct chart *c, const char *name, const json_t *dist)
{
	struct hist *h = hist_of(dist);

	if (!h || !hist_count(h)) {
		hist_free(h);
		return;
	}
	if (!c->lines)
		c->nines = ceil(log10((double)hist_count(h)));
	if (c->nines < 2)
		c->nines = 2;
	for (unsigned i = 0; i < POINTS; i++) {
		double y = (double)hist_percentile(h, percentile_at(c, i));
		c->y[c->lines][i] = y;
		if (y > c->axis.high)
			c->axis.high = y;
		if (y > 0 && (c->axis.low <= 0 || y < c->axis.low))
			c->axis.low = y;
	}
	c->name[c->lines++] = name;
	hist_free(h);
}

static void labels(struct html *h, const struct chart *c)
{
	static const char *const nines[] = {"0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", "99.99999 %"};
	char text[TEXT_CELL];
	double low = log10(c->axis.low), high = log10(c->axis.high);

	unsigned decades = (unsigned)lround(high - low);
	for (unsigned i = 0; i <= decades; i++) {
		html_fmt(h, "<span class=\"y\" style=\"bottom:%.2f%%\">", 100.0 * i / decades);
		html_text(h, units_format_ns(text, sizeof(text), (uint64_t)llround(pow(10, low + i))));
		html_raw(h, "</span>");
	}
	for (unsigned x = 0; x <= (unsigned)c->nines && x < sizeof(nines) / sizeof(*nines); x++) {
		html_fmt(h, "<span class=\"x\" style=\"left:%.2f%%\">", x / c->nines * 100);
		html_text(h, nines[x]);
		html_raw(h, "</span>");
	}
}

static void data_put(struct html *h, const struct chart *c)
{
	json_t *data = json_pack("{s:f, s:o, s:o}", "nines", c->nines, "names", json_array(), "rows", json_array());

	for (unsigned k = 0; k < c->lines; k++)
		json_array_append_new(json_object_get(data, "names"), json_string(c->name[k]));
	for (unsigned i = 0; i < POINTS; i++) {
		json_t *row = json_array();
		json_array_append_new(row, json_real(c->nines * i / (POINTS - 1)));
		for (unsigned k = 0; k < c->lines; k++)
			json_array_append_new(row, json_integer((json_int_t)c->y[k][i]));
		json_array_append_new(json_object_get(data, "rows"), row);
	}
	html_raw(h, "<script type=\"application/json\" id=\"percentiles-data\">");
	html_json(h, data);
	html_raw(h, "</script>\n");
	json_decref(data);
}

void html_percentiles(struct html *h, const json_t *doc)
{
	struct chart c = {.axis.log = true};

	line_add(&c, "latency",
		 json_object_get(doc, "latency") ? json_object_get(doc, "latency") : json_object_get(doc, "joined_latency"));
	line_add(&c, "toll", json_object_get(doc, "toll"));
	line_add(&c, "provider", json_object_get(json_object_get(doc, "phases"), "provider"));
	if (!c.lines || !(c.axis.high > 0) || !(c.axis.low > 0))
		return;
	c.axis.low = pow(10, floor(log10(c.axis.low)));
	c.axis.high = pow(10, ceil(log10(c.axis.high * 1.0001)));
	html_raw(h, "<figure class=\"chart tall\" data-chart=\"percentiles\"><figcaption>Time by percentile");
	for (unsigned k = 0; k < c.lines; k++) {
		html_fmt(h, " <span><i class=\"c%u\"></i>", k);
		html_text(h, c.name[k]);
		html_raw(h, "</span>");
	}
	html_raw(h, "</figcaption><div class=\"plot\"><svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" "
		    "aria-hidden=\"true\">");
	for (unsigned k = 0; k < c.lines; k++)
		html_polyline(h, &(struct html_line){c.y[k], k}, POINTS, &c.axis);
	html_raw(h, "</svg>");
	labels(h, &c);
	html_raw(h, "</div></figure>\n");
	data_put(h, &c);
}
