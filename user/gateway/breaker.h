/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A circuit breaker for one upstream, shared by the workers. Closed: calls go through. After `threshold` failures in a row it opens and
 * lets none through for open_ns; then it is half open: one call at a time tries, whose success closes it and whose failure opens it again.
 */
#ifndef TOLL_GATEWAY_BREAKER_H
#define TOLL_GATEWAY_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED = 0, BREAKER_OPEN = 1, BREAKER_HALF_OPEN = 2 };

struct breaker {
	pthread_mutex_t lock;
	unsigned threshold; /* 0: never opens */
	uint64_t open_ns;
	enum breaker_state state;
	unsigned failures; /* in a row */
	uint64_t opened_ns;
	bool trying; /* half open: the one call is under way */
};

void breaker_init(struct breaker *b, unsigned threshold, uint64_t open_ns);
void breaker_fini(struct breaker *b);
/* May a call start now? What it came to must be told, by exactly one of the two below. */
bool breaker_allows(struct breaker *b, uint64_t now_ns);
void breaker_tell(struct breaker *b, bool ok, uint64_t now_ns);
/* The call was given up before it came to anything. */
void breaker_forget(struct breaker *b);

#endif
