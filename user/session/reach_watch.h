/* SPDX-License-Identifier: GPL-2.0-only */
/* The last word of a soak, on request: what of the gateway's heap can its processes still find? Each stands still for a moment. */
#ifndef TOLL_SESSION_REACH_WATCH_H
#define TOLL_SESSION_REACH_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "probe/discover.h"
#include "report/reachability.h"
#include "session/survivor_watch.h"

#define REACH_NOTES_MAX 8

struct reach_watch {
	struct report_reach_process *process;
	unsigned processes;
	char note[REACH_NOTES_MAX][320]; /* who could not be searched, and why */
	unsigned notes;
};

/* The load is over, the processes are there; survivors: what they followed gets its fate. */
void reach_watch_end(struct reach_watch *w, const uint32_t *pid, unsigned pids, struct survivor_watch *survivors);
void reach_watch_fini(struct reach_watch *w);
/* Part "reachability", or the reason why not. */
void reach_watch_result(const struct reach_watch *w, bool asked, json_t *parts, json_t *not_measured);

#endif
