/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The allocator probes of a session: on the gateway's processes as they come and go, within the budget, and what they saw in the measured
 * part. A run without them is still a run: the reason goes into the report.
 */
#ifndef TOLL_SESSION_ALLOC_WATCH_H
#define TOLL_SESSION_ALLOC_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "probe/alloc_probe.h"
#include "probe/calibrate.h"
#include "probe/probe.h"
#include "session/metered.h"

struct alloc_watch {
	struct alloc_probe *alloc; /* NULL: see why */
	char why[320]; /* nothing is measured */
	struct probe *probe; /* whose marks carry the allocator's time */
	struct calibration calibration;
	struct metered metered;
	struct metered frees; /* of those that give back: how long they were on */
	double takes_beside_frees_ns; /* of what the others would have cost with some returns: while these were on */
	struct alloc_rate {
		uint64_t calls, from_ns; /* of a stretch in which all probes are on */
		uint32_t one_return_in; /* as the stretch before has called for */
	} rate;
	struct alloc_counted {
		uint64_t calls, returns, hits; /* hits: beside calls */
	} counted[WIRE_ALLOC_FUNCTIONS_MAX]; /* of each row, what has been charged to the budget */
	struct alloc_costs {
		double seen_ns; /* as they were looked at */
		double all_ns, some_ns; /* as it would have been with all returns, with some */
	} takes, gives; /* functions that take memory, and those that give it back */
	struct wire_alloc_stats *base; /* of each row when the measured part began */
	unsigned base_rows;
};

/* Calibrates, then puts the probes on these processes. */
void alloc_watch_open(struct alloc_watch *w, struct probe *probe, const uint32_t *pid, unsigned pids,
		      const struct budget_limit *limit);
void alloc_watch_close(struct alloc_watch *w); /* probes off; twice is fine. The figures stay until alloc_watch_fini() */
void alloc_watch_fini(struct alloc_watch *w);
/* Children of the gateway come and go. */
void alloc_watch_process(struct alloc_watch *w, const struct wire_process *p, uint32_t pid);
/* A process that was found beside them. */
void alloc_watch_add(struct alloc_watch *w, uint32_t pid);
/* From here on it is measured; requests: done so far. */
void alloc_watch_start(struct alloc_watch *w, uint64_t now_ns, uint64_t requests);
/* Every METERED_TICK_NS: lets the budget decide. held: A/B wants them off. */
void alloc_watch_tick(struct alloc_watch *w, const struct metered_now *now, bool held);
/* The measured part is over: probes off. */
void alloc_watch_end(struct alloc_watch *w, const struct metered_now *now);
/* Parts "allocator" and "probes.groups.alloc", or the reasons why not, into these objects. */
void alloc_watch_result(const struct alloc_watch *w, json_t *parts, json_t *groups, json_t *not_measured);

#endif
