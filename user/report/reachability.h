/* SPDX-License-Identifier: GPL-2.0-only */
/* What nothing in the gateway points to any more, as the part "reachability"; build_survivors.c puts it under `leak`. */
#ifndef TOLL_REPORT_REACHABILITY_H
#define TOLL_REPORT_REACHABILITY_H

#include <jansson.h>
#include <stdint.h>

struct report_reach_process {
	uint32_t pid;
	unsigned threads, arenas, pauses; /* pauses: it was copied so often until its heap made sense */
	uint64_t pause_ns; /* all of them */
	uint64_t copied_bytes;
	uint64_t blocks, bytes; /* in use */
	uint64_t lost, lost_bytes; /* nothing reaches them */
	uint64_t heads; /* of these, nothing at all points to them */
	uint64_t followed_lost, followed_lost_bytes; /* of these, seen to be taken */
	unsigned broken; /* parts of the heap that could not be followed */
};

struct report_reachability {
	const struct report_reach_process *process;
	unsigned processes;
	const char *const *note; /* processes that could not be searched; NULL behind the last */
};

json_t *report_reachability(const struct report_reachability *r); /* NULL: no memory */

#endif
