/* SPDX-License-Identifier: GPL-2.0-only */
/* A request on its way through the provider: held, answered on absolute times, logged. */
#ifndef TOLL_PROVIDER_JOB_H
#define TOLL_PROVIDER_JOB_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rng.h"
#include "http/server.h"
#include "provider/arrivals.h"
#include "provider/distribution.h"
#include "provider/faults.h"
#include "scenario/plan.h"

/* How all threads answer: parsed once, then only read. */
struct behaviour {
	struct distribution *service;
	struct distribution *first_token; /* NULL: service */
	struct distribution *inter_token; /* NULL: 0 */
	const struct plan_provider *plan;
	uint32_t upstream_index;
};

/* One thread's share. */
struct worker {
	struct loop *loop;
	const struct behaviour *behaviour;
	struct faults *faults; /* of all threads */
	struct arrivals arrivals;
	struct rng rng;
	struct buf text; /* scratch for what is being said */
	struct buf spare; /* of a plain answer that was given, for the next */
	uint64_t answers; /* numbers the answers' ids */
};

/* The http room's callbacks; their ctx is a struct worker. */
extern const struct http_callbacks job_callbacks;

#endif
