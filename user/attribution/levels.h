/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many of something there were at once, over time: intervals of any order and age go in, levels at evenly spaced moments come out. The
 * spacing starts fine and doubles as the run goes on, so that memory is bounded however long it is; what lies wholly between two moments
 * is not seen.
 */
#ifndef TOLL_ATTRIBUTION_LEVELS_H
#define TOLL_ATTRIBUTION_LEVELS_H

#include <stdint.h>

#define LEVELS_MOMENTS 4096

/* The moments, shared by many levels. Moment i is at start_ns + i * step_ns. */
struct levels_clock {
	uint64_t start_ns; /* 0: not begun, all that comes is of moment 0 */
	uint64_t step_ns;
	unsigned used; /* moments up to the latest time that was told */
};

struct level {
	int32_t change[LEVELS_MOMENTS]; /* against the moment before */
};

void levels_start(struct levels_clock *c, uint64_t start_ns);
/* The first moment at or after a time; what was before the start counts from there. LEVELS_MOMENTS or more: there is no room, halve first. */
uint64_t levels_moment(const struct levels_clock *c, uint64_t time_ns);
/* Every second moment goes. The clock once, each of its levels once. */
void levels_clock_halve(struct levels_clock *c);
void level_halve(struct level *l);
/* by more (or fewer) from this moment on, which is below LEVELS_MOMENTS. */
void level_change(struct level *l, unsigned moment, int by);

#endif
