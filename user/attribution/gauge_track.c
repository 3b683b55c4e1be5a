// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/gauge_track.h"

#include <string.h>

static void halve(struct gauge_track *t)
{
	for (unsigned i = 0; i < t->samples / 2; i++)
		t->sample[i] = t->sample[2 * i];
	t->samples /= 2;
	t->every++;
}

void gauge_track_add(struct gauge_track *t, const struct record_gauges *g)
{
	if (g->missing & RECORD_GAUGES_NO_STATUS)
		return;
	if (t->passed++ & ((1u << t->every) - 1))
		return;
	if (t->samples == GAUGE_TRACK_SAMPLES)
		halve(t);
	t->sample[t->samples++] =
		(struct gauge_track_sample){.time_ns = g->time_ns, .cpu_ns = g->cpu_ns, .rss_bytes = g->rss_bytes};
}

static void span_add(struct gauge_span *out, const struct gauge_track_sample *s, const struct gauge_track_sample *before)
{
	if (!out->samples++)
		out->rss_initial_bytes = s->rss_bytes;
	if (before && s->time_ns > before->time_ns) {
		double cores = (double)(s->cpu_ns - before->cpu_ns) / (double)(s->time_ns - before->time_ns);

		out->cpu_ns += s->cpu_ns - before->cpu_ns;
		out->over_ns += s->time_ns - before->time_ns;
		out->cores_max = cores > out->cores_max ? cores : out->cores_max;
	}
	if (s->rss_bytes > out->rss_peak_bytes)
		out->rss_peak_bytes = s->rss_bytes;
	out->rss_final_bytes = s->rss_bytes;
	out->rss_mean_bytes += s->rss_bytes; /* their sum, so far */
}

void gauge_track_span(const struct gauge_track *t, uint64_t from_ns, uint64_t to_ns, struct gauge_span *out)
{
	const struct gauge_track_sample *before = NULL;

	*out = (struct gauge_span){.samples = 0};
	for (unsigned i = 0; i < t->samples; i++) {
		const struct gauge_track_sample *s = &t->sample[i];

		if (s->time_ns < from_ns || s->time_ns > to_ns)
			continue;
		span_add(out, s, before);
		before = s;
	}
	if (out->samples)
		out->rss_mean_bytes /= out->samples;
}
