/* SPDX-License-Identifier: GPL-2.0-only */
/* A CPU quota on this process: a control group of its own, below or beside the one that it is in. */
#ifndef TOLL_GATEWAY_CPU_QUOTA_H
#define TOLL_GATEWAY_CPU_QUOTA_H

#include <limits.h>
#include <stdint.h>

#include "base/err.h"

struct cpu_quota {
	char group[PATH_MAX]; /* ours; empty: none */
	char home[PATH_MAX]; /* where we were before */
};

/* quota_ns of CPU in each period_ns. Version 2 where it has the cpu controller, else version 1. */
int cpu_quota_set(struct cpu_quota *q, uint64_t quota_ns, uint64_t period_ns, struct err *err);
/* Removes the groups that killed gateways left where this process would make one. */
void cpu_quota_sweep(void);
void cpu_quota_clear(struct cpu_quota *q); /* zero-initialised: nothing */

#endif
