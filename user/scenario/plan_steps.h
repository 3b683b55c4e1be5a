/* SPDX-License-Identifier: GPL-2.0-only */
/* Stages that one item of stages: stands for: steps up until something breaks, and bursts over a base load. Inside scenario/ only. */
#ifndef TOLL_SCENARIO_PLAN_STEPS_H
#define TOLL_SCENARIO_PLAN_STEPS_H

#include "scenario/plan_file.h"

#define BURSTS_MAX 8

/* until: goes on a criterion of a set of requests, without a stage before it. */
int plan_until_read(const struct place *at, struct plan_stage *out);

struct plan_burst {
	char name[24];
	double times; /* the base rate */
	uint64_t for_ns;
	uint64_t at_ns, every_ns; /* both 0: at a random time */
	uint32_t count; /* random ones: how many */
};
struct plan_bursts {
	struct plan_burst burst[BURSTS_MAX];
	uint32_t count;
};
int plan_bursts_read(const struct place *at, struct plan_bursts *out);

/*
 * plan->stage[plan->stages] was read from `at`: counts it in, or what it stands for. bursts->count 0: none. Bursts that overlap add up what
 * they are above the base.
 */
int plan_steps_add(const struct place *at, struct plan *plan, const struct plan_bursts *bursts);

#endif
