/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plants that keep what they take: leaks of every kind that a soak must find, and the growth that looks like one and is none. One hoard a
 * worker; only its thread touches it.
 */
#ifndef TOLL_GATEWAY_HOARD_H
#define TOLL_GATEWAY_HOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"

enum hoard_kind {
	HOARD_LEAK = 0, /* leak=BYTES: heap that is lost, the allocator's own 8 bytes of header counted */
	HOARD_MMAP = 1, /* mmap=BYTES: mapped, touched, lost */
	HOARD_FD = 2, /* fd: an open file */
	HOARD_CLOSED = 3, /* closed_socket: a TCP socket in CLOSE: a descriptor and nothing in the TCP tables */
	HOARD_CLOSE_WAIT = 4, /* close_wait: a connection to the upstream that the upstream has closed */
	HOARD_THREAD = 5, /* thread: a parked thread */
	HOARD_CACHE = 6, /* cache=plateau: fills up, then evicts. No leak */
	HOARD_SLOW_CACHE = 7, /* cache=slow: evicts so late that it grows ever more slowly. No leak */
	HOARD_FRAGMENT = 8, /* fragment=BYTES: freed, but small survivors pin the pages until they go too. No leak */
	HOARD_WARM_UP = 9, /* warmup=BYTES: once, when the first request has come. No leak */
	HOARD_SAWTOOTH = 10, /* sawtooth=BYTES: garbage up to so much, then collected. No leak */
	HOARD_IN_FLIGHT = 11, /* inflight=BYTES: held as long as the request. No leak */
};

enum hoard_when {
	HOARD_ANY = 0,
	HOARD_CHAT = 1, /* not streamed */
	HOARD_STREAM = 2,
	HOARD_EMBEDDINGS = 3,
	HOARD_MODELS = 4,
	HOARD_CONNECTION = 5, /* the first request of a client's connection */
	HOARD_ERROR = 6, /* answered with 500 or more */
	HOARD_DISCONNECT = 7, /* the client left before the end */
};

struct hoard_plant {
	enum hoard_kind kind;
	enum hoard_when when;
	uint32_t every; /* one such request in N, at random; 1: each */
	uint64_t bytes;
};
#define HOARD_PLANTS_MAX 8
struct hoard_plants {
	unsigned count;
	struct hoard_plant plant[HOARD_PLANTS_MAX];
};

/* Is this word of --plant one of these? */
bool hoard_is_plant(const char *word);
/* "leak=64B@chat", "fd@stream/10", "cache=plateau@any". err names the word and what is possible. */
int hoard_plant_parse(const char *word, struct hoard_plant *out, struct err *err);

/* A request at its end (at its begin: only the first four are known). */
struct hoard_request {
	const char *target; /* "/v1/chat/completions" */
	const char *body;
	size_t body_bytes;
	bool first_of_connection;
	unsigned status;
	bool left; /* the client was gone before the end */
};

struct hoard;
/* plants and upstream ("127.0.0.1:9000", for close_wait) outlive it. NULL: no memory. */
struct hoard *hoard_new(const struct hoard_plants *plants, const char *upstream, uint64_t seed);
void hoard_free(struct hoard *h); /* gives everything back, the leaks too: a test's leak checker sees only its own */
/* What the request holds while it runs; NULL: nothing. */
void *hoard_begin(struct hoard *h, const struct hoard_request *r);
void hoard_end(struct hoard *h, const struct hoard_request *r, void *held);

#endif
