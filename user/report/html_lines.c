// SPDX-License-Identifier: GPL-2.0-only
#include "report/html.h"

#include <math.h>

#define BOX 1000.0
/* more points than that nobody sees: of the rest, each column of the picture shows its highest */
#define SHOWN_MAX 600

static double place(const struct html_axis *a, double y)
{
	double low = a->log ? log10(a->low) : a->low, high = a->log ? log10(a->high) : a->high;
	double at = ((a->log ? log10(y > a->low ? y : a->low) : y) - low) / (high - low);

	return BOX - (at < 0 ? 0 : at > 1 ? 1 : at) * BOX;
}

static double highest(const double *y, unsigned from, unsigned to)
{
	double most = NAN;

	for (unsigned i = from; i < to; i++)
		if (!isnan(y[i]) && !(most >= y[i]))
			most = y[i];
	return most;
}

void html_polyline(struct html *h, const struct html_line *line, unsigned points, const struct html_axis *y)
{
	unsigned step = (points + SHOWN_MAX - 1) / SHOWN_MAX;
	unsigned missing = 0;
	bool pen = false;

	if (!step)
		return;
	html_fmt(h, "<path class=\"c%u\" d=\"", line->colour);
	for (unsigned i = 0; i < points; i += step) {
		double at = highest(line->y, i, i + step < points ? i + step : points);
		if (!isnan(at))
			html_fmt(h, "%c%.1f %.1f", pen ? 'L' : 'M', points > 1 ? BOX * i / (points - 1) : 0, place(y, at));
		missing = isnan(at) ? missing + 1 : 0;
		/* a gauge is read once a second, and now and then a second has none: the line goes on over one, as in report.js */
		pen = !missing || (pen && missing == 1);
	}
	/* a point between gaps is a dot */
	html_raw(h, "\"/>");
}
