/* SPDX-License-Identifier: GPL-2.0-only */
/* What befalls a request at this provider at this moment of the run. One set of faults for all threads; token buckets are shared. */
#ifndef TOLL_PROVIDER_FAULTS_H
#define TOLL_PROVIDER_FAULTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "scenario/plan.h"

struct faults_bucket {
	double tokens;
	uint64_t filled_ns;
};

struct faults {
	const struct fault *fault; /* [count], outlives this */
	uint32_t count;
	_Atomic uint64_t start_ns; /* of the run; UINT64_MAX: it has not begun, and nothing is wrong yet */
	pthread_mutex_t lock; /* of the buckets */
	struct faults_bucket bucket[PLAN_FAULTS_MAX];
};

struct faults_effect {
	bool hang, reset, truncate, malformed;
	bool close; /* behind a whole answer; beside another effect too */
	unsigned status; /* 0: none; else it is refused with this */
	uint64_t retry_after_ns; /* 0: not told */
	uint64_t start_delay_ns, token_delay_ns;
};

void faults_init(struct faults *f, const struct plan_provider *plan);
void faults_fini(struct faults *f);
/* The run's time 0, CLOCK_MONOTONIC; buckets are full then. */
void faults_start(struct faults *f, uint64_t start_ns);
/* Delays add up; of the others the first of the list that strikes is the one. */
void faults_draw(struct faults *f, struct rng *rng, uint64_t now_ns, struct faults_effect *out);

#endif
