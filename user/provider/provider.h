/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The provider: an OpenAI-compatible upstream with known service times. It runs as a process of its own (`toll provider`);
 * the session starts it and reads its arrival log from a pipe.
 */
#ifndef TOLL_PROVIDER_PROVIDER_H
#define TOLL_PROVIDER_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "record/request.h"
#include "scenario/plan.h"

struct provider_config {
	const char *listen; /* "127.0.0.1:9000", port 0: any free port */
	unsigned threads; /* 0: 1 */
	struct plan_provider behaviour;
	const char *tls_cert; /* PEM files; both or none */
	const char *tls_key;
	uint64_t seed;
	uint32_t upstream_index;
	bool exact_hold; /* spin for the last microseconds of a hold (takes CPU that the gateway may want) */
	int start_fd; /* non-blocking: gives the run's time 0 (uint64_t, CLOCK_MONOTONIC ns), faults wait for it; -1: it is when we listen */
	int log_fd; /* arrival log (see below); -1: none */
	struct record_sink sink; /* in-process use (tests): called from provider threads; all NULL: none */
	const volatile int *stop; /* becomes true: stop accepting, finish, return */
	/* called once when it listens, with the port that it got; may be NULL */
	void (*listening)(void *ctx, unsigned port);
	void *ctx;
};

/* Runs until *stop. 0 or -errno (err: port taken, no permission, bad distribution ...). */
int provider_run(const struct provider_config *config, struct err *err);

/*
 * The arrival log: frames { u32 type (enum capture_frame), u32 bytes, payload } of types CAPTURE_PROVIDER and CAPTURE_EVENTS, written
 * whole (one write(2) holds whole frames). Its reader parses with the same code as captures do.
 */

#endif
