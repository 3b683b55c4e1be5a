/* SPDX-License-Identifier: GPL-2.0-only */
/* API keys and a token bucket for each: who may call at all, and how often. Shared by the workers. */
#ifndef TOLL_GATEWAY_LIMITER_H
#define TOLL_GATEWAY_LIMITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define LIMITER_KEYS_MAX 256

struct limiter_key {
	char key[96];
	double rate_per_s; /* 0: no limit */
	double tokens;
	uint64_t filled_ns;
};

struct limiter {
	bool open; /* has a lock */
	pthread_mutex_t lock;
	struct limiter_key key[LIMITER_KEYS_MAX];
	unsigned keys;
	bool unfair; /* planted: one bucket of all keys' rates together, so that who comes most often takes it all */
	struct limiter_key shared;
};

enum limiter_verdict { LIMITER_GO = 0, LIMITER_UNKNOWN = 1, LIMITER_WAIT = 2 };

/* "KEY=RATE,KEY=RATE,KEY": a key without a rate has no limit. The bucket holds a second's worth. text NULL: none yet, limiter_take_of() brings them. */
int limiter_init(struct limiter *l, const char *text, bool unfair, struct err *err);
void limiter_fini(struct limiter *l);
/* authorization: the field's value, NULL: none. *wait_ns: until the bucket has a token again. */
enum limiter_verdict limiter_take(struct limiter *l, const char *authorization, uint64_t now_ns, uint64_t *wait_ns);
/*
 * From the bucket of this name (a tenant's, whose rate somebody else knows), which is made when it is new; where there are too many, in the place
 * of the one that was used longest ago.
 */
enum limiter_verdict limiter_take_of(struct limiter *l, const char *name, double rate_per_s, uint64_t now_ns, uint64_t *wait_ns);

#endif
