/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connections that the gateway keeps to each of its peers, over time, from the kernel's records alone: how many are open, how many are in
 * use, how long each question waits for its answer, and which lie there for ever. In use is a connection from the moment that a question
 * leaves until the gateway has read the answer.
 */
#ifndef TOLL_ATTRIBUTION_POOLS_H
#define TOLL_ATTRIBUTION_POOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/sockets.h"
#include "base/hist.h"
#include "bpf/wire.h"

#define POOLS_MAX SOCKETS_PEERS_MAX /* connections to later peers are not in the figures */

struct pool_figures {
	uint64_t open_max, open_end; /* connections; end: at the last moment of the span */
	uint64_t busy_max;
	/* Share of the time in which all were in use and requests waited inside the gateway for no peer at all. One that is abandoned is not in use. */
	double exhausted;
	uint64_t moments; /* that the span has; 0: too short, nothing is known */
};

struct pools;
struct pools *pools_new(void); /* NULL: no memory */
void pools_free(struct pools *p);
/* Where the measured part begins. Before the first record that is to count. */
void pools_start(struct pools *p, uint64_t start_ns);
/* A record whose size has been checked (capture_wire_check), aligned. -ENOMEM */
int pools_wire(struct pools *p, const void *record);
/* Time has come so far: what is open is open until then. -ENOMEM */
int pools_tick(struct pools *p, uint64_t now_ns);
/* Once, when no more records will come. -ENOMEM */
int pools_finish(struct pools *p);

/* The pool of connections to this peer; -1: there was none. */
int pools_find(const struct pools *p, const uint8_t addr[16], uint16_t port);
/* In [from_ns, to_ns); 0, UINT64_MAX: the whole measured part. */
void pools_figures(const struct pools *p, int pool, uint64_t from_ns, uint64_t to_ns, struct pool_figures *out);
/* The same over time: of `points` equal parts of the measured time up to to_ns, the most in each. The time of one in ns; 0: too short, nothing is told. */
uint64_t pools_over_time(const struct pools *p, int pool, uint64_t to_ns, unsigned points, uint32_t *open, uint32_t *busy);
/* Adds to out what questions waited that left in the span, which is rounded to its inside: last byte out -> first byte in. -ENOMEM */
int pools_wait(const struct pools *p, int pool, uint64_t from_ns, uint64_t to_ns, struct hist *out);
/*
 * Connections still open that lay idle to the end, though the thread that had used them opened others to the same peer meanwhile: a pool
 * that forgets them leaks. At least so many: of a peer's connections those opened by its first 256 threads are told apart. After pools_finish().
 */
uint64_t pools_abandoned(const struct pools *p, int pool);

/* The gateway's own queue. In [from_ns, to_ns) as above. */
struct pools_queue {
	uint64_t requests_max; /* inside the gateway at once: from the first byte readable to the last of the answer */
	uint64_t unread_max; /* of them, lying in its sockets: not a byte was read */
	double unread_mean;
	uint64_t moments; /* 0: nothing is known */
};
void pools_queue(const struct pools *p, uint64_t from_ns, uint64_t to_ns, struct pools_queue *out);
/*
 * Requests that the gateway has answered, less its questions that this peer has answered, at the most and at the end of the span: what is still to be
 * told to a peer that is told of each request (billing).
 */
void pools_backlog(const struct pools *p, int pool, uint64_t from_ns, uint64_t to_ns, uint64_t *most, uint64_t *end);

#endif
