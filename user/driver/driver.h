/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The load driver: a plan -> HTTP requests by libcurl's multi_socket interface, each thread with an epoll of its own.
 * Open loop from the intended start (a request that is due while all are busy waits in a queue, never dropped, and the wait counts);
 * closed loop with virtual users and think time. Every finished request goes to the sink exactly once.
 */
#ifndef TOLL_DRIVER_DRIVER_H
#define TOLL_DRIVER_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "record/request_stats.h"
#include "scenario/plan.h"

struct driver;

struct driver_config {
	const struct plan *plan; /* outlives the driver */
	const char *url; /* "http://127.0.0.1:8080": paths are appended */
	const char *api_key; /* "Authorization: Bearer ..."; NULL: none. Never logged. */
	const char *const *header; /* extra request headers "Name: value" */
	unsigned headers;
	unsigned threads; /* 0: 1 */
	bool tag; /* put the tag at the end of the last user message */
	bool traceparent; /* send one with each request: gateways that trace put their spans below ours */
	const char *overhead_header; /* of answers, in which the gateway tells what it took; NULL: those that are known */
	bool own_text; /* the provider is ours: streams are compared with what it said */
	bool tls_insecure;
	const char *ca_file; /* NULL: system's */
	bool http2; /* TLS + ALPN only */
	uint32_t shard, shards; /* 0, 0 = whole schedule */
	struct record_sink sink; /* called from driver threads */
};

/* The driver's own view, complete without any probe. */
struct driver_stats {
	uint64_t start_ns, end_ns; /* measured part: after the warm-up */
	uint64_t due; /* requests that the schedule made due */
	struct hist *
		schedule_lag; /* open loop: when the driver noticed an arrival less when it was due; a wait for a free slot is not in it */
	uint64_t queue_max; /* most requests that waited for a free slot */
	uint64_t in_flight_max;
	uint64_t connections; /* opened */
	uint64_t cpu_ns; /* of driver threads */
	struct request_stats total;
	struct request_stats warmup; /* requests due in the warm-up */
	uint32_t classes;
	struct request_stats class_[PLAN_CLASSES_MAX];
	uint32_t stages;
	struct request_stats stage[PLAN_STAGES_MAX];
	bool cut_short;
	char first_error[256]; /* a sentence on the first failure: "connect to 127.0.0.1:9: Connection refused" */
};

struct driver_progress {
	uint64_t sent, done, failed, in_flight, queued;
	uint64_t elapsed_ns;
	bool finished;
};

int driver_new(struct driver **out, const struct driver_config *config, struct err *err);
/* Starts the threads; the schedule's time 0 is start_ns (CLOCK_MONOTONIC, may lie in the future). */
int driver_start(struct driver *d, uint64_t start_ns, struct err *err);
void driver_progress(const struct driver *d, struct driver_progress *out); /* any thread */
/* An eventfd that becomes readable when all is done. Owned by the driver. */
int driver_done_fd(const struct driver *d);
/* Asks the threads to stop now; unfinished requests end as RECORD_CUT_SHORT. */
void driver_stop(struct driver *d);
/* The stage that runs now; and: all before this one end now (steps that go no further). */
uint32_t driver_stage(const struct driver *d);
void driver_skip_to(struct driver *d, uint32_t stage);
/*
 * An eventfd that becomes readable when all requests before a stage with actions are done, and which stage that is; the run goes on with
 * driver_go(). Owned by the driver.
 */
int driver_before_fd(const struct driver *d);
uint32_t driver_before(const struct driver *d);
void driver_go(struct driver *d, uint32_t stage);
/* Joins the threads; *out is valid until driver_free. */
int driver_finish(struct driver *d, const struct driver_stats **out, struct err *err);
void driver_free(struct driver *d);

/*
 * One request "GET path" before the run: 0 when something answered (status in *status); err says what is wrong and what to do.
 * A 401 is -EACCES, with *status set.
 */
int driver_preflight(const struct driver_config *config, const char *path, unsigned *status, struct err *err);

#endif
