/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Causes of a set of requests: distributions of each cause over all of them, and what requests of one size of toll are made of,
 * so that it can be told what the slow ones have that the others have not.
 */
#ifndef TOLL_ATTRIBUTION_CAUSE_STATS_H
#define TOLL_ATTRIBUTION_CAUSE_STATS_H

#include "attribution/cause.h"
#include "base/hist.h"

struct cause_phase {
	uint64_t requests; /* in which the phase took time */
	uint64_t sum_ns[CAUSES];
	struct hist *cause[CAUSES]; /* over those requests; NULL: it never took any */
};

/* What some requests are made of, summed up. */
struct cause_mix {
	uint64_t requests;
	uint64_t toll_ns;
	uint64_t ns[PHASES][CAUSES];
	uint64_t held_ns[WIRE_HOLDERS];
	uint64_t timer_ns;
};

#define CAUSE_MIXES 384 /* eight to each doubling of the toll, up to 2^48 ns */

struct cause_stats {
	uint64_t requests; /* whose causes were looked for */
	uint64_t calls_known; /* ... with system calls told */
	uint64_t sum_ns[CAUSES]; /* of the toll */
	uint64_t occurred[CAUSES]; /* requests */
	struct hist *cause[CAUSES]; /* of the toll, over all requests; NULL: it has taken none so far */
	struct cause_phase phase[PHASES];
	struct cause_mix *mix[CAUSE_MIXES]; /* by size of toll, NULL until used */
};

struct cause_stats *cause_stats_new(void); /* NULL: no memory */
void cause_stats_free(struct cause_stats *s);
int cause_stats_add(struct cause_stats *s, const struct cause_cut *c); /* -ENOMEM */
/* Requests in which a cause took no time are recorded last: due before the distributions are read; may be called again. */
int cause_stats_settle(struct cause_stats *s);
/* What the requests with a toll in [from_ns, to_ns] are made of; a request a bucket (9 %) beyond may be in it. */
void cause_stats_mix(const struct cause_stats *s, uint64_t from_ns, uint64_t to_ns, struct cause_mix *out);
/* Sum over the phases of the toll. */
uint64_t cause_mix_ns(const struct cause_mix *m, enum cause cause);

#endif
