/* SPDX-License-Identifier: GPL-2.0-only */
/* The gateway's processes and threads as they come and go: those that live shorter than a second too, which no gauge sees. */
#ifndef TOLL_ATTRIBUTION_WORKERS_H
#define TOLL_ATTRIBUTION_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"

struct workers {
	uint64_t processes_began, processes_ended;
	bool threads_seen; /* their probes were on: the two below are figures */
	uint64_t threads_began, threads_ended; /* a process' first thread is one */
};

/* A record whose size has been checked; what was before start_ns is not counted. Zero-initialise. */
void workers_wire(struct workers *w, const void *record, uint64_t start_ns);

#endif
