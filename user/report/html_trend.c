// SPDX-License-Identifier: GPL-2.0-only
/* A soak's trends as further columns of its time series: what was judged, drawn over what was seen, with its interval. */
#include "report/html.h"

#include <math.h>
#include <stdio.h>

#include "report/text.h"

/* Which column of the series a gauge of the leak section is drawn over. */
static const struct {
	const char *gauge, *column;
} drawn[] = {{"memory", "gateway_rss_bytes"}, {"descriptors", "gateway_fds"}, {"threads", "gateway_threads"}};

struct window {
	double from_s, step_s;
	double middle_s, level; /* the trend goes through the middle of what was seen */
};

static struct window window_of(const json_t *series, const json_t *column, double from_s)
{
	struct window w = {.from_s = from_s, .step_s = text_number(series, "step_s")};
	double seconds = 0, sum = 0;
	unsigned seen = 0;
	json_t *value;
	size_t i;

	json_array_foreach (column, i, value) {
		double at_s = ((double)i + 0.5) * w.step_s;

		if (!json_is_number(value) || at_s < from_s)
			continue;
		seconds += at_s;
		sum += json_number_value(value);
		seen++;
	}
	w.middle_s = seen ? seconds / seen : 0;
	w.level = seen ? sum / seen : NAN;
	return w;
}

static void line_put(json_t *series, const char *gauge, const char *which, const struct window *w, double per_s)
{
	size_t points = (size_t)text_u64(series, "points");
	json_t *column = json_array();
	char name[64];

	for (size_t i = 0; i < points; i++) {
		double at_s = ((double)i + 0.5) * w->step_s, y = w->level + per_s * (at_s - w->middle_s);

		json_array_append_new(column, at_s < w->from_s || y < 0 ? json_null() : json_real(y));
	}
	snprintf(name, sizeof(name), "trend_%s%s", gauge, which);
	json_object_set_new(series, name, column);
}

json_t *html_trends(const json_t *doc)
{
	const json_t *leak = json_object_get(doc, "leak");
	json_t *series = json_copy(json_object_get(doc, "series"));

	for (size_t i = 0; series && i < sizeof(drawn) / sizeof(*drawn); i++) {
		const json_t *gauge = json_object_get(json_object_get(leak, "gauges"), drawn[i].gauge);
		const json_t *interval = json_object_get(gauge, "per_second_interval"),
			     *column = json_object_get(series, drawn[i].column);

		if (!column || json_array_size(interval) != 2)
			continue;
		struct window w = window_of(series, column, text_number(gauge, "judged_from_s"));
		if (isnan(w.level))
			continue;
		line_put(series, drawn[i].gauge, "", &w, text_number(gauge, "per_second"));
		line_put(series, drawn[i].gauge, "_low", &w, json_number_value(json_array_get(interval, 0)));
		line_put(series, drawn[i].gauge, "_high", &w, json_number_value(json_array_get(interval, 1)));
	}
	return series;
}
