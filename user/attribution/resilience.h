/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the gateway deals with upstreams that fail, inferred from which upstreams each request called, when, and what came of it; nobody asks
 * the gateway. An upstream that failed and that requests then pass over has an open breaker; one that a single request tries again is half
 * open, until the next shows which way it went. What a lower one in the list is called for says which ones above it were passed over.
 *
 * Requests come in the order in which they ended and are put into the order in which they called, within RESILIENCE_WINDOW of them.
 */
#ifndef TOLL_ATTRIBUTION_RESILIENCE_H
#define TOLL_ATTRIBUTION_RESILIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"
#include "timeline/timeline.h"

#define RESILIENCE_UPSTREAMS_MAX 8
#define RESILIENCE_CHANGES_MAX 64
#define RESILIENCE_WINDOW 8192

enum resilience_state { RESILIENCE_CLOSED = 0, RESILIENCE_OPEN = 1, RESILIENCE_HALF_OPEN = 2 };
const char *resilience_state_name(enum resilience_state state); /* "CLOSED" */

struct resilience_change {
	uint64_t request; /* counts those in the order of their calls, from 0 */
	uint64_t time_ns;
	enum resilience_state state;
};

struct resilience_upstream {
	uint64_t turns, failed, answered; /* failed: no answer, or 5xx; answered: its answer became the client's */
	uint64_t passed_over; /* by requests that called one further down */
	enum resilience_state state;
	uint64_t opened, half_opened, closed; /* changes into the state */
	struct resilience_change change[RESILIENCE_CHANGES_MAX]; /* the first of them */
	unsigned changes;
};

struct resilience_stats {
	uint64_t requests; /* that called an upstream of ours, or were refused without any */
	uint64_t failovers; /* a first attempt failed, and the request called another upstream ... */
	uint64_t failovers_ok; /* ... and ended well */
	struct hist *failover; /* first failed attempt leaves -> first byte from the upstream that answered */
	uint64_t attempts_max; /* most upstream turns of one request */
	uint64_t retried; /* requests with more than one */
	struct hist *backoff; /* a failed attempt's last byte, or its leaving where none came -> the next attempt leaves */
	uint64_t out_of_order; /* came too late for the window: the breakers may be told wrongly */
	struct resilience_upstream upstream[RESILIENCE_UPSTREAMS_MAX];
	unsigned upstreams;
};

struct resilience;
/* upstreams: how many there are, in the gateway's order of priority. NULL: no memory. */
struct resilience *resilience_new(unsigned upstreams);
void resilience_free(struct resilience *r);
/* Each request, matched or not; those of the warm-up too, for a breaker remembers them. -ENOMEM. */
int resilience_add(struct resilience *r, const struct whole_request *w);
/* all: those in the window too, for no more come that may belong before them. */
const struct resilience_stats *resilience_stats(struct resilience *r, bool all);

#endif
