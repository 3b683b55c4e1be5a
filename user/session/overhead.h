/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the probes cost while they run: in short windows the kernel times every program (BPF_ENABLE_STATS costs by itself, so not
 * always); a mark's mean cost times the gateway's marks is set against the gateway's CPU in the same windows. A gateway's readable marks run
 * in whatever context receives, on loopback often its peer's, so this is what the gateway would pay if it paid for all of its marks.
 */
#ifndef TOLL_SESSION_OVERHEAD_H
#define TOLL_SESSION_OVERHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/probe.h"
#include "session/gauges.h"

struct overhead {
	int stats_fd; /* -1: no window is open */
	uint64_t next_ns; /* when the next window opens, or the open one closes */
	struct probe_costs start;
	uint64_t cpu_start_ns;
	double marks_ns; /* of closed windows */
	uint64_t cpu_ns;
};

void overhead_init(struct overhead *o, uint64_t first_ns);
void overhead_tick(struct overhead *o, const struct probe *p, const struct gauges *g, uint64_t now_ns);
void overhead_fini(struct overhead *o);
/* false: no window was closed, or the kernel does not tell. */
bool overhead_share(const struct overhead *o, double *share);

#endif
