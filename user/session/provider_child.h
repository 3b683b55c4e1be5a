/* SPDX-License-Identifier: GPL-2.0-only */
/* The embedded provider as a child process: started, its port read, its arrival log drained, ended. */
#ifndef TOLL_SESSION_PROVIDER_CHILD_H
#define TOLL_SESSION_PROVIDER_CHILD_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "record/capture.h"
#include "scenario/plan.h"

struct provider_child {
	pid_t pid; /* 0: none */
	int log_fd; /* read end of its arrival log, non-blocking; -1: none or at its end */
	int start_fd; /* write end: told when the run begins; -1: it was */
	unsigned port;
	struct buf unread;
};

struct provider_child_config {
	const char *listen; /* "127.0.0.1:0" */
	unsigned threads;
	const struct plan_provider *behaviour; /* NULL: the program's defaults */
	const char *tls_cert, *tls_key; /* NULL: plain */
	uint64_t seed;
	uint32_t upstream_index; /* which provider of the plan */
	const char *log_path; /* its stdout and stderr */
};

/* Returns when it listens. err: what it said itself. */
int provider_child_start(const struct provider_child_config *config, struct provider_child *out, struct err *err);
/* Hands the frames that have arrived to fn. At the log's end log_fd becomes -1. */
int provider_child_drain(struct provider_child *c,
			 int (*fn)(void *ctx, enum capture_frame type, const void *data, uint32_t bytes), void *ctx);
/* The run's time 0: from here on its faults come when they are due. */
void provider_child_begin(struct provider_child *c, uint64_t start_ns);
/* Asks it to end; it flushes its log first. Drain until log_fd is -1, then reap. */
void provider_child_stop(struct provider_child *c);
void provider_child_reap(struct provider_child *c);

#endif
