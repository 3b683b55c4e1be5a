// SPDX-License-Identifier: GPL-2.0-only
/* How the run went over time: one column of the document for each figure. */
#include "report/build.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

/* A rate over less of a point's time says nothing. */
#define COVERED_SHARE_MIN 0.25
#define SAMPLED "the capture holds a sample: whole seconds are missing in it"

typedef json_t *(*column_value)(const struct series_point *p, double covered_s);

static json_t *rate_of(uint64_t count, double covered_s)
{
	return covered_s > 0 ? json_real(round((double)count / covered_s * 1e3) / 1e3) : json_null();
}

static json_t *sent_rate(const struct series_point *p, double covered_s)
{
	return rate_of(p->sent, covered_s);
}

static json_t *ended_rate(const struct series_point *p, double covered_s)
{
	return rate_of(p->ended, covered_s);
}

static json_t *failed_rate(const struct series_point *p, double covered_s)
{
	return rate_of(p->failed, covered_s);
}

static json_t *joined_rate(const struct series_point *p, double covered_s)
{
	return rate_of(p->joined, covered_s);
}

static json_t *percentile_of(const struct sketch *s, double q)
{
	return s->count ? build_u64(sketch_percentile(s, q)) : json_null();
}

static json_t *latency_p50(const struct series_point *p, double covered_s)
{
	(void)covered_s;
	return percentile_of(&p->latency, 50);
}

static json_t *latency_p99(const struct series_point *p, double covered_s)
{
	(void)covered_s;
	return percentile_of(&p->latency, 99);
}

static json_t *toll_p50(const struct series_point *p, double covered_s)
{
	(void)covered_s;
	return percentile_of(&p->toll, 50);
}

static json_t *toll_p99(const struct series_point *p, double covered_s)
{
	(void)covered_s;
	return percentile_of(&p->toll, 99);
}

static json_t *driver_lag_p99(const struct series_point *p, double covered_s)
{
	(void)covered_s;
	return percentile_of(&p->driver_lag, 99);
}

static void column_add(struct build *b, json_t *out, const char *key, column_value value)
{
	const struct series *s = b->in->series;
	unsigned points = series_points(s);
	double step_s = (double)series_step_ns(s) / (double)NS_PER_S;
	double last_s = (double)series_last_covered_ns(s) / (double)NS_PER_S;
	json_t *column = build_array(b, out, key);

	if (last_s < step_s * COVERED_SHARE_MIN)
		last_s = 0;
	for (unsigned i = 0; i < points; i++)
		build_append(b, column, value(series_point(s, i), i + 1 < points ? step_s : last_s));
}

/* Sent and not yet ended, at the end of each point. */
static void in_flight_add(struct build *b, json_t *out)
{
	const struct series *s = b->in->series;
	json_t *column = build_array(b, out, "in_flight");
	uint64_t open = 0;

	for (unsigned i = 0; i < series_points(s); i++) {
		const struct series_point *p = series_point(s, i);
		open = open + p->sent > p->ended ? open + p->sent - p->ended : 0;
		build_append(b, column, build_u64(open));
	}
}

static void driver_columns(struct build *b, json_t *out, bool sampled)
{
	static const struct {
		const char *key;
		column_value value;
	} rates[] = {{"sent_per_s", sent_rate}, {"ended_per_s", ended_rate}, {"errors_per_s", failed_rate}};
	static const struct {
		const char *key;
		column_value value;
	} times[] = {{"latency_p50_ns", latency_p50}, {"latency_p99_ns", latency_p99}, {"driver_lag_p99_ns", driver_lag_p99}};

	if (!b->in->total.stats) {
		build_absent(b, "", "series.latency", "the load was not ours");
		return;
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		column_add(b, out, times[i].key, times[i].value);
	if (sampled) {
		build_absent(b, "", "series.rates", SAMPLED);
		return;
	}
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
		column_add(b, out, rates[i].key, rates[i].value);
	in_flight_add(b, out);
}

static void inside_columns(struct build *b, json_t *out, bool sampled)
{
	const char *why = build_no_probes(b->in);

	if (why) {
		build_absent(b, "", "series.toll", why);
		return;
	}
	column_add(b, out, "toll_p50_ns", toll_p50);
	column_add(b, out, "toll_p99_ns", toll_p99);
	if (!sampled)
		column_add(b, out, "joined_per_s", joined_rate);
}

/* A mean over each point; a gauge that was never read has no column. */
static bool gauge_column(struct build *b, json_t *out, const char *key, enum series_gauge_kind kind)
{
	const struct series *s = b->in->series;
	uint64_t samples = 0;

	for (unsigned i = 0; i < series_points(s); i++)
		samples += series_point(s, i)->gauge[kind].samples;
	if (!samples)
		return false;
	json_t *column = build_array(b, out, key);
	for (unsigned i = 0; i < series_points(s); i++) {
		const struct series_gauge *g = &series_point(s, i)->gauge[kind];
		double mean = g->samples ? g->sum / g->samples : 0;
		build_append(b, column,
			     !g->samples                ? json_null()
			     : kind == SERIES_CPU_CORES ? json_real(round(mean * 1e4) / 1e4)
							: build_u64((uint64_t)llround(mean)));
	}
	return true;
}

static void gauge_columns(struct build *b, json_t *out)
{
	static const struct {
		enum series_gauge_kind kind;
		const char *key;
	} rows[] = {{SERIES_CPU_CORES, "gateway_cpu_cores"},
		    {SERIES_RSS_BYTES, "gateway_rss_bytes"},
		    {SERIES_SWAP_BYTES, "gateway_swap_bytes"},
		    {SERIES_THREADS, "gateway_threads"},
		    {SERIES_FDS, "gateway_fds"},
		    {SERIES_PROCESSES, "gateway_processes"},
		    {SERIES_UNREAD_BYTES, "gateway_unread_bytes"},
		    {SERIES_ACCEPT_QUEUE, "gateway_accept_queue"}};
	bool any = false;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		any |= gauge_column(b, out, rows[i].key, rows[i].kind);
	if (!any)
		build_absent(b, "", "series.gateway", "no process of the gateway could be read on this host");
}

static void bands_add(struct build *b, json_t *out, double end_s)
{
	const struct report_input *in = b->in;
	json_t *bands = build_array(b, out, "bands");

	build_band(b, bands, "warmup", "warm-up", 0, in->warmup_s);
	for (unsigned i = 0; i < in->stages; i++) {
		const struct report_set *s = &in->stage[i];
		if (s->stats && s->stats->sent)
			build_band(b, bands, "stage", s->name ? s->name : "", s->from_s, s->from_s + s->duration_s);
	}
	build_faults(b, bands, end_s);
}

void build_series(struct build *b)
{
	const struct series *s = b->in->series;
	const struct capture_end *c = b->in->capture;
	bool sampled = c && b->in->command && !strcmp(b->in->command, "replay") && c->requests_written < c->requests_seen;

	if (!s || !series_points(s)) {
		build_absent(b, "", "series", "no second of the run was recorded");
		return;
	}
	json_t *out = build_object(b, b->doc, "series");
	build_put(b, out, "step_s", build_number((double)series_step_ns(s) / (double)NS_PER_S));
	build_put(b, out, "points", json_integer(series_points(s)));
	driver_columns(b, out, sampled);
	inside_columns(b, out, sampled);
	gauge_columns(b, out);
	bands_add(b, out, (double)series_points(s) * (double)series_step_ns(s) / (double)NS_PER_S);
}
