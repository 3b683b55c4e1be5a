/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reference gateway: a small honest reverse proxy whose costs are known because they are planted. It says of every
 * request what its own clock saw around each plant (truth log), so that a test compares the probes with the truth and not with
 * a flag.
 */
#ifndef TOLL_GATEWAY_GATEWAY_H
#define TOLL_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "gateway/hoard.h"

enum gateway_plant_kind {
	GATEWAY_PLANT_SLEEP = 0, /* sleep=1ms: a timer of the event loop; other requests of the thread go on */
	GATEWAY_PLANT_CPU = 1, /* cpu=200us: in user mode */
	GATEWAY_PLANT_SYSCALLS = 2, /* syscalls=100: system calls that work and never block, a µs or two each */
	GATEWAY_PLANT_HANDOFF = 3, /* handoff, handoff=1ms: the work goes on in another thread, which takes it up after so long */
	GATEWAY_PLANT_LOCK = 4, /* lock=1ms: a mutex that another thread holds for so long */
	GATEWAY_PLANT_FSYNC = 5, /* fsync=1MiB: so many bytes written to a file and synced */
	GATEWAY_PLANT_MALLOC = 6, /* malloc=200x4KiB: so many blocks, and free() */
	GATEWAY_PLANT_PAGE_FAULTS = 7, /* page_faults=100: the first touch of so many pages of fresh memory */
	GATEWAY_PLANT_FILE_FAULTS = 8, /* file_faults=10: so many pages of a mapped file that come from the disk */
	GATEWAY_PLANT_NEIGHBOUR = 9, /* neighbour=1ms: another process takes the worker's CPU for so long */
	GATEWAY_PLANT_QUOTA = 10, /* quota=1ms/20ms: a cgroup's quota and period, which the request uses up */
	GATEWAY_PLANT_RESOLVER = 11, /* resolver=2ms@request: a new upstream connection, after a name server took so long */
	GATEWAY_PLANT_HOG = 12, /* hog=2ms: the event loop serves another connection first, which takes so long */
	GATEWAY_PLANT_KINDS = 13,
};
enum gateway_side { GATEWAY_REQUEST = 0, GATEWAY_RESPONSE = 1, GATEWAY_CHUNK = 2, GATEWAY_SIDES = 3 };

struct gateway_plant {
	enum gateway_plant_kind kind;
	enum gateway_side side;
	uint32_t every; /* "/N" behind it: one request in N, picked evenly at random, carries it; 1: each */
	uint64_t amount; /* ns, bytes, or a count */
	uint64_t second; /* malloc: bytes of a block; quota: ns of the period */
};
#define GATEWAY_PLANTS_MAX 16
struct gateway_plants {
	unsigned count;
	struct gateway_plant plant[GATEWAY_PLANTS_MAX];
	struct hoard_plants hoard; /* "leak=64B@chat": hoard.h */
};
/*
 * "sleep=1ms@request,cpu=200us@response/2", "none". Side request: after the whole request was read, before the first upstream byte
 * leaves (before a cached answer); response: after the first upstream byte of the answer that is forwarded was read, before the first
 * byte to the client; chunk: before each later piece of the body that was read is forwarded. Plants with the same N pick the same
 * requests. Err names the word that is wrong and what is possible.
 */
int gateway_plants_parse(const char *text, struct gateway_plants *out, struct err *err);
bool gateway_plants_have(const struct gateway_plants *plants, enum gateway_plant_kind kind);
const char *gateway_side_name(enum gateway_side side);
/* "cpu 200 µs", as a report names it. Returns buf. */
const char *gateway_plant_describe(const struct gateway_plant *p, char *buf, size_t size);
/* Which cause of a phase must show it: "own_user", "lock" ... */
const char *gateway_plant_cause(enum gateway_plant_kind kind);

/*
 * Truth of one request, one binary struct after another in the truth log (a file), by the gateway's own clocks. Side request and
 * response: what the plants took.
 */
struct gateway_truth {
	uint64_t tag; /* request id from the prompt, 0 = none */
	uint64_t side_ns[GATEWAY_SIDES]; /* wall time around the plants of the side, summed */
	uint64_t side_cpu_ns[GATEWAY_SIDES];
	uint64_t plant_ns[GATEWAY_PLANTS_MAX]; /* of each plant, what lies in its cause */
	uint32_t carried; /* bit: the plant of this index */
	uint32_t chunks;
	uint32_t upstream_turns;
	uint32_t reserved;
};

#define GATEWAY_UPSTREAMS_MAX 8
/* Where the keys come from: what stands in arguments can be read by every user of the machine. */
#define GATEWAY_KEYS_VARIABLE "TOLL_GATEWAY_KEYS"

/* Defects that load tests should find. */
enum gateway_defect {
	GATEWAY_BREAKER_NEVER_OPENS = 1,
	GATEWAY_UNLIMITED_RETRIES = 2, /* at once, for ever, whatever Retry-After says */
	GATEWAY_UNFAIR_LIMITER = 4, /* one bucket for all keys */
	GATEWAY_STREAM_CROSSTALK = 8, /* now and then a piece of one stream goes into another */
	GATEWAY_POOL_LEAK = 16, /* every eighth connection, upstream or to the database, is neither used again nor closed */
	GATEWAY_KEEPS_CALLS = 32, /* an upstream call goes on though its client has left */
	GATEWAY_BILLING_STALLS = 64, /* usage records go out one by one, with a pause behind each */
};
/* "pool_leak,unfair_limiter", "none". Err names the word and what is possible. */
int gateway_defects_parse(const char *text, unsigned *out, struct err *err);

struct gateway_config {
	const char *listen; /* "127.0.0.1:8080" */
	const char *upstream; /* "http://127.0.0.1:9000", or several in order of priority: "a=http://...,b=http://..." */
	unsigned threads; /* worker threads, each with its own epoll; 0: 1 */
	struct gateway_plants plants;
	unsigned retries; /* rounds of attempts after a 5xx, 429, reset or refused connect (0: none) */
	uint64_t backoff_ns; /* before the first of them, doubled before each later one */
	uint64_t attempt_ns; /* an attempt without an answer is given up after it; 0: never */
	unsigned breaker_failures; /* in a row that open an upstream's breaker; 0: no breaker */
	uint64_t breaker_open_ns;
	const char *keys; /* "KEY=RATE,KEY": only these may call, each at most at its rate; NULL: everybody */
	const char *db; /* libpq's conninfo of the database that knows the API keys (db.h); NULL: none */
	unsigned db_pool; /* connections to it of each worker; 0: 10 */
	uint64_t db_wait_ns; /* most that a request waits for one; 0: 5 s */
	uint64_t db_idle_ns; /* one that lay idle so long is closed; 0: never */
	const char *billing; /* URL of the service that takes a usage record of each request (billing.h); NULL: none */
	unsigned billing_queue; /* records of each worker that may wait for it; 0: 1000 */
	unsigned threads_max; /* workers that come and go by load, beyond threads; 0: none */
	uint64_t scale_ns; /* how often is looked whether one should; 0: 1 s */
	bool cache; /* answers an equal request body from memory */
	uint64_t cache_bytes; /* 0: 64 MiB */
	uint64_t cache_ttl_ns; /* 0: until others need the room */
	const char *redis; /* "127.0.0.1:6379": asked where the memory has no answer; NULL: none */
	uint64_t redis_ttl_ns; /* 0: for ever */
	unsigned defects; /* enum gateway_defect */
	const char *overhead_header; /* of answers that came from an upstream: what was taken of the request, in ms; NULL: none */
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
