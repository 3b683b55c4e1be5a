/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: the pieces that report_build() is made of. Each writes one part of the document. */
#ifndef TOLL_REPORT_BUILD_H
#define TOLL_REPORT_BUILD_H

#include "report/report.h"

/* One document in the making. A failed allocation is kept in `failed`, so that the pieces need no checks of their own. */
struct build {
	const struct report_input *in;
	json_t *doc;
	json_t *not_measured; /* path -> reason; part of doc */
	bool failed;
};

/* build_value.c: puts a value (reference taken over) under a key; NULL marks the build as failed. */
void build_put(struct build *b, json_t *object, const char *key, json_t *value);
json_t *build_object(struct build *b, json_t *parent, const char *key); /* a new object in parent, or NULL */
json_t *build_array(struct build *b, json_t *parent, const char *key);
void build_append(struct build *b, json_t *array, json_t *value);
json_t *build_u64(uint64_t value); /* clamped to what JSON integers hold here */
json_t *build_number(double value); /* rounded to 1e-6, 0 when not finite */
double build_ratio(double part, double whole); /* 0 when whole is 0 */
/*
 * Says why `prefix` + `path` is absent. Within a class or stage (prefix not empty) only what the whole run has measured:
 * one reason is enough.
 */
void build_absent(struct build *b, const char *prefix, const char *path, const char *reason);
/* A histogram in the shape that all distributions share; false (nothing written) when it is NULL or empty. */
bool build_dist(struct build *b, json_t *object, const char *key, const struct hist *h);

/* build.c: why nothing inside the gateway was seen; NULL: it was */
const char *build_no_probes(const struct report_input *in);
uint64_t build_end_ns(const struct report_set *set); /* UINT64_MAX: its end is not known */

/* build_trust.c */
void build_gateway(struct build *b);
void build_trust(struct build *b);
void build_driver(struct build *b);
void build_capture(struct build *b);
uint64_t build_lost(const struct report_input *in); /* records lost for any cause */
double build_coverage(const struct report_input *in);
/* Why figures from inside the gateway may not be judged, or NULL: too much is missing. */
const char *build_loss_refusal(const struct report_input *in);

/* build_sets.c */
void build_set(struct build *b, json_t *object, const char *prefix, const struct report_set *set);
void build_classes(struct build *b);
void build_stages(struct build *b);

/* build_blocks.c */
void build_blocks(struct build *b);

/* build_sockets.c */
void build_sockets(struct build *b);
/* Sentences about a peer, about full send buffers: appended to findings, where there is something to say. */
void build_peer_findings(struct build *b, json_t *findings, const struct sockets_peer *p, const char *name);
void build_send_findings(struct build *b, json_t *findings, const struct sockets_sends *s);

/* Who is labelled at a peer's address; NULL: nobody. */
const struct report_peer *build_labelled(const struct report_input *in, const struct sockets_peer *p);

/* build_pools.c: the connections to the peer of this row, by name; sentences into findings */
void build_pool(struct build *b, json_t *row, json_t *findings, const struct sockets_peer *p, const char *name);
/* Why it can't be told for how long all connections to it were in use, or NULL. pool: pools_find(), not -1. */
const char *build_no_exhaustion(const struct report_input *in, const struct sockets_peer *p, int pool);
void build_queue(struct build *b); /* the gateway's own queue, and its workers */

/* build_causes.c */
struct cause_mix;
void build_set_causes(struct build *b, json_t *object, const char *prefix, const struct attribution_set *a);
void build_compositions(struct build *b); /* what typical and slow requests are made of; what driver and provider took */
void build_thread_trust(struct build *b, json_t *trust);
/* The requests around p50 and around p99 of the toll. a->causes must be there. */
void build_mixes(const struct attribution_set *a, struct cause_mix *typical, struct cause_mix *slow);

/* build_calls.c */
void build_calls(struct build *b);

/* build_growth.c: after the findings */
void build_growth(struct build *b);

/* build_threads.c */
void build_threads(struct build *b);

/* build_findings.c */
void build_findings(struct build *b);

/* build_peers.c */
void build_tenants(struct build *b);
void build_resilience(struct build *b);
void build_disconnects(struct build *b);

/* build_details.c */
/* "127.0.0.1:9000", "[::1]:9000" */
void build_address(const uint8_t addr[16], uint16_t port, char *out, size_t size);
void build_upstreams(struct build *b);
void build_log(struct build *b); /* build_log.c: the gateway's own log */
void build_overhead(struct build *b);
void build_planted(struct build *b);
void build_exemplars(struct build *b);

/* build_series.c */
void build_series(struct build *b);
/* build_faults.c: a band behind the series, where it has a length; the scenario's faults as bands, as far as the series go */
void build_band(struct build *b, json_t *bands, const char *kind, const char *name, double from_s, double to_s);
void build_faults(struct build *b, json_t *bands, double end_s);

/* build_stacks.c: where in the code, by samples and waits */
void build_stacks(struct build *b);
void build_leak(struct build *b); /* build_leak.c */
const char *build_leak_reason(enum leak_reason reason);
void build_leak_parts(struct build *b, json_t *leak); /* build_leak_parts.c */

void build_survivors(struct build *b, json_t *leak); /* build_survivors.c */
/* build_criteria.c: criteria and verdict */
void build_criteria(struct build *b);

/* schema_check.c: doc against a JSON Schema (the keywords that ours uses). strict: unknown keys are errors too. err names the field. */
int schema_check(const json_t *schema, const json_t *doc, bool strict, struct err *err);

#endif
