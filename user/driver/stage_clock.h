/* SPDX-License-Identifier: GPL-2.0-only */
/* The one thing that a driver's threads share: when each stage starts. */
#ifndef TOLL_DRIVER_STAGE_CLOCK_H
#define TOLL_DRIVER_STAGE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "scenario/plan.h"

/* When stages start; those after a stage that ends with its requests are known only then. All threads. */
struct stage_clock {
	_Atomic uint64_t start_ns[PLAN_STAGES_MAX + 1]; /* 0: not known yet */
	_Atomic uint32_t threads_left[PLAN_STAGES_MAX]; /* that still have requests of a count-bound stage */
	_Atomic uint32_t threads_waiting[PLAN_STAGES_MAX]; /* before a stage with actions: that still have requests under way */
	_Atomic uint64_t taken[PLAN_STAGES_MAX]; /* closed loop: requests handed out */
	_Atomic uint64_t skip_ns; /* when stages before skip_to ended early; written before it */
	_Atomic uint32_t skip_to;
	void (*before)(void *ctx, uint32_t stage); /* nothing is under way: what is to be done before this stage can be */
	void (*stage_known)(void *ctx); /* wake all threads: a start became known, or a stage's last request is out */
	void *ctx;
};

void stage_clock_init(struct stage_clock *c, const struct plan *plan, uint64_t start_ns, unsigned threads);

/* What was to be done before this stage is done: it starts now. Any thread. */
void stage_clock_go(struct stage_clock *c, uint32_t stage, uint64_t now_ns);
/* Stages before this one end now. Any thread. */
void stage_clock_skip(struct stage_clock *c, uint32_t stage, uint64_t now_ns);
/* The stage whose start is known last and has passed. */
uint32_t stage_clock_stage(const struct stage_clock *c, const struct plan *plan, uint64_t now_ns);
/* All threads: look again. */
void stage_clock_wake(const struct stage_clock *c);

#endif
