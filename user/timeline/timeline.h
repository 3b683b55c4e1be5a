/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Turns + driver records + provider records -> whole requests. Knows neither curl nor libbpf nor sockets: it is fed records
 * (live or from a capture) and hands out whole requests, each exactly once, with every mark that was found and the reason for each that
 * was not. Memory is bounded by what is in flight plus a grace period, never by the length of the run.
 */
#ifndef TOLL_TIMELINE_TIMELINE_H
#define TOLL_TIMELINE_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "record/request.h"
#include "timeline/threads.h"

#define TIMELINE_UPSTREAMS_MAX 8
#define TIMELINE_GAPS_MAX 64

enum timeline_join {
	TIMELINE_JOIN_NONE = 0,
	TIMELINE_JOIN_ENDS = 1, /* driver socket <-> gateway socket by addresses and positions, provider by its tag */
	TIMELINE_JOIN_TAG = 2, /* upstream turns by tag */
	TIMELINE_JOIN_ORDER = 3, /* upstream turns by order in time (and thread where known) */
	TIMELINE_JOIN_THREAD = 4,
};

/* Why a request is not whole. Numbers are appended to. */
enum timeline_unmatched {
	TIMELINE_MATCHED = 0,
	TIMELINE_NO_DRIVER_TURN = 1, /* the kernel's record of the driver's socket is missing */
	TIMELINE_NO_INBOUND_CONN = 2, /* no socket of the gateway is the other end: another process is between */
	TIMELINE_NO_INBOUND_TURN = 3, /* the socket is known, the turn is missing (lost, or open at the end) */
	TIMELINE_NO_UPSTREAM_SEEN = 4, /* no upstream turn, and neither a cache hit nor a local answer can be claimed */
	TIMELINE_NO_UPSTREAM_TURN = 5, /* the provider logged it, the gateway's upstream turn is missing */
	TIMELINE_FAILED_REQUEST = 6, /* the request had no whole answer */
	TIMELINE_FIRST_TLS_TURN = 7, /* ambiguous without an end of ours */
	TIMELINE_MULTIPLEXED = 8, /* HTTP/2 with several streams open */
	TIMELINE_OPEN_AT_ATTACH = 9,
	TIMELINE_UNMATCHED_CAUSES = 10,
};
const char *timeline_unmatched_name(enum timeline_unmatched cause);

/* A span of time in which all that had arrived was read and more came later: the gateway was waiting for bytes. */
struct timeline_gap {
	uint64_t start_ns, end_ns;
};

/* One upstream turn of a request. A mark of 0 was not seen. */
struct whole_upstream {
	uint64_t conn; /* cookie of the gateway's upstream socket */
	uint64_t t4, t4_last; /* leaves the gateway */
	uint64_t t5, t5_last; /* readable at the provider (0 where the provider is not ours) */
	uint64_t t6, t6_last; /* leaves the provider */
	uint64_t t7, t7_last; /* readable at the gateway */
	uint64_t t8, t8_last; /* read by the gateway */
	uint64_t syn_ns, established_ns; /* of its connection, when it was opened for this request (else 0) */
	uint64_t tls_end_ns; /* handshake's end, when opened for this request */
	struct timeline_gap dns; /* a name was looked up before that connection; 0: not seen */
	uint64_t provider_read_last; /* the provider has read the request's last byte: kernel's mark */
	uint64_t hold_start_ns, hold_end_ns; /* the provider's own clock: last request byte read, first answer byte written */
	struct timeline_gap gap[TIMELINE_GAPS_MAX]; /* starved while reading the response */
	uint32_t gaps;
	uint32_t t4_tid, t8_tid; /* threads of these marks; 0 unknown */
	uint32_t turn_of_conn; /* counts turns on that connection: 0 = first */
	uint32_t peer_index; /* upstream_index of the provider, UINT32_MAX: not ours */
	uint16_t peer_port;
	uint16_t http_status; /* as the provider logged it, 0 unknown */
	uint8_t peer_addr[16];
	uint8_t joined_by; /* enum timeline_join */
	bool answered; /* this turn's answer became the client's */
};

struct whole_chunk {
	uint64_t written_ns; /* provider wrote it */
	uint64_t readable_ns; /* at the gateway (upstream socket) */
	uint64_t read_ns;
	uint64_t sent_ns; /* leaves the gateway (inbound socket) */
	uint64_t received_ns; /* the driver parsed it */
};

/*
 * A whole request. All marks in CLOCK_MONOTONIC ns. Invariant wherever unmatched == TIMELINE_MATCHED:
 * t0, t1, t2, t3, t9, t10, t11 are set.
 */
