/* SPDX-License-Identifier: GPL-2.0-only */
/* A timeline with one connection on either side of the gateway, and the requests that it hands out. For tests. */
#ifndef TOLL_TESTS_TIMELINE_RIG_H
#define TOLL_TESTS_TIMELINE_RIG_H

#include "tests/support/wires.h"
#include "timeline/timeline.h"

#define RIG_GOT_MAX 64
#define RIG_CHUNKS_MAX 64
#define RIG_MS UINT64_C(1000000)
#define RIG_S UINT64_C(1000000000)

/* Marks of a plain request, from its t0 on. */
enum {
	RIG_T1 = 1000,
	RIG_T2 = 2000,
	RIG_T3 = 5000,
	RIG_T4 = 9000,
	RIG_T5 = 10000,
	RIG_T6 = 60000,
	RIG_T7 = 61000,
	RIG_T8 = 64000,
	RIG_T9 = 70000,
	RIG_T10 = 71000,
	RIG_END = 72000,
};
#define RIG_REQUEST_BYTES 300u
#define RIG_ANSWER_BYTES 500u
#define RIG_GATEWAY_TID 77u

struct rig {
	struct timeline *t;
	struct end driver, gateway, upstream, provider; /* driver <-> gateway, upstream <-> provider */
	struct whole_request got[RIG_GOT_MAX];
	struct whole_chunk chunk[RIG_CHUNKS_MAX]; /* of the last one */
	unsigned count;
};

/* Both connections are opened at 0.5 s (cookies 1, 2; 3, 4). */
void rig_new(struct rig *r, bool provider_is_ours, bool attach);
void rig_free(struct rig *r);
/* Another pair in place of one: client port, cookies base and base + 1, opened at ns. */
void rig_open_inbound(struct rig *r, uint64_t base, uint16_t port, uint64_t ns);
void rig_open_upstream(struct rig *r, uint64_t base, uint16_t port, uint64_t ns);

/* The marks of a request at the ends; turns are not sent. at: t0. */
void rig_inbound_marks(struct rig *r, uint64_t at);
void rig_upstream_marks(struct rig *r, uint64_t at);
/* The ends' records, for the last RIG_REQUEST_BYTES and RIG_ANSWER_BYTES of their positions. */
struct record_request rig_request_record(const struct rig *r, uint64_t id, uint64_t at);
struct record_provider rig_provider_record(const struct rig *r, uint64_t tag, uint64_t at);
/* All four turns. */
void rig_turns(struct rig *r, uint16_t flags);
/* Everything of a plain, tagged request. */
void rig_plain(struct rig *r, uint64_t id, uint64_t at);

/* cmocka set-up and tear-down: a rig with ends of ours, no attach. */
struct rig *rig_of(void **state);
int setup_rig(void **state);
int teardown_rig(void **state);

#endif
