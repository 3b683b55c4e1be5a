/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reference gateway: a small honest reverse proxy whose costs are known because they are planted. It says of every
 * request what its own clock saw around each plant (truth log), so that a test compares the probes with the truth and not with
 * a flag.
 */
#ifndef TOLL_GATEWAY_GATEWAY_H
#define TOLL_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum gateway_plant_kind {
	GATEWAY_PLANT_SLEEP = 0, /* sleep=1ms@SIDE: a timer of the event loop; other requests of the thread go on */
	GATEWAY_PLANT_CPU = 1, /* cpu=200us@SIDE */
	GATEWAY_PLANT_SYSCALLS = 2, /* syscalls=100@SIDE: getppid() N times */
	GATEWAY_PLANT_HANDOFF = 3, /* handoff@SIDE: the work goes on in another thread */
};
enum gateway_side { GATEWAY_REQUEST = 0, GATEWAY_RESPONSE = 1, GATEWAY_CHUNK = 2, GATEWAY_SIDES = 3 };

struct gateway_plant {
	enum gateway_plant_kind kind;
	enum gateway_side side;
	uint32_t every; /* "/N" behind it: one request in N, picked evenly at random, carries it; 1: each */
	uint64_t amount; /* ns, or a count */
};
#define GATEWAY_PLANTS_MAX 16
struct gateway_plants {
	unsigned count;
	struct gateway_plant plant[GATEWAY_PLANTS_MAX];
};
/*
 * "sleep=1ms@request,cpu=200us@response/2", "none". Side request: after the whole request was read, before the first upstream
 * byte leaves
 * (before a cached answer); response: after the first upstream byte of the answer that is forwarded was read, before the first
 * byte to
 * the client; chunk: before each later piece of the body that was read is forwarded. Plants with the same N pick the same
 * requests.
 * Err names the word that is wrong and what is possible.
 */
int gateway_plants_parse(const char *text, struct gateway_plants *out, struct err *err);

/*
 * Truth of one request, one binary struct after another in the truth log (a file). Side request and response: time that the
 * plants took.
 */
struct gateway_truth {
	uint64_t tag; /* request id from the prompt, 0 = none */
	uint64_t side_ns[GATEWAY_SIDES]; /* wall time around the plants of the side, summed */
	uint64_t side_cpu_ns[GATEWAY_SIDES];
	uint32_t chunks;
	uint32_t upstream_turns;
};

struct gateway_config {
	const char *listen; /* "127.0.0.1:8080" */
	const char *upstream; /* "http://127.0.0.1:9000" */
	unsigned threads; /* worker threads, each with its own epoll; 0: 1 */
	struct gateway_plants plants;
	unsigned retries; /* attempts after a 5xx, 429, reset or refused connect (0: none) */
	bool cache; /* answers an equal request body from memory */
	unsigned backlog; /* listen backlog; 0: default 1024 */
	const char *tls_cert, *tls_key; /* inbound TLS */
	bool upstream_insecure; /* https:// upstream without checking its certificate */
	const char *truth_path; /* truth log, NULL: none */
	const volatile int *stop;
	void (*listening)(void *ctx, unsigned port);
	void *ctx;
};

int gateway_run(const struct gateway_config *config, struct err *err);

#endif
