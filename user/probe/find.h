/* SPDX-License-Identifier: GPL-2.0-only */
/* What is open already when the probes are put on. Private to probe/. */
#ifndef TOLL_PROBE_FIND_H
#define TOLL_PROBE_FIND_H

#include "probe/skeleton.h"

/* Sockets and threads of the processes that are wanted now. -errno. */
int find_open(struct toll_bpf *skel, const struct paths *paths);

#endif
