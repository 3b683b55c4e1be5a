/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arrival schedule of open-loop stages: pure functions of plan, seed and index, so that a run can be repeated, split
 * (shard i of n takes every n-th arrival of the same schedule) and proven from the far side.
 */
#ifndef TOLL_SCENARIO_ARRIVAL_H
#define TOLL_SCENARIO_ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "scenario/plan.h"

struct arrival {
	uint64_t due_ns; /* from the start of the run */
	uint64_t index; /* counts over the whole run */
	uint32_t stage;
	uint32_t class_index;
	uint32_t trace_row; /* index + 1; 0: the stage has no trace */
};

/* Walks the open-loop arrivals of the stage in time order. */
struct arrival_walk {
	const struct plan *plan;
	uint32_t stage;
	uint64_t stage_start_ns;
	uint64_t first_index; /* of this stage */
	uint64_t made; /* arrivals of this stage so far, of all shards */
	double exposure; /* integral of the rate that the next arrival waits for */
	struct rng gaps;
	struct rng mix;
	uint32_t shard, shards;
};

/* stage must be PLAN_OPEN. Walks through earlier Poisson stages to know the index of its first arrival (about 50 ms a million). */
void arrival_walk_init(struct arrival_walk *w, const struct plan *plan, uint32_t stage, uint64_t stage_start_ns, uint32_t shard,
		       uint32_t shards);
/* Next arrival of this shard; false at the end of the stage. Constant: the k-th is due when the rate's integral reaches k + 0.5. */
bool arrival_walk_next(struct arrival_walk *w, struct arrival *out);

/* How many arrivals the stage makes, of all shards: exactly those of the walk. stage must be PLAN_OPEN. */
uint64_t arrival_count(const struct plan *plan, uint32_t stage);

/* When row `index` of a stage's trace is due, from the stage's start; row 0 is due at 0. */
uint64_t arrival_trace_due_ns(const struct plan_stage *stage, uint32_t index);

/* Draws a class by weight among those of the stage. */
uint32_t arrival_class(const struct plan *plan, uint32_t stage, struct rng *mix);
/* Draws a tenant by weight among those of the stage; the plan has tenants. */
uint32_t arrival_tenant(const struct plan *plan, uint32_t stage, struct rng *rng);
/* Closed loop: how many virtual users run at this time of the stage (linear, rounded to nearest). */
uint32_t arrival_users(const struct plan_stage *stage, uint64_t since_stage_start_ns);

#endif
