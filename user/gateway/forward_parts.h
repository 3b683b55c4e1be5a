/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that take a request through the gateway share: forward.c, forward_gate.c, forward_cache.c. Nobody else includes it. */
#ifndef TOLL_GATEWAY_FORWARD_PARTS_H
#define TOLL_GATEWAY_FORWARD_PARTS_H

#include "base/buf.h"
#include "gateway/forward.h"

struct forward {
	struct forward_shared *shared;
	struct forward *next, *prev;
	struct http_exchange *x; /* NULL: the client's side is over */
	struct upstream_turn *up; /* NULL: none now */
	struct plant_run plants;
	struct gateway_truth truth;
	struct buf head; /* as it goes upstream */
	struct buf key; /* of the cache */
	struct buf copy; /* of the answer, for the cache */
	const char *body;
	size_t body_bytes;
	struct route_walk walk;
	struct redis_ask second; /* what Redis is asked for */
	struct db_ask key_ask; /* whose API key this is */
	struct loop_timer timer; /* of the back-off before an attempt, or of the attempt's limit */
	bool answering; /* an answer that is forwarded has begun to arrive */
	bool head_sent;
	bool full; /* waits for drained() */
	uint64_t own_ns, own_from_ns; /* taken of the request so far; since when it is ours to answer, 0: an upstream has it */
	unsigned status; /* as answered */
	uint64_t answer_bytes;
	uint64_t start_ns;
	char tenant[DB_TENANT_MAX]; /* "": not known */
	void *held; /* of the hoard */
};

/* --- forward.c -------------------------------------------------------------------------------------------------------------- */
/* The request may call: its plants, then cache and upstreams. f may be gone after it. */
void forward_enter(struct forward *f);
/* On to the first upstream that may be called. f may be gone after it. */
void forward_upstream(struct forward *f);
/* An answer of the gateway's own. retry_after_s 0: none is told. f may be gone after it. */
void forward_refuse(struct forward *f, unsigned status, const char *why, uint64_t retry_after_s);

/* --- forward_gate.c: who may call ------------------------------------------------------------------------------------------- */
/* forward_enter() or forward_refuse(), now or once the database has answered. */
void gate_enter(struct forward *f);

/* --- forward_cache.c: memory and Redis -------------------------------------------------------------------------------------- */
/* True: answered, or Redis is asked, after which it is answered or goes on to an upstream. */
bool cache_answers(struct forward *f);
/* A piece of the answer, and its end. */
void cache_copy(struct forward *f, const struct buf *body);
void cache_keep(struct forward *f);

#endif
