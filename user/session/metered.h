/* SPDX-License-Identifier: GPL-2.0-only */
/* A group of probes under its budget: how long it was on in the measured part, what it took, since when it was held back. */
#ifndef TOLL_SESSION_METERED_H
#define TOLL_SESSION_METERED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "probe/budget.h"

/* How often the budget decides. */
#define METERED_TICK_NS UINT64_C(20000000)

/* Zero-initialise. */
struct metered {
	struct budget budget;
	struct budget_seen seen;
	bool on; /* its probes are on */
	bool held; /* off by A/B, whatever the budget says */
	bool measured; /* the warm-up is over */
	uint64_t start_ns, last_ns, on_ns;
	uint64_t requests_from, requests; /* that ended in the measured part while it was on */
	double spent_start_ns, cpu_start_ns;
};

/* What the session knows at a tick; all so far. */
struct metered_now {
	uint64_t now_ns;
	uint64_t requests; /* done */
	double gateway_cpu_ns;
	double base_ns, after_ns; /* spent by the groups before and after this one */
	uint64_t (*requests_now)(const void *ctx); /* read anew, after something that took its time */
	const void *ctx;
};

/* As budget_init(). The group is off. */
void metered_init(struct metered *m, const struct budget_limit *limit, uint64_t window_ns);
/* From here on it is measured. */
void metered_start(struct metered *m, uint64_t now_ns, uint64_t requests);
/* After m->seen's spent_ns and level_ns were brought up to date; true: it is to be on. */
bool metered_tick(struct metered *m, const struct metered_now *now);
/* It went on or off, or goes on as it is: due at every tick and before any switch. */
void metered_follow(struct metered *m, uint64_t now_ns, uint64_t requests, bool on);
double metered_on_share(const struct metered *m);
/* Of the measured part. */
double metered_spent_ns(const struct metered *m);
/* {"mode", "on_share", "requests", "cpu_share", "limited_from_s"}; a new reference. */
json_t *metered_json(const struct metered *m);

#endif