struct whole_request {
	struct record_request driver; /* has t0 (due_ns) and t12 (end_ns); id 0 in attach mode */
	uint64_t t1, t1_last, t2, t2_last, t3, t3_last, t9, t9_last, t10, t11;
	uint64_t t11_read; /* the driver has read the answer's last byte: kernel's mark, against its own clock */
	uint64_t inbound_conn;
	uint64_t inbound_syn_ns, inbound_established_ns; /* when opened for this request, else 0 */
	uint64_t inbound_first_data_ns; /* its first byte readable (TLS: before t2), when opened for this request */
	bool listen_full_syn; /* the connect was held up because the gateway's accept queue was full ... */
	bool listen_full_data; /* ... or the first data was: that wait is the gateway's, not the network's */
	uint64_t accepted_ns; /* 0: not seen or not opened for this request */
	uint64_t client_tls_end_ns;
	struct timeline_gap gap[TIMELINE_GAPS_MAX]; /* starved while reading the request */
	uint32_t gaps;
	uint32_t upstreams;
	struct whole_upstream upstream[TIMELINE_UPSTREAMS_MAX]; /* in order of t4 */
	uint32_t upstreams_dropped; /* past the maximum */
	uint32_t side_calls; /* turns to other peers while it ran */
	const struct whole_chunk *chunk; /* streams joined by position; valid during the callback */
	uint32_t chunks;
	uint32_t chunks_unmatched;
	uint64_t first_token_t7, first_token_t8,
		first_token_t9; /* streams: the mark of the byte that ended the first token's event */
	uint64_t first_token_t6;
	uint32_t reader_tid, sender_tid; /* threads at t3 and t9; 0 unknown */
	uint8_t joined_by; /* weakest join used: enum timeline_join */
	uint8_t unmatched; /* enum timeline_unmatched */
	bool cache_hit; /* neither the provider nor the kernel saw an upstream turn, and nothing was lost */
	bool early_answer; /* t9 before t7: a class of its own */
	bool inexact; /* marks were dropped: some times are those of later bytes of the same turn */
	bool order_violation; /* marks against causality (see timeline_order_ok) */
};

struct timeline_stats {
	uint64_t requests; /* driver records (attach: inbound turns) */
	uint64_t whole; /* unmatched == TIMELINE_MATCHED */
	uint64_t unmatched[TIMELINE_UNMATCHED_CAUSES];
	uint64_t order_violations;
	uint64_t joined_by[5];
	uint64_t early_answers, cache_hits;
	uint64_t inexact; /* whole, but with marks dropped */
	uint64_t provider_records, provider_untagged, provider_unclaimed; /* unclaimed: tag of no request of ours, or none left */
	uint64_t wire_rejected; /* records that failed the size check */
	uint64_t conns, conns_found_open, conns_foreign; /* foreign: driver sockets whose peer is no gateway socket */
	uint64_t evicted; /* state dropped for age without having been used */
	uint64_t turns, turns_mid;
	struct threads_stats threads;
	/* self-check, ns: |kernel t5L->t6 - provider's hold|, |t12 - t11| are kept as histograms by attribution */
};

struct timeline;
struct timeline_config {
	bool attach; /* no ends of ours: inbound turns of the gateway are the requests */
	bool provider_is_ours; /* an arrival log is fed: lets cache hits be claimed */
	uint64_t grace_ns; /* how long parts may come late; 0: 3 s */
	uint64_t history_bytes; /* what the history of threads may take; 0: 128 MiB */
	void (*whole)(void *ctx, const struct whole_request *w); /* each request once, in order of completion */
	void *ctx;
};

struct timeline *timeline_new(const struct timeline_config *config);
void timeline_free(struct timeline *t);
/* Feed. Wire records are checked (capture_wire_check) before use: -EPROTO counts and skips. -ENOMEM is fatal. */
int timeline_wire(struct timeline *t, const void *record, uint32_t bytes);
int timeline_request(struct timeline *t, const struct record_request *r);
int timeline_provider(struct timeline *t, const struct record_provider *p);
int timeline_events(struct timeline *t, const struct record_events *head, const struct record_event *events);
/* Kernel loss counters so far: while any grows, no cache hit is claimed. */
void timeline_counters(struct timeline *t, const uint64_t counters[WIRE_COUNTERS]);
/* Time has come this far: finish what is complete, give up on what is older than the grace. */
int timeline_tick(struct timeline *t, uint64_t now_ns);
/* No more records will come: finish everything. */
int timeline_finish(struct timeline *t);
const struct timeline_stats *timeline_stats(const struct timeline *t);
/* What the gateway's threads did; in order (threads_settle) after each tick. */
const struct threads *timeline_threads(const struct timeline *t);
/* Addresses of driver connections whose peer is not the gateway: up to max ports into out; returns how many. */
unsigned timeline_foreign_ports(const struct timeline *t, uint16_t *local_ports, unsigned max);

/* The order that causality demands: t0<=t1<=t2<=t3, t2<=t9<=t10<=t11, per upstream t4<=t5<=t6<=t7<=t8 (0s are skipped). */
bool timeline_order_ok(const struct whole_request *w);

#endif
