/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whole requests -> phases with one owner for every instant, and their statistics.
 *
 * The cut is one sweep from t0 to t11: a cursor moves forward from mark to mark and everything it passes goes to exactly one phase, so the
 * parts add up to t11 - t0 by construction, whatever the marks are (missing, early, overlapping). Starved spans, connects and
 * handshakes lie over the gateway's phases and take their time out of them (the precedence is written in cut.c).
 */
#ifndef TOLL_ATTRIBUTION_ATTRIBUTION_H
#define TOLL_ATTRIBUTION_ATTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/trend.h"
#include "base/hist.h"
#include "timeline/timeline.h"

/* Names as in the result document; order as printed. */
enum phase {
	PHASE_DRIVER_LAG = 0,
	PHASE_CLIENT_CONNECT, /* SYN -> ESTABLISHED */
	PHASE_CLIENT_TLS, /* gateway: its handshake */
	PHASE_ACCEPT_QUEUE, /* gateway: ESTABLISHED or first data -> accept */
	PHASE_NETWORK,
	PHASE_REQUEST_ARRIVAL, /* waiting for the rest of the request: driver, network */
	PHASE_PICK_UP_REQUEST, /* gateway: t2 -> t3 */
	PHASE_PROCESS_REQUEST, /* gateway: t3 -> t4 */
	PHASE_UPSTREAM_DNS,
	PHASE_UPSTREAM_CONNECT,
	PHASE_UPSTREAM_TLS,
	PHASE_PROVIDER, /* t5L -> t6 */
	PHASE_REST_OF_RESPONSE, /* waiting for the rest of the response: provider */
	PHASE_PICK_UP_RESPONSE, /* gateway: t7 -> t8 */
	PHASE_PROCESS_RESPONSE, /* gateway: t8 -> t9 */
	PHASE_BETWEEN_ATTEMPTS, /* gateway: its own back-off */
	PHASE_LOCAL_ANSWER, /* gateway: answered without upstream */
	PHASE_STREAM, /* t10 -> t11 */
	PHASES,
};
const char *phase_name(enum phase phase); /* "pick_up_request" */
const char *phase_title(enum phase phase); /* "pick up request" */
bool phase_is_toll(enum phase phase);
bool phase_is_gateway(enum phase phase); /* its time is the gateway's, in the toll or told apart from it */
/* "driver", "network", "gateway", "provider". */
const char *phase_owner(enum phase phase);

struct phase_cut {
	uint64_t ns[PHASES];
	uint64_t total_ns; /* t11 - t0: always the sum of ns[] */
	uint64_t toll_ns;
};
/* Pure. Works for any marks with t11 >= t0; returns -EINVAL otherwise. */
int attribution_cut(const struct whole_request *w, struct phase_cut *out);

/* The same cut as stretches of time, in order, without gaps: neighbours differ in phase, and each phase's add up to its ns[]. */
struct phase_span {
	enum phase phase;
	uint64_t from_ns, to_ns;
};
/* How many were written: at most max, the last of which then reaches to t11 whatever it holds. 0: as attribution_cut() fails. */
unsigned attribution_spans(const struct whole_request *w, struct phase_span *out, unsigned max);

/* Statistics of a set of requests (all, one class, one stage). Histograms may be NULL: nothing recorded. */
struct attribution_set {
	uint64_t requests; /* whole requests in it */
	struct hist *latency; /* t11 - t0 */
	struct hist *toll;
	struct hist *phase[PHASES]; /* per request; only requests in which the phase occurred (ns > 0 or its marks exist) */
	uint64_t phase_sum_ns[PHASES];
	uint64_t toll_sum_ns, latency_sum_ns;
	struct hist *chunk_lag; /* per chunk: readable at the gateway -> leaves the gateway */
	struct hist *ttft; /* t0 -> first token at the driver */
	struct hist *ttft_toll; /* gateway's part of it */
	uint64_t chunks, chunks_unmatched;
	uint64_t cache_own, cache_peer; /* cache hits: from the gateway's own memory; after a call of another peer */
	struct hist *upstream_turns; /* per request */
	struct hist *self_hold; /* |kernel's read of the last request byte -> t6, less the provider's own hold| */
	struct hist *self_end; /* |driver's own end - kernel's read of the last answer byte| */
	struct cause_stats *causes; /* attribution/cause_stats.h; NULL: no account of any thread */
	struct cause_stats *coarse[2]; /* the same less finely, of more requests, where probes were on in windows; NULL: none */
	struct hist *driver_reading; /* t12 - t11: how long the driver took to pick its answer up; its own, in no phase */
};

