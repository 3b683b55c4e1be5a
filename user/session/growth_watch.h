/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stacks behind what grows in a soak: looked at in windows for a while from the moment that a gauge rises, again when another one does. The
 * first window opens at once.
 */
#ifndef TOLL_SESSION_GROWTH_WATCH_H
#define TOLL_SESSION_GROWTH_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "probe/growth_probe.h"
#include "scenario/plan.h"
#include "session/kept_code.h"
#include "session/soaked.h"

struct growth_watch {
	struct growth_probe *probe; /* NULL: not begun, or see why */
	struct kept_code kept;
	char because[200]; /* what rose; "": nothing did */
	char why[320]; /* it cannot be done */
	uint64_t next_ns, until_ns; /* the next window opens, and no more do */
	struct soaked_windows windows;
	uint64_t refused, stacks_lost;
	bool no_touches;
};

/* Something rises: look from here on for a while, or for a while longer. */
void growth_watch_begin(struct growth_watch *w, const struct soaked *of, const char *because, const struct soaked_now *now);
void growth_watch_add(struct growth_watch *w, uint32_t pid); /* a process of the gateway that appeared later */
void growth_watch_tick(struct growth_watch *w, const struct soaked_now *now);
/* The window closes, stacks get their names. While the processes are there. */
void growth_watch_end(struct growth_watch *w, const struct soaked_now *now);
void growth_watch_fini(struct growth_watch *w);
/* Part "growth_stacks", or the reason why not. */
void growth_watch_result(const struct growth_watch *w, const struct plan *plan, uint64_t start_ns, json_t *parts,
			 json_t *not_measured);

#endif
