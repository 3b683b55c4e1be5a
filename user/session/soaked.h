/* SPDX-License-Identifier: GPL-2.0-only */
/* What the dearer tiers of a soak have in common: whom they look at, how things are meanwhile, and the windows in which they do. */
#ifndef TOLL_SESSION_SOAKED_H
#define TOLL_SESSION_SOAKED_H

#include <stdint.h>

#include "leak/watch.h"
#include "probe/calibrate.h"
#include "report/survivors.h"
#include "scenario/plan.h"
#include "symbol/symbols.h"

/* The gateway, and what is known of it already. */
struct soaked {
	const uint32_t *pid;
	unsigned pids;
	const struct symbols *files; /* opened already; NULL: none are */
	const struct calibration *calibration; /* of the allocator's probes; NULL: none was made */
	enum uprobe_link_kind link; /* asked for */
};

/* How things are now, all cumulative. */
struct soaked_now {
	uint64_t now_ns;
	double cpu_ns; /* of the gateway */
	double share; /* of it that may be spent; 0: no limit */
	double requests[LEAK_CLASSES_MAX]; /* ended, by class */
};

struct soaked_windows {
	unsigned count; /* so far */
	uint64_t begun_ns; /* when it was begun to look: the first window opens later */
	uint64_t on_ns; /* all of those that have closed */
	double cpu_ns, requests[LEAK_CLASSES_MAX]; /* in them; the gateway's CPU */
	struct soaked_now open; /* when the present one opened */
};

void soaked_window_open(struct soaked_windows *w, const struct soaked_now *now);
void soaked_window_close(struct soaked_windows *w, const struct soaked_now *now);
/* Into the report: windows, and the requests that ended in them by class. start_ns: of the load. */
void soaked_windows_fill(const struct soaked_windows *w, const struct plan *plan, uint64_t start_ns,
			 struct report_survivors *out);

#endif
