/* SPDX-License-Identifier: GPL-2.0-only */
/* Which upstream a request goes to next: the list in its order of priority, past those whose breaker is open, round after round. */
#ifndef TOLL_GATEWAY_ROUTE_H
#define TOLL_GATEWAY_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "gateway/breaker.h"
#include "gateway/gateway.h"
#include "gateway/upstream.h"

struct route_upstream {
	const struct upstream_target *target;
	struct upstream_pool *pool; /* of the worker */
	struct breaker *breaker; /* of all workers */
};

/* Of one worker. */
struct route {
	struct route_upstream at[GATEWAY_UPSTREAMS_MAX];
	unsigned count;
	unsigned retries; /* rounds after the first */
	uint64_t backoff_ns; /* before the second round, doubled before each later one; half of it is random */
	uint64_t attempt_ns; /* until an answer has begun; 0: no limit */
	bool unlimited; /* planted: retries for ever, at once */
	struct rng rng;
};

/* How far one request has come. Zero-initialise. */
struct route_walk {
	unsigned round, next;
	unsigned current; /* the upstream of the attempt in hand */
	bool trying; /* its breaker waits to be told */
};

/*
 * The next attempt's upstream, in w->current; *wait_ns: before it (0: at once). False: there is none. retry_after_ns: what the last answer
 * asked for; an upstream that wants more than a short wait is not asked again.
 */
bool route_next(struct route *r, struct route_walk *w, uint64_t retry_after_ns, uint64_t now_ns, uint64_t *wait_ns);
/* What the attempt in hand came to: once each, later calls do nothing. */
void route_tell(struct route *r, struct route_walk *w, bool ok, uint64_t now_ns);
void route_forget(struct route *r, struct route_walk *w);
const struct route_upstream *route_current(const struct route *r, const struct route_walk *w);

#endif
