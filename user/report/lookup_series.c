// SPDX-License-Identifier: GPL-2.0-only
/* Metrics that are told from the gateway's gauges over time. */
#include <math.h>
#include <string.h>

#include "report/lookup.h"

struct gauge_sum {
	double sum, max;
	unsigned points;
};

static double gauge_mean(const struct series_gauge *g)
{
	return g->sum / g->samples;
}

/* Over the points that begin within [from_s, to_s) of the run. */
static struct gauge_sum gauge_between(const struct series *s, enum series_gauge_kind kind, double from_s, double to_s)
{
	double step_s = (double)series_step_ns(s) / 1e9;
	struct gauge_sum out = {0};

	for (unsigned i = 0; i < series_points(s); i++) {
		const struct series_gauge *g = &series_point(s, i)->gauge[kind];
		double at_s = (i + 0.5) * step_s;

		if (!g->samples || at_s < from_s || at_s >= to_s)
			continue;
		out.sum += gauge_mean(g);
		out.max = fmax(out.max, gauge_mean(g));
		out.points++;
	}
	return out;
}

static int growth_rate(const struct report_input *in, enum series_gauge_kind kind, struct criteria_value *out)
{
	double third_s = in->duration_s / 3, end_s = in->warmup_s + in->duration_s;
	struct gauge_sum first = gauge_between(in->series, kind, in->warmup_s, in->warmup_s + third_s);
	struct gauge_sum last = gauge_between(in->series, kind, end_s - third_s, INFINITY);

	if (!first.points || !last.points || !(first.sum > 0))
		return lookup_no_data(out, "the run was too short: a third of it has no sample");
	return lookup_is(out, last.sum / last.points / (first.sum / first.points) - 1.0);
}

int lookup_series(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	static const struct {
		const char *name;
		enum series_gauge_kind kind;
		enum { GROWTH, MEAN, MAX } what;
	} rows[] = {{"gateway.memory.growth_rate", SERIES_RSS_BYTES, GROWTH},
		    {"gateway.fds.growth_rate", SERIES_FDS, GROWTH},
		    {"gateway.fds.mean", SERIES_FDS, MEAN},
		    {"queue.unread_bytes.max", SERIES_UNREAD_BYTES, MAX},
		    {"queue.accept.max", SERIES_ACCEPT_QUEUE, MAX},
		    {"gateway.threads.max", SERIES_THREADS, MAX},
		    {"gateway.processes.max", SERIES_PROCESSES, MAX}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct gauge_sum all;

		if (strcmp(metric, rows[i].name))
			continue;
		if (!in->series)
			return lookup_no_data(out, "the gateway was not followed over time");
		if (rows[i].what == GROWTH)
			return growth_rate(in, rows[i].kind, out);
		all = gauge_between(in->series, rows[i].kind, in->warmup_s, INFINITY);
		if (!all.points)
			return lookup_no_data(out, "the gateway's processes are not known on this host, or could not be read");
		return lookup_is(out, rows[i].what == MEAN ? all.sum / all.points : all.max);
	}
	return LOOKUP_NOT_MINE;
}
