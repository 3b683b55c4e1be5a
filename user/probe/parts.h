/* SPDX-License-Identifier: GPL-2.0-only */
/* The state of open probes. Private to probe/. */
#ifndef TOLL_PROBE_PARTS_H
#define TOLL_PROBE_PARTS_H

#include "probe/probe.h"
#include "probe/samples.h"
#include "probe/skeleton.h"

struct ring_buffer;

struct probe {
	struct probe_config config;
	struct toll_bpf *skel;
	struct ring_buffer *ring;
	struct paths chosen; /* what the loaded programs are */
	int record_error;
	uint64_t polled_ns; /* what the ring is being read for was told before */
	uint64_t poll_until_ns;
	bool poll_cut; /* it was not read to that */
	uint64_t records;
	uint64_t marks;
	uint64_t gateway_marks[WIRE_LANES];
	uint64_t answers;
	struct probe_hits hits;
	unsigned off; /* groups that are switched off */
	struct probe_group_costs costs;
	bool costs_known;
	bool trying; /* what comes is of our own trial */
	char paths[280];
	struct samples *samples;
	char no_samples[160];
	char no_threads[200];
};

#endif
