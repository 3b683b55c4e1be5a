/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to user/report: the HTML report. One file that needs no network and no JavaScript: figures stand in tables, charts are drawn here
 * as HTML and SVG; report.js only makes them answer to the pointer.
 */
#ifndef TOLL_REPORT_HTML_H
#define TOLL_REPORT_HTML_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

struct html {
	struct buf b;
	bool failed; /* no memory: nothing more is written */
};

/* html_out.c */
void html_raw(struct html *h, const char *s); /* markup of ours */
void html_text(struct html *h, const char *s); /* anything: escaped for text and for attributes in double quotes */
/* Markup of ours with numbers in it: never a string from a document. */
__attribute__((format(printf, 2, 3))) void html_fmt(struct html *h, const char *fmt, ...);
/* A document's value for a script element: "<" is written as an escape, so that no string in it can end the element. */
void html_json(struct html *h, const json_t *value);

/* html_sink.c: one part of the report (text.h) as tables and paragraphs. Nothing is written when it has nothing to say. */
struct text_part;
void html_part(struct html *h, const struct text_part *part, const json_t *doc);

/* html_bars.c. All: nothing when the document does not hold what they draw. */
void html_tiles(struct html *h, const json_t *doc);
void html_phases(struct html *h, const json_t *doc); /* stacked: all and each class */
void html_causes(struct html *h, const json_t *doc);
void html_waterfall(struct html *h, const json_t *doc);

/* html_lines.c */
struct html_line {
	const double *y; /* NAN: no point */
	unsigned colour; /* 0 to 5 */
};
struct html_axis {
	double low, high;
	bool log;
};
/* The plot without labels: lines over x in [0, 1], points evenly apart. */
void html_polyline(struct html *h, const struct html_line *line, unsigned points, const struct html_axis *y);

/* html_trend.c: a copy of the document's series, with a soak's trends as columns "trend_GAUGE", "..._low" and "..._high". NULL: it has none. */
json_t *html_trends(const json_t *doc);

/* html_series.c, html_percentiles.c: charts; the data that report.js draws them again from. */
void html_series(struct html *h, const json_t *doc);
void html_percentiles(struct html *h, const json_t *doc);

/* html_gauges.c: tables of a soak's gauges */
void html_gauges(struct html *h, const json_t *doc);

/* html_flame.c: stacks of the document */
void html_flame(struct html *h, const json_t *doc);

/* html_assets.c: files of assets/ and dygraphs, as they were when toll was built. */
struct html_asset {
	const char *start;
	size_t bytes;
};
struct html_asset html_asset_css(void);
struct html_asset html_asset_js(void);
struct html_asset html_asset_dygraph_css(void);
struct html_asset html_asset_dygraph_js(void);
struct html_asset html_asset_synchronizer_js(void);
void html_asset_write(struct html *h, struct html_asset a); /* without a source map's address */

#endif
