// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel told of gateways, joined: their sockets, system calls and threads, how they dealt with upstreams that failed, and the worst
 * request. Of results that watched one and the same gateway, one speaks for all: each saw the whole of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/merge_parts.h"

#define ERRNO_MAX 133

/* --- sockets ---------------------------------------------------------------------------------------------------------------------- */

static uint64_t u64(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

static uint32_t error_number(const char *name)
{
	for (int i = 1; i <= ERRNO_MAX; i++)
		if (strerrorname_np(i) && !strcmp(strerrorname_np(i), name))
			return (uint32_t)i;
	return 0;
}

static void errors_read(struct sockets_peer *p, const json_t *row)
{
	const char *name;
	json_t *count;
	unsigned i = 0;

	json_object_foreach (json_object_get(row, "failed"), name, count) {
		p->failed += (uint64_t)json_integer_value(count);
		if (i < SOCKETS_ERRORS_MAX) {
			p->error[i].err = error_number(name);
			p->error[i++].count = (uint64_t)json_integer_value(count);
		}
	}
}

/* The ratios of a row, made again from its counts, and what it gives rise to say. */
static void peer_finish(struct merge *m, json_t *row, const char *name, bool accepted, json_t *findings)
{
	struct sockets_peer p = {.inner = json_is_true(json_object_get(row, "inner")),
				 .opened = u64(row, "opened"),
				 .used = u64(row, "connections"),
				 .turns = u64(row, "turns"),
				 .requests = u64(row, "requests"),
				 .retransmits = u64(row, "retransmits"),
				 .connect = merge_hist(json_object_get(row, "connect"))};

	if (!p.connect)
		p.connect = hist_new();
	m->b.failed = m->b.failed || !p.connect;
	errors_read(&p, row);
	if (p.used)
		build_put(&m->b, row, "turns_per_connection", build_number(sockets_turns_per_connection(&p)));
	if (p.requests)
		build_put(&m->b, row, "opened_per_request", build_number((double)p.opened / (double)p.requests));
	if (!accepted) {
		build_put(&m->b, row, "opens_per_request", json_boolean(!p.inner && sockets_opens_per_request(&p)));
		if (!json_object_get(row, "address"))
			build_put(&m->b, row, "address", json_string("several"));
	}
	if (p.connect)
		build_peer_findings(&m->b, findings, &p, name);
	hist_free(p.connect);
}

static void sends_finish(struct merge *m, const json_t *sends, json_t *findings)
{
	struct sockets_sends s = {.short_ = u64(sends, "short"),
				  .would_block = u64(sends, "would_block"),
				  .blocked = merge_hist(json_object_get(sends, "blocked"))};

	if (!s.blocked)
		s.blocked = hist_new();
	m->b.failed = m->b.failed || !s.blocked;
	if (s.blocked)
		build_send_findings(&m->b, findings, &s);
	hist_free(s.blocked);
}

static void sockets_join(struct merge *m, const json_t *const *doc, unsigned n)
{
	json_t *sockets = merge_key(m, doc, n, "sockets"), *findings = json_array(), *row;
	const char *name;

	if (sockets) {
		build_put(&m->b, m->b.doc, "sockets", sockets);
		if (json_object_get(sockets, "accepted"))
			peer_finish(m, json_object_get(sockets, "accepted"), "clients", true, findings);
		json_object_foreach (json_object_get(sockets, "upstream"), name, row) {
			/* each gateway's is full at its own times */
			if (!json_object_del(row, "pool"))
				build_absent(&m->b, "", "sockets.upstream.pool",
					     "each gateway has a pool of its own: see each result");
			peer_finish(m, row, name, false, findings);
		}
		sends_finish(m, json_object_get(sockets, "sends"), findings);
		json_object_set(sockets, "findings", findings);
	}
	json_decref(findings);
}

/* --- system calls and threads ---------------------------------------------------------------------------------------------------------- */

/* Requests that a result's system calls are told per: all that were measured, joined or not. */
static double requests_of(const json_t *doc)
{
	const json_t *trust = json_object_get(doc, "trust"), *warmup = json_object_get(doc, "warmup");

	return (double)u64(trust, "requests") - (double)u64(warmup, "requests");
}

/* ... and their part of the toll: those whose causes are known. */
static double explained_of(const json_t *doc)
{
	return (double)u64(json_object_get(json_object_get(doc, "causes"), "run_queue"), "count");
}

/* A mean per request of all of them together. call[i]: the call's row in doc[i], or NULL. */
static double mean_join(const json_t *const *doc, const json_t *const *call, unsigned n, const char *key,
			double (*weight)(const json_t *doc))
{
	double sum = 0, requests = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!json_object_get(doc[i], "system_calls"))
			continue;
		sum += weight(doc[i]) * json_number_value(json_object_get(call[i], key));
		requests += weight(doc[i]);
	}
	return build_ratio(sum, requests);
}

