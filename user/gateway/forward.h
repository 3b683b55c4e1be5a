/* SPDX-License-Identifier: GPL-2.0-only */
/* One request through the gateway: plants, cache, upstream attempts, the answer back as it arrives. */
#ifndef TOLL_GATEWAY_FORWARD_H
#define TOLL_GATEWAY_FORWARD_H

#include "base/rng.h"
#include "gateway/billing.h"
#include "gateway/cache.h"
#include "gateway/db.h"
#include "gateway/hoard.h"
#include "gateway/limiter.h"
#include "gateway/own_metrics.h"
#include "gateway/plant_run.h"
#include "gateway/redis.h"
#include "gateway/route.h"
#include "gateway/truth_log.h"
#include "http/server.h"

struct forward;

/* What the requests of one worker share; only its thread touches it (the cache has a lock of its own). */
struct forward_shared {
	struct route route;
	struct redis *redis; /* second level of the cache; NULL: off */
	uint64_t redis_ttl_ns;
	struct limiter *limiter; /* NULL: everybody may call */
	struct billing *billing; /* NULL: nobody is told */
	struct db *db; /* knows the keys; NULL: the limiter does */
	unsigned defects; /* enum gateway_defect */
	const char *overhead_header; /* NULL: answers tell nothing */
	struct cache *cache; /* NULL: off */
	struct plant_place place;
	struct truth_log truth;
	struct rng rng;
	struct hoard *hoard; /* NULL: none is planted */
	struct own_metrics *metrics; /* of all workers */
	struct forward *live;
};

/* Callbacks of the http server; its ctx is the struct forward_shared. */
void forward_request(void *ctx, struct http_exchange *x);
void forward_done(void *ctx, struct http_exchange *x, enum http_end end);
void forward_drained(void *ctx, struct http_exchange *x);
/* What is left when server and helper have ended. */
void forward_free_all(struct forward_shared *s);

/* The request's head as it goes upstream: without the fields of the inbound connection. */
int forward_head_build(const struct http_exchange *x, const char *authority, size_t body_bytes, struct buf *out);

#endif
