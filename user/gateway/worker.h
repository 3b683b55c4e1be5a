/* SPDX-License-Identifier: GPL-2.0-only */
/* A worker of the gateway: a thread with an event loop of its own and all that its requests need. Shared by gateway.c and worker.c only. */
#ifndef TOLL_GATEWAY_WORKER_H
#define TOLL_GATEWAY_WORKER_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "gateway/cpu_quota.h"
#include "gateway/forward.h"

struct gateway {
	const struct gateway_config *config;
	struct http_listener *listener;
	struct upstream_target target[GATEWAY_UPSTREAMS_MAX];
	struct breaker breaker[GATEWAY_UPSTREAMS_MAX];
	unsigned upstreams;
	struct upstream_target billing;
	struct limiter limiter;
	struct cache *cache;
	struct own_metrics metrics;
	int truth_fd;
	struct cpu_quota quota;
	char directory[PATH_MAX]; /* for files that plants need */
};

struct worker {
	struct gateway *gateway;
	struct loop *loop;
	struct http_server *server;
	struct mailbox box;
	struct loop *helper_loop; /* NULL: no plant hands off */
	struct mailbox helper_box;
	pthread_t thread, helper;
	bool started, helper_started;
	struct mail retire;
	struct loop_timer leaving; /* looks whether the last client has gone */
	uint64_t leave_ns;
	_Atomic bool ended; /* it has retired, its loop has come to its end */
	struct forward_shared shared;
};

/* Everything but its server and its thread, which worker_start() makes: g->listener must be there then. After an error worker_close() is still due. */
int worker_open(struct worker *w, struct gateway *g, unsigned index, struct err *err);
int worker_start(struct worker *w);
/* Aborts what it is doing, ends its thread, frees everything. A zeroed one is left alone. */
void worker_close(struct worker *w);
/* It takes no more connections, ends those it has when their answers are out, and then itself: w->ended. */
void worker_retire(struct worker *w);
uint64_t worker_cpu_ns(const struct worker *w); /* of its thread so far; 0: not known */

#endif
