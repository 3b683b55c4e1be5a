/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread may still do: the capabilities it was started with are given up as soon as their work is done. They are the calling
 * thread's alone and pass to threads that it starts; a program that root executes later has root's again, unless it was forbidden for good.
 * Who has none to begin with gives up nothing. All: 0, -errno.
 */
#ifndef TOLL_BASE_PRIVILEGES_H
#define TOLL_BASE_PRIVILEGES_H

#include <stdbool.h>

/*
 * Keeps what watching a gateway takes once the probes are on: BPF maps and iterators, the files of /proc of other users' processes, the names
 * of the kernel's functions, an end to the gateway that was started. writes_elsewhere: the output directory is another user's.
 */
int privileges_watch(bool writes_elsewhere);
/* Keeps nothing, and what is executed later gets nothing either. */
int privileges_none(void);
/*
 * BPF statistics and links of many uprobes ask for CAP_SYS_ADMIN, and so do perf events where Debian's kernels are set to
 * perf_event_paranoid 3 (their default: "security,perf: Allow further restriction of perf_event_open"): it is in effect only between these
 * two. True: it was not before, and is to be lowered again.
 */
bool privileges_raise_admin(void);
void privileges_lower_admin(void);

#endif