struct attribution_peer {
	uint8_t addr[16];
	uint16_t port;
	uint32_t index; /* upstream_index or UINT32_MAX */
	uint64_t turns, new_connections, answered;
	uint64_t status[6]; /* by hundreds, [0] unknown */
	struct hist *wait; /* t4_last -> t7 */
};

/* A few whole timelines kept for the report: the median, the p99 and the worst by toll, of a bounded seeded sample. */
struct attribution_exemplar {
	struct whole_request request; /* chunk pointer cleared */
	struct phase_cut cut;
	struct cause_cut *causes; /* attribution/cause.h; NULL: not known (yet) */
	uint64_t serial;
};

struct attribution;
/* What may grow with what; in ns. */
enum attribution_trend {
	ATTRIBUTION_TREND_CHUNK, /* a chunk's way through the gateway, with its number in the stream */
	ATTRIBUTION_TREND_REQUEST, /* process request, with the bytes of the request */
	ATTRIBUTION_TREND_ANSWER, /* process response, with the bytes of the answer */
	ATTRIBUTION_TRENDS,
};
const struct trend *attribution_trend(const struct attribution *a, enum attribution_trend which);
struct overhead_told; /* attribution/overhead_told.h */
/* What the gateway told of itself in this header: below OVERHEAD_HEADERS. */
const struct overhead_told *attribution_overhead(const struct attribution *a, uint32_t header);
struct cause_threads; /* attribution/cause_threads.h */
const struct cause_threads *attribution_cause_threads(const struct attribution *a);
/* Causes that were looked for before all was known that may matter: too many requests were waiting. */
uint64_t attribution_hurried(const struct attribution *a);
/*
 * Once it is finished: how finely causes are told (enum cause_level), of how many requests, and of how many not because probes were off at some time
 * of them.
 */
unsigned attribution_told(const struct attribution *a, uint64_t *told, uint64_t *untold);
struct blocks; /* attribution/blocks.h */
struct stacks; /* attribution/stacks.h */
struct attribution_config {
	struct stacks *stacks; /* told where in the code the phases went; NULL: not asked for */
	uint32_t classes, stages, tenants;
	uint64_t stages_alone; /* bit i: in stage i one tenant is alone; it is in no tenant's set */
	/* The causes of a request, once they are looked for; NULL: nobody asks. */
	void (*causes)(void *ctx, uint64_t id, const struct cause_cut *causes);
	void *ctx;
	const struct threads *threads; /* what the gateway's threads did; NULL: causes are not looked for */
};
struct attribution *attribution_new(const struct attribution_config *config);
void attribution_free(struct attribution *a);
/* Time has come this far: causes of requests that are old enough are looked for. -ENOMEM. */
int attribution_tick(struct attribution *a, uint64_t now_ns);
/* No more requests will come: all causes are looked for, and the distributions are whole. -ENOMEM. */
int attribution_finish(struct attribution *a);
/* Requests flagged RECORD_WARMUP and unmatched ones are counted, and in no set. -ENOMEM. */
int attribution_add(struct attribution *a, const struct whole_request *w);
/* How the request that was added last was cut; NULL: it was not. Valid until the next one. */
const struct phase_cut *attribution_newest_cut(const struct attribution *a);
const struct attribution_set *attribution_total(const struct attribution *a);
const struct attribution_set *attribution_class(const struct attribution *a, uint32_t class_index);
const struct attribution_set *attribution_stage(const struct attribution *a, uint32_t stage_index);
const struct attribution_set *attribution_tenant(const struct attribution *a, uint32_t tenant_index);
unsigned attribution_peers(const struct attribution *a, const struct attribution_peer **out);
/* The run over time. The caller feeds it what is no whole request: driver records, gauges, where the measured part begins. */
struct blocks *attribution_blocks(const struct attribution *a);
/* Requests that were not cut: unmatched ones (returned), and those of the warm-up. */
uint64_t attribution_left_out(const struct attribution *a, uint64_t *warmup);
/* The i-th request of the sample in which each had the same chance to be; false: it has fewer. */
bool attribution_sample(const struct attribution *a, unsigned i, struct attribution_exemplar *out);
/* which: 50, 99 or 100. false: no request. */
bool attribution_exemplar(const struct attribution *a, unsigned which, struct attribution_exemplar *out);

#endif
