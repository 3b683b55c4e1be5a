/* SPDX-License-Identifier: GPL-2.0-only */
/* The truth log of one worker: whole structs, buffered, appended to a file that all workers share each second and at the end. */
#ifndef TOLL_GATEWAY_TRUTH_LOG_H
#define TOLL_GATEWAY_TRUTH_LOG_H

#include <stdbool.h>

#include "base/buf.h"
#include "gateway/gateway.h"
#include "http/loop.h"

struct truth_log {
	int fd; /* -1: none */
	struct loop *loop;
	struct loop_timer timer;
	struct buf waiting;
	bool failed;
};

void truth_log_init(struct truth_log *log, int fd, struct loop *loop);
void truth_log_add(struct truth_log *log, const struct gateway_truth *truth);
void truth_log_fini(struct truth_log *log); /* writes what waits */

#endif