static void calls_join(struct merge *m, const json_t *const *doc, unsigned n)
{
	static const char *const counts[] = {"total_ns", "failed", "short_sends", "errors"};
	const json_t **call = calloc(n, sizeof(json_t *));
	json_t *calls = merge_key(m, doc, n, "system_calls"), *row;
	const char *name;

	m->b.failed = m->b.failed || !call;
	json_object_foreach (call ? calls : NULL, name, row) {
		for (unsigned i = 0; i < n; i++)
			call[i] = json_object_get(json_object_get(doc[i], "system_calls"), name);
		for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
			json_t *joined = merge_key(m, call, n, counts[i]);

			if (joined)
				build_put(&m->b, row, counts[i], joined);
		}
		build_put(&m->b, row, "per_request", build_number(mean_join(doc, call, n, "per_request", requests_of)));
		if (explained_of(m->b.doc) > 0)
			build_put(&m->b, row, "in_toll_per_request_ns",
				  build_u64((uint64_t)mean_join(doc, call, n, "in_toll_per_request_ns", explained_of)));
	}
	if (calls)
		build_put(&m->b, m->b.doc, "system_calls", calls);
	free(call);
}

static json_t *thread_of(const json_t *threads, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach (threads, i, row) {
		if (!strcmp(name, json_string_value(json_object_get(row, "name"))))
			return row;
	}
	return NULL;
}

/* Threads of one name are one row, in the order in which they turn up. */
static void threads_join(struct merge *m, const json_t *const *doc, unsigned n)
{
	const json_t **same = calloc(n, sizeof(json_t *));
	json_t *joined = json_array(), *row;
	size_t k;

	m->b.failed = m->b.failed || !same;
	for (unsigned i = 0; same && i < n; i++) {
		json_array_foreach (json_object_get(doc[i], "threads"), k, row) {
			const char *name = json_string_value(json_object_get(row, "name"));

			if (thread_of(joined, name))
				continue;
			for (unsigned d = 0; d < n; d++)
				same[d] = thread_of(json_object_get(doc[d], "threads"), name);
			build_append(&m->b, joined, merge_values(m, "threads", same, n));
		}
	}
	if (json_array_size(joined))
		json_object_set(m->b.doc, "threads", joined);
	json_decref(joined);
	free(same);
}

/* --- the others ------------------------------------------------------------------------------------------------------------------------ */

static void resilience_join(struct merge *m, const json_t *const *doc, unsigned n)
{
	json_t *joined = merge_key(m, doc, n, "resilience");

	if (!joined)
		return;
	build_put(&m->b, joined, "upstreams", json_object());
	build_put(&m->b, m->b.doc, "resilience", joined);
	build_absent(&m->b, "", "resilience.upstreams.breaker", "each gateway has breakers of its own: see each result");
}

/* Sections of counts and distributions alone. */
static void counts_join(struct merge *m, const json_t *const *doc, unsigned n, const char *key)
{
	json_t *joined = merge_key(m, doc, n, key);

	if (joined)
		build_put(&m->b, m->b.doc, key, joined);
}

/* The worst of all is the worst of the worst; which request is the median of all, none of them knows. */
static void worst_join(struct merge *m)
{
	json_t *worst = NULL;

	for (unsigned i = 0; i < m->docs; i++) {
		json_t *one = json_object_get(json_object_get(m->doc[i], "exemplars"), "worst");

		if (one && (!worst || u64(one, "toll_ns") > u64(worst, "toll_ns")))
			worst = one;
	}
	if (worst)
		json_object_set(build_object(&m->b, m->b.doc, "exemplars"), "worst", worst);
}

void merge_kernel(struct merge *m, const json_t *const *gateway, unsigned gateways)
{
	sockets_join(m, gateway, gateways);
	calls_join(m, gateway, gateways);
	threads_join(m, gateway, gateways);
	resilience_join(m, m->doc, m->docs);
	counts_join(m, gateway, gateways, "workers");
	counts_join(m, m->doc, m->docs, "disconnects"); /* each driver's clients are its own */
	worst_join(m);
}
