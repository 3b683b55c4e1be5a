/* SPDX-License-Identifier: GPL-2.0-only */
/* The gateway's CPU and memory, sampled each second over its whole process tree. */
#ifndef TOLL_SESSION_GAUGES_H
#define TOLL_SESSION_GAUGES_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "probe/discover.h"
#include "record/request.h"
#include "report/report.h"

/*
 * Reading what its pages are walks all of a process: so often, and more rarely where it takes more CPU than a 1,000th of that. A soak of some
 * minutes judges them, too: there it may take a 50th of a CPU.
 */
#define GAUGES_PAGES_NS UINT64_C(10000000000)
#define GAUGES_PAGES_LEAST_NS UINT64_C(250000000)
#define GAUGES_PAGES_RARELY 1000
#define GAUGES_PAGES_RARELY_SOAK 50

struct gauges {
	uint32_t pid[DISCOVER_PIDS_MAX];
	uint64_t born_ticks[DISCOVER_PIDS_MAX]; /* of pid[]: a number that was given away again is nobody of ours */
	unsigned pids;
	unsigned restarts; /* that were wanted */
	unsigned lives; /* times that it was there again after all of its processes had ended, wanted or not */
	uint64_t ended; /* processes that the probes saw leave, the first of them by name */
	uint32_t ended_pid;
	char ended_comm[16];
	uint64_t samples;
	uint64_t start_ns, last_ns; /* of the measured part */
	uint64_t cpu_start_ns, cpu_last_ns;
	uint64_t cpu_gone_ns; /* used by processes that have ended */
	struct gauge_pages pages;
	uint64_t pages_every_ns, pages_rarely, next_pages_ns;
	double cores_max, cores_usable;
	uint64_t rss_initial_bytes, rss_sum_bytes, rss_peak_bytes, rss_last_bytes;
	struct record_gauges record; /* the last sample */
	struct gauge_parts *parts; /* and its parts; NULL: they are not told apart. The session's */
};

void gauges_init(struct gauges *g, const struct discovered *found);
/* A soak of this length wants enough looks at its pages. */
void gauges_pages_often(struct gauges *g, uint64_t soak_ns);
void gauges_add(struct gauges *g, uint32_t pid); /* once, however often it is called */
void gauges_forget_ended(struct gauges *g); /* processes that are gone, where nobody tells of their end */
/* Is this process one of the gateway's that are left? */
bool gauges_has(const struct gauges *g, uint32_t pid);
/* Children of the gateway come and go; pid: as this process sees it. */
void gauges_process(struct gauges *g, const struct wire_process *p, uint32_t pid);
/* The gateway was started anew: its processes are to be added, its account goes on. */
void gauges_restart(struct gauges *g);
/* From here on it is measured (end of the warm-up). Both: true when g->record is a new sample. */
bool gauges_start(struct gauges *g, uint64_t now_ns);
bool gauges_sample(struct gauges *g, uint64_t now_ns);
/* Forgets who has ended first. */
bool gauges_any_alive(struct gauges *g);
void gauges_fill(const struct gauges *g, struct report_gateway *out);

#endif
