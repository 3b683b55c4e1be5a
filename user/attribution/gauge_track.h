/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gateway's CPU and memory between any two moments of a run, such as a stage's: samples are kept, and once there are
 * GAUGE_TRACK_SAMPLES of them every second one goes, so that memory is bounded however long the run is.
 */
#ifndef TOLL_ATTRIBUTION_GAUGE_TRACK_H
#define TOLL_ATTRIBUTION_GAUGE_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "record/request.h"

#define GAUGE_TRACK_SAMPLES 4096

struct gauge_track_sample {
	uint64_t time_ns, cpu_ns, rss_bytes;
};

/* Zero-initialise. */
struct gauge_track {
	struct gauge_track_sample sample[GAUGE_TRACK_SAMPLES];
	unsigned samples;
	unsigned every, passed; /* of what comes, one in 2^every is kept */
};

struct gauge_span {
	unsigned samples; /* memory is known from one on, CPU from two on */
	uint64_t cpu_ns, over_ns; /* between its first and its last sample */
	double cores_max; /* from one sample to the next */
	uint64_t rss_initial_bytes, rss_mean_bytes, rss_peak_bytes, rss_final_bytes;
};

void gauge_track_add(struct gauge_track *t, const struct record_gauges *g);
/* Of the samples from from_ns to to_ns, both included. */
void gauge_track_span(const struct gauge_track *t, uint64_t from_ns, uint64_t to_ns, struct gauge_span *out);

#endif
