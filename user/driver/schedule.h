/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is to be sent when, for one driver thread: stages one after the other, open-loop arrivals, virtual users. A machine without
 * I/O: time goes in, orders come out. Threads share only the stage clock.
 */
#ifndef TOLL_DRIVER_SCHEDULE_H
#define TOLL_DRIVER_SCHEDULE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"
#include "base/rng.h"
#include "driver/deadline.h"
#include "scenario/arrival.h"
#include "scenario/plan.h"

#define ORDER_NO_USER UINT32_MAX

/* A request that is due. */
struct order {
	uint64_t due_ns;
	uint32_t class_index;
	uint32_t stage;
	uint32_t user; /* virtual user of this thread; ORDER_NO_USER: open loop */
	uint32_t tenant; /* index + 1; 0: the plan has none */
};

/* When stages start; those after a stage that ends with its requests are known only then. All threads. */
struct stage_clock {
	_Atomic uint64_t start_ns[PLAN_STAGES_MAX + 1]; /* 0: not known yet */
	_Atomic uint32_t threads_left[PLAN_STAGES_MAX]; /* that still have requests of a count-bound stage */
	_Atomic uint64_t taken[PLAN_STAGES_MAX]; /* closed loop: requests handed out */
	_Atomic uint64_t skip_ns; /* when stages before skip_to ended early; written before it */
	_Atomic uint32_t skip_to;
	void (*stage_known)(void *ctx); /* wake all threads: a start became known, or a stage's last request is out */
	void *ctx;
};

struct order_ring {
	struct order *order;
	uint64_t head, tail; /* count up for ever */
	uint64_t size; /* power of two */
};

struct user {
	struct deadline think;
	struct rng mix;
	bool busy; /* has a request under way, is about to, or thinks */
};

struct schedule {
	const struct plan *plan;
	struct stage_clock *clock;
	uint32_t shard, shards; /* of all shards' threads: one schedule */
	unsigned threads;
	uint64_t run_start_ns;
	uint32_t stage; /* == plan->stages: all over */
	bool entered, part_done;
	uint64_t stage_start_ns;
	struct arrival_walk walk;
	struct arrival next;
	bool has_next;
	struct user *user;
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

void stage_clock_init(struct stage_clock *c, const struct plan *plan, uint64_t start_ns, unsigned threads);

/* Stages before this one end now. Any thread. */
void stage_clock_skip(struct stage_clock *c, uint32_t stage, uint64_t now_ns);
/* The stage whose start is known last and has passed. */
uint32_t stage_clock_stage(const struct stage_clock *c, const struct plan *plan, uint64_t now_ns);

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
