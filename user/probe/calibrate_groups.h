/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hit of the tracepoint groups costs on this machine: a child process of ours does known work before and while the programs watch it as they
 * watch a gateway. Some 30 ms. Private to probe/.
 */
#ifndef TOLL_PROBE_CALIBRATE_GROUPS_H
#define TOLL_PROBE_CALIBRATE_GROUPS_H

#include <stdint.h>
#include <sys/types.h>

#include "probe/probe.h"
#include "probe/skeleton.h"

/* The child, and what its work took without any program of ours; ns each. */
struct group_trial {
	pid_t pid; /* 0: none */
	int to, from; /* pipes */
	uint64_t call_ns, round_ns, burn_ns;
};

/* Starts the child and measures it; -errno. */
int group_trial_begin(struct group_trial *t);
/*
 * All programs are attached, nothing is watched yet: watches the child as a gateway's process, and measures it again. What it has made the programs tell
 * is in the ring then, and not in the counters. -errno
 */
int group_trial_measure(const struct group_trial *t, struct toll_bpf *skel, const struct paths *paths,
			struct probe_group_costs *out);
void group_trial_end(struct group_trial *t); /* twice is fine */

#endif
