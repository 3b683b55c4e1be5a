/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The second level of the cache: a Redis, asked over one connection per worker, commands one behind the other (RESP2, SET and GET only). It
 * fails open: without an answer it is a miss, and the next command tries to connect again.
 */
#ifndef TOLL_GATEWAY_REDIS_H
#define TOLL_GATEWAY_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "http/loop.h"

struct redis;
/* address: "127.0.0.1:6379". The connection comes with the first command. */
int redis_new(struct redis **out, struct loop *loop, const char *address, struct err *err);
void redis_free(struct redis *r); /* answers nobody any more */

struct redis_ask {
	/* value NULL: it is not there, or Redis cannot be asked. Never called from within redis_get(). */
	void (*answer)(struct redis_ask *ask, const char *value, size_t bytes);
	void *ctx;
	bool waiting;
};

/* ask must live until its answer, or until redis_forget(). -errno: it is not asked, there comes no answer. */
int redis_get(struct redis *r, struct redis_ask *ask, const void *key, size_t key_bytes);
void redis_forget(struct redis *r, struct redis_ask *ask);
/* ttl_ns 0: for ever. What cannot be sent is dropped: it is a cache. */
void redis_set(struct redis *r, const void *key, size_t key_bytes, const void *value, size_t bytes, uint64_t ttl_ns);

/* For tests: one reply in data. Bytes that it takes, 0: not whole yet, -1: no RESP. *value NULL: none (nil, an error, a status). */
long redis_reply_parse(const char *data, size_t bytes, const char **value, size_t *value_bytes);

#endif
