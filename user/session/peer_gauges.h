/* SPDX-License-Identifier: GPL-2.0-only */
/* CPU and memory of who listens at a labelled peer's address on this host, sampled each second, with the processes that it has then. */
#ifndef TOLL_SESSION_PEER_GAUGES_H
#define TOLL_SESSION_PEER_GAUGES_H

#include <stdint.h>

#include "probe/discover.h"
#include "report/report.h"

struct peer_gauges {
	char host[64];
	unsigned port;
	struct report_peer_process seen;
	uint32_t root; /* who listens; 0: not known */
	uint64_t start_ns;
	/* of the last sample */
	uint32_t pid[DISCOVER_PIDS_MAX];
	uint64_t cpu_ns[DISCOVER_PIDS_MAX];
	unsigned pids;
};

void peer_gauges_init(struct peer_gauges *g, const char *address); /* "127.0.0.1:5432", "[::1]:5432" */
/* The first one begins the measured part. A peer that is not on this host, or cannot be seen, stays unmeasured. */
void peer_gauges_sample(struct peer_gauges *g, uint64_t now_ns);

#endif
