/* SPDX-License-Identifier: GPL-2.0-only */
/* The gateway's phases of one request as stretches of time, and which threads had the request in their hands meanwhile. */
#ifndef TOLL_ATTRIBUTION_SEGMENTS_H
#define TOLL_ATTRIBUTION_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"

/* From a mark by one thread to a mark by another, or the same. A tid of 0 is not known; picks_up: nobody had it before to_ns. */
struct custody {
	uint64_t from_ns, to_ns;
	uint32_t from_tid, to_tid;
	bool picks_up;
};

struct phase_segment {
	uint64_t start_ns, end_ns;
	uint32_t phase; /* enum phase */
	uint32_t custody; /* index of the custody that it lies in */
};

/* Three a turn, one before the first and one of the request's reading. */
#define CUSTODIES_MAX (3 * TIMELINE_UPSTREAMS_MAX + 2)

/* Zero-initialise; segments_fini frees. In time order. */
struct phase_segments {
	struct phase_segment *at;
	uint32_t count, size;
	struct custody custody[CUSTODIES_MAX];
	uint32_t custodies;
	bool failed; /* no memory: incomplete */
};
void segments_clear(struct phase_segments *s);
void segments_fini(struct phase_segments *s);
void segments_hold(struct phase_segments *s, const struct custody *c);
void segments_add(struct phase_segments *s, enum phase phase, uint64_t start_ns, uint64_t end_ns);

/* As attribution_cut(), and fills segments: of each phase that is the gateway's they add up to out->ns[phase]. */
int attribution_segments(const struct whole_request *w, struct phase_cut *out, struct phase_segments *segments);

#endif
