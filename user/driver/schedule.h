/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is to be sent when, for one driver thread: stages one after the other, open-loop arrivals, virtual users. A machine without
 * I/O: time goes in, orders come out. Threads share only the stage clock.
 */
#ifndef TOLL_DRIVER_SCHEDULE_H
#define TOLL_DRIVER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"
#include "base/rng.h"
#include "driver/deadline.h"
#include "driver/order.h"
#include "driver/stage_clock.h"
#include "driver/talk.h"
#include "scenario/arrival.h"
#include "scenario/plan.h"

struct user {
	struct deadline think;
	struct rng mix;
	bool busy; /* has a request under way, is about to, or thinks */
	uint64_t prompts; /* that it has begun: requests, or conversations */
	struct talk talk;
};

struct schedule {
	const struct plan *plan;
	struct stage_clock *clock;
	uint32_t shard, shards; /* of all shards' threads: one schedule */
	unsigned threads;
	uint64_t run_start_ns;
	uint32_t stage; /* == plan->stages: all over */
	bool entered, part_done, drained;
	uint64_t stage_start_ns;
	struct arrival_walk walk;
	struct arrival next;
	bool has_next;
	struct user *user;
	uint64_t users_all; /* of all shards */
	uint32_t users, next_user; /* next_user: first that has not had its start in this stage */
	struct deadline_list think[PLAN_STAGES_MAX];
	struct deadline_list backoff;
	struct order_ring ready; /* virtual users' requests: never limited */
	struct order_ring queue; /* open loop: wait for a free place */
	struct rng tenants;
	uint64_t outstanding[PLAN_STAGES_MAX]; /* due and not done */
	uint64_t outstanding_all;
	uint64_t due, queue_max; /* due: after the warm-up */
	struct hist *lag; /* open loop, after the warm-up: when an arrival was noticed less when it was due */
	int error;
};

struct schedule_config {
	const struct plan *plan;
	struct stage_clock *clock;
	unsigned thread, threads;
	uint32_t shard, shards;
	uint64_t start_ns;
};

int schedule_init(struct schedule *s, const struct schedule_config *config); /* -ENOMEM */
void schedule_fini(struct schedule *s);
/* Makes due what is due at now_ns. */
void schedule_tick(struct schedule *s, uint64_t now_ns);
/* The next request to send at once; in_flight: how many are. */
bool schedule_take(struct schedule *s, uint64_t in_flight, struct order *out);
bool schedule_can_take(const struct schedule *s, uint64_t in_flight);
/* Nothing more becomes due. */
void schedule_close(struct schedule *s);
/* Takes an order whatever is in flight: empties the schedule when the run is cut short. */
bool schedule_drop(struct schedule *s, struct order *out);
void schedule_done(struct schedule *s, const struct order *order, uint64_t end_ns, bool connected);
/* When schedule_tick has to be called next; UINT64_MAX: when something is done. */
uint64_t schedule_next_ns(const struct schedule *s);
uint64_t schedule_queued(const struct schedule *s);
bool schedule_finished(const struct schedule *s);

#endif
