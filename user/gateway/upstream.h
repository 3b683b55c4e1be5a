/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The client side of HTTP/1.1: requests to one upstream over a pool of kept connections, one pool per event loop. Answers are
 * given out as
 * they arrive, one read at a time, and the next read waits until the user asks for it.
 */
#ifndef TOLL_GATEWAY_UPSTREAM_H
#define TOLL_GATEWAY_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/err.h"
#include "http/loop.h"
#include "http/stream.h"

/* Where to: shared by the threads, read-only. */
struct upstream_target {
	struct sockaddr_storage addr;
	socklen_t addr_bytes;
	SSL_CTX *tls; /* NULL: plain */
	char host[256]; /* without brackets: the name that TLS checks */
	char authority[272]; /* "127.0.0.1:9000": the Host field */
};
/* "http://HOST:PORT" or https, no path. Names are resolved once. */
int upstream_target_open(struct upstream_target *out, const char *url, bool insecure, struct err *err);
void upstream_target_close(struct upstream_target *t);

struct upstream_pool;
int upstream_pool_new(struct upstream_pool **out, struct loop *loop, const struct upstream_target *target);
/* Planted: every eighth connection that could be kept is lost, neither used again nor closed. */
void upstream_pool_set_leaking(struct upstream_pool *p);
void upstream_pool_free(struct upstream_pool *p); /* all turns have ended */

enum upstream_failure {
	UPSTREAM_CONNECT = 0, /* refused, unreachable, TLS failed */
	UPSTREAM_RESET = 1, /* broke or ended before the answer did */
	UPSTREAM_MALFORMED = 2, /* its answer is not HTTP/1.x */
};

/* One request and its answer on a connection. */
struct upstream_turn;

struct upstream_callbacks {
	/*
	 * A read brought more: the head is whole, perhaps a part of the body, perhaps the end. Nothing more is read until
	 * upstream_continue() (or upstream_end()). Never called from within upstream_start().
	 */
	void (*data)(void *ctx);
	/* The turn is over, upstream_end() is still due; code: -errno. Never called from within upstream_start(). */
	void (*failed)(void *ctx, enum upstream_failure failure, int code);
};

struct upstream_request {
	const void *head, *body; /* valid until upstream_end() */
	size_t head_bytes, body_bytes;
	bool is_head; /* the answer has no body, whatever it says */
	bool fresh; /* never on a kept connection */
};
int upstream_start(struct upstream_pool *p, const struct upstream_request *request, const struct upstream_callbacks *callbacks,
		   void *ctx, struct upstream_turn **out);
void upstream_continue(struct upstream_turn *t);
/*
 * Always once for each start: the connection goes back to the pool if the answer is whole and it may be kept, else it is
 * closed.
 */
void upstream_end(struct upstream_turn *t);

/* Instead of it: nobody waits for the answer any more, but the call goes on until it is there. */
void upstream_abandon(struct upstream_turn *t);

unsigned upstream_status(const struct upstream_turn *t);
const char *upstream_content_type(const struct upstream_turn *t); /* NULL: none */
/* The other fields as "Name: value\r\n" lines, without those that belong to the connection. */
const char *upstream_fields(const struct upstream_turn *t);
int64_t upstream_body_bytes(const struct upstream_turn *t); /* Content-Length; -1: not told */
struct buf *upstream_body(struct upstream_turn *t); /* what has arrived and was not yet taken: the user sets used to 0 */
bool upstream_complete(const struct upstream_turn *t);
bool upstream_was_kept(const struct upstream_turn *t); /* went out on a kept connection */
bool upstream_answered(const struct upstream_turn *t); /* at least one byte of an answer came */
/* Request fields that belong to one connection and are never passed on (RFC 9110, 7.6.1). */
bool upstream_is_hop_by_hop(const char *name);

#endif
