/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libcurl's multi handles of one thread on one epoll. libcurl looks connections up linearly, so a handle gets at most 64 transfers
 * and there are as many handles as needed. A socket stays registered in the epoll between requests: libcurl drops and takes up its
 * interest with every request, and following it costs two epoll_ctl each time (12 % of throughput).
 */
#ifndef TOLL_DRIVER_POOL_H
#define TOLL_DRIVER_POOL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#define POOL_GROUP_TRANSFERS 64

struct pool;
struct transfer;

/* Bytes of both directions that the peer and we exchanged on a connection. */
struct conn_positions {
	uint64_t in; /* read by us */
	uint64_t out; /* written by us */
};

/* A TCP connection of libcurl's, from socket() to close(). */
struct conn {
	int fd;
	uint32_t registered; /* mask in the epoll; 0: not in it */
	uint32_t wanted; /* what libcurl waits for; 0: nothing */
	bool foreign; /* not a connection: libcurl's name resolver tells by it that it is done */
	bool v6;
	uint16_t port; /* local; 0: not connected yet, as far as known */
	uint64_t cookie; /* SO_COOKIE */
	uint64_t requests; /* sent on it so far */
	bool watch; /* keep seen_in_pos up to date */
	uint64_t seen_in_pos; /* bytes read from it before the last event */
	struct conn_positions end; /* of its last request */
	bool end_known;
	bool counts; /* the bytes that were counted came out as the kernel's, when both were last looked at */
	unsigned counted; /* ends since then that were counted only */
	struct group *group;
	struct conn *next; /* in the group */
	struct transfer *transfer; /* whose request is on it, NULL: idle */
};

/* One multi handle. */
struct group {
	struct pool *pool;
	CURLM *multi;
	unsigned transfers; /* that belong to it */
	uint64_t timer_ns; /* when libcurl wants to be called; UINT64_MAX: not, or at once */
	bool is_due; /* at once: it is in the pool's list */
	struct group *next_due;
	struct conn *conns;
};

struct pool_ops {
	void *ctx;
	void (*done)(void *ctx, CURL *easy, CURLcode code); /* never called from within pool_start */
	void (*closing)(void *ctx, struct conn *conn); /* its transfer is not NULL */
};

struct pool {
	int epoll_fd;
	struct pool_ops ops;
	CURLSH *share; /* DNS answers and TLS sessions for all groups */
	struct group **group;
	unsigned groups;
	struct conn **by_fd;
	size_t by_fd_size;
	struct group *due;
	uint64_t timer_ns; /* no other group's is earlier; may be too early */
	uint64_t connections;
};

/* What one easy handle tells libcurl's socket callbacks; lives as long as the handle. */
struct pool_seat {
	struct group *group;
	uint64_t opened_ns; /* when libcurl opened a socket for the request in hand; 0: it did not */
};

int pool_init(struct pool *p, int epoll_fd, const struct pool_ops *ops);
/* Every transfer must be gone. */
void pool_fini(struct pool *p);

/* A group with room for one more transfer, which it now has; NULL: no memory. */
struct group *pool_group_take(struct pool *p);
/* Options of an easy handle that stays with this group. */
bool pool_apply(struct pool_seat *seat, CURL *easy);
/* The connection with this local port; its cookie and port are looked up when it is new. NULL: unknown. */
struct conn *group_conn(struct group *g, unsigned local_port, bool v6);
bool conn_positions(const struct conn *c, struct conn_positions *out);

int pool_start(struct group *g, CURL *easy); /* only queues: runs at the next pool_run_timers */
/* epoll said so about this fd. */
void pool_event(struct pool *p, int fd, uint32_t events);
/* Runs all groups whose timer is due, until none is. */
void pool_run_timers(struct pool *p, uint64_t now_ns);
uint64_t pool_next_ns(const struct pool *p); /* when the next is due; UINT64_MAX: none */

#endif
