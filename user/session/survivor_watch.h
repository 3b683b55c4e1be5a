/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Survivors in a soak: from the moment that something grows (or from the begin, on request) blocks are followed in windows within the budget,
 * and at the end sites and stacks become a part of the result.
 */
#ifndef TOLL_SESSION_SURVIVOR_WATCH_H
#define TOLL_SESSION_SURVIVOR_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "probe/calibrate.h"
#include "probe/survivor_probe.h"
#include "probe/windows.h"
#include "scenario/plan.h"
#include "session/kept_code.h"
#include "session/soaked.h"

#define SURVIVOR_NOTES_MAX 8

struct survivor_watch {
	struct survivor_probe *probe; /* NULL: not begun, or see why */
	struct kept_code kept;
	struct calibration calibration;
	struct windows windows; /* when they open and close */
	char because[160]; /* why it was begun; "": it was not */
	char why[320]; /* it cannot be done */
	bool opened; /* windows' account: from the soak's begin on */
	struct soaked_windows done;
	struct survivor_totals totals;
	char note[SURVIVOR_NOTES_MAX][240]; /* what could not be followed */
	uint64_t refused_seen;
	uint64_t bury_ns; /* when blocks of processes that have ended are forgotten; 0: none has ended */
	bool searched; /* the heap, for pointers to blocks */
};

/* Puts the probes on these processes; windows begin with the next tick. Where it cannot be done, w->why tells. */
void survivor_watch_begin(struct survivor_watch *w, const struct soaked *of, const char *because, uint64_t now_ns);
/* A process of the gateway that appeared later. */
void survivor_watch_add(struct survivor_watch *w, uint32_t pid);
/* Children of the gateway come and go. pid: of the process, as we number it. */
void survivor_watch_process(struct survivor_watch *w, const struct wire_process *p, uint32_t pid);
void survivor_watch_tick(struct survivor_watch *w, const struct soaked_now *now);
/* The last window closes, probes go off, stacks get their names. While the processes are there. */
void survivor_watch_end(struct survivor_watch *w, const struct soaked_now *now);
void survivor_watch_fini(struct survivor_watch *w);
/* Part "survivors", or the reason why not. start_ns: of the load. plan: its classes. */
void survivor_watch_result(const struct survivor_watch *w, const struct plan *plan, uint64_t start_ns, json_t *parts,
			   json_t *not_measured);

#endif
