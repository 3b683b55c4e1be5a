/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The groups of tracepoints that can be switched, under the session's budget: threads first, without them there are no causes; then stacks, then system
 * calls. What each takes is its hits times what a hit was calibrated to cost.
 */
#ifndef TOLL_SESSION_GROUP_WATCH_H
#define TOLL_SESSION_GROUP_WATCH_H

#include "probe/probe.h"
#include "session/metered.h"

/* A request's causes are told only where all of its way through the gateway lies within a window. */
#define GROUP_WINDOW_NS UINT64_C(1000000000)
#define GROUP_WATCHED 3

struct group_watch {
	struct probe *probe; /* NULL: nothing is watched */
	struct metered of[GROUP_WATCHED]; /* in the order of their worth */
	unsigned groups; /* enum probe_group: those that work here */
	char why[200]; /* not steered; "": they are */
};

void group_watch_open(struct group_watch *w, struct probe *probe, const struct budget_limit *limit);
void group_watch_close(struct group_watch *w); /* figures stay */
/* From here on it is measured; requests: done so far. */
void group_watch_start(struct group_watch *w, uint64_t now_ns, uint64_t requests);
/* Every METERED_TICK_NS. now: base_ns of the sockets, after_ns of the allocator's probes. held: A/B wants them off. */
void group_watch_tick(struct group_watch *w, const struct metered_now *now, bool held);
/* All of them, so far. */
double group_watch_spent_ns(const struct group_watch *w);
/* Objects "threads", "stacks", "syscalls" of those that are there. */
void group_watch_result(const struct group_watch *w, json_t *groups);

#endif
