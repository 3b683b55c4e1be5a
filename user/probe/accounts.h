/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs that account for threads: choose them before load, attach them, find the threads that exist. Private to probe/. */
#ifndef TOLL_PROBE_ACCOUNTS_H
#define TOLL_PROBE_ACCOUNTS_H

#include "base/err.h"
#include "probe/probe.h"
#include "probe/skeleton.h"

/* Between open and load, after skeleton_choose(). groups: of enum probe_group; threads_max: 0: the default. */
int accounts_choose(struct toll_bpf *skel, const struct paths *paths, unsigned groups, uint32_t threads_max);
int accounts_attach(struct toll_bpf *skel, struct err *err);
/* Threads of the targets that exist already; again after a target was added. 0 where threads are not accounted for. */
int accounts_find(struct toll_bpf *skel);
/* Takes the programs of PROBE_THREADS or PROBE_SYSCALLS off, but for those of the threads' lives, or puts them on again. */
int accounts_switch(struct toll_bpf *skel, unsigned group, bool on, struct err *err);

#endif
