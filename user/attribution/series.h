/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a run went over time: one point a second, and once there are SERIES_POINTS_MAX of them, one point every two seconds, every four ...
 * so that memory and document are bounded however long the run is. Merging two points loses nothing but their order. Requests count in the point in
 * which they ended.
 */
#ifndef TOLL_ATTRIBUTION_SERIES_H
#define TOLL_ATTRIBUTION_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "base/sketch.h"
#include "record/request.h"

#define SERIES_POINTS_MAX 600 /* as wide as a chart; what ten minutes take is all that a run of any length takes */

/* Of the gateway's processes together. */
enum series_gauge_kind {
	SERIES_CPU_CORES, /* from one sample to the next */
	SERIES_RSS_BYTES,
	SERIES_SWAP_BYTES,
	SERIES_PROCESSES,
	SERIES_THREADS,
	SERIES_FDS,
	SERIES_UNREAD_BYTES, /* in its TCP sockets */
	SERIES_ACCEPT_QUEUE,
	SERIES_GAUGES,
};

struct series_gauge {
	double sum;
	uint32_t samples; /* 0: not measured in this point */
};

struct series_point {
	uint64_t sent, ended, failed; /* as the driver saw them */
	uint64_t joined;
	struct sketch latency, toll, driver_lag;
	struct series_gauge gauge[SERIES_GAUGES];
};

struct series;
struct series *series_new(void); /* NULL: no memory */
void series_free(struct series *s);
/* When time 0 is. Only the first call counts; what comes before it, or was before it, is left out. */
void series_start(struct series *s, uint64_t start_ns);
int series_request(struct series *s, const struct record_request *r); /* 0 or -ENOMEM, as the two below */
int series_whole(struct series *s, const struct whole_request *w, const struct phase_cut *cut); /* cut NULL: it has none */
int series_gauges(struct series *s, const struct record_gauges *g);
/* Time has come this far: also a second in which nothing ended is a point. */
int series_tick(struct series *s, uint64_t now_ns);

unsigned series_points(const struct series *s);
const struct series_point *series_point(const struct series *s, unsigned i);
uint64_t series_step_ns(const struct series *s);
/* How much of the last point's time has passed, in ns; the others are whole. */
uint64_t series_last_covered_ns(const struct series *s);
/* Points that could not be kept: their time was absurdly far ahead. */
uint64_t series_dropped(const struct series *s);

#endif
