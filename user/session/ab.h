/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A/B: what the probes cost, by the gateway's CPU per request in windows with and without them. The two windows of a pair follow each other
 * and pairs take turns in which comes first, so that drift cancels out. Pure: numbers in, decision and figures out.
 */
#ifndef TOLL_SESSION_AB_H
#define TOLL_SESSION_AB_H

#include <stdbool.h>
#include <stdint.h>

#define AB_SETTLE_NS UINT64_C(300000000) /* of each window, not counted */
#define AB_WINDOW_NS UINT64_C(2000000000)
#define AB_REQUESTS_MIN 20 /* of a window */
#define AB_PAIRS_MAX 512

struct ab {
	bool with; /* the probes are to be on now */
	uint64_t begun_ns; /* of the window; 0: none yet */
	bool counting;
	uint64_t requests_from, cpu_from_ns;
	unsigned windows; /* of the pair that are done: 0 or 1 */
	double value[2]; /* ns per request of the pair: without, with */
	double without_ns[AB_PAIRS_MAX], with_ns[AB_PAIRS_MAX];
	unsigned pairs;
};

/* Call every 20 ms or so; both counted from any start. Act on ab->with. */
void ab_tick(struct ab *ab, uint64_t now_ns, uint64_t requests, uint64_t gateway_cpu_ns);

struct ab_result {
	unsigned pairs;
	double with_ns, without_ns; /* means */
	double difference_ns;
	double difference_share, interval_share[2]; /* of without_ns; 95 % by Student's t over the pairs */
};
/* false: fewer than three pairs. */
bool ab_result(const struct ab *ab, struct ab_result *out);

#endif
