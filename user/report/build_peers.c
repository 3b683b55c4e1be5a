// SPDX-License-Identifier: GPL-2.0-only
/* Those around the gateway: its tenants, and how it dealt with upstreams that fail. */
#include <string.h>

#include "report/build.h"

void build_tenants(struct build *b)
{
	char prefix[128];
	json_t *tenants;

	if (!b->in->tenants)
		return;
	tenants = build_object(b, b->doc, "tenants");
	for (unsigned i = 0; i < b->in->tenants; i++) {
		const struct report_set *set = &b->in->tenant[i];

		snprintf(prefix, sizeof(prefix), "tenants.%s.", set->name);
		build_set(b, build_object(b, tenants, set->name), prefix, set);
	}
}

static void upstream_changes(struct build *b, json_t *row, const struct resilience_upstream *u, uint64_t start_ns)
{
	json_t *changes = build_array(b, row, "changes");

	for (unsigned i = 0; i < u->changes; i++) {
		const struct resilience_change *c = &u->change[i];
		json_t *change = json_object();

		build_append(b, changes, change);
		build_put(b, change, "state", json_string(resilience_state_name(c->state)));
		build_put(b, change, "at_request", build_u64(c->request));
		if (start_ns && c->time_ns > start_ns)
			build_put(b, change, "at_s", build_number((double)(c->time_ns - start_ns) / 1e9));
	}
}

static void upstream_breaker(struct build *b, json_t *upstreams, const char *label, const struct resilience_upstream *u)
{
	json_t *row = build_object(b, upstreams, label);

	build_put(b, row, "turns", build_u64(u->turns));
	build_put(b, row, "failed", build_u64(u->failed));
	build_put(b, row, "answered", build_u64(u->answered));
	build_put(b, row, "passed_over", build_u64(u->passed_over));
	build_put(b, row, "breaker", json_string(resilience_state_name(u->state)));
	build_put(b, row, "opened", build_u64(u->opened));
	build_put(b, row, "half_opened", build_u64(u->half_opened));
	build_put(b, row, "closed", build_u64(u->closed));
	upstream_changes(b, row, u, b->in->start_ns);
}

void build_resilience(struct build *b)
{
	const struct resilience_stats *r = b->in->resilience;
	const char *why = build_no_probes(b->in);
	json_t *doc, *failovers, *retries, *upstreams;

	if (!why && (!r || !r->upstreams))
		why = "no upstream is ours";
	if (why) {
		build_absent(b, "", "resilience", why);
		return;
	}
	doc = build_object(b, b->doc, "resilience");
	failovers = build_object(b, doc, "failovers");
	build_put(b, failovers, "count", build_u64(r->failovers));
	build_put(b, failovers, "ok", build_u64(r->failovers_ok));
	build_dist(b, failovers, "time", r->failover);
	retries = build_object(b, doc, "retries");
	build_put(b, retries, "requests", build_u64(r->retried));
	build_put(b, retries, "attempts_max", build_u64(r->attempts_max));
	build_dist(b, retries, "backoff", r->backoff);
	build_put(b, doc, "out_of_order", build_u64(r->out_of_order));
	upstreams = build_object(b, doc, "upstreams");
	for (unsigned i = 0; i < b->in->upstreams; i++)
		upstream_breaker(b, upstreams, b->in->upstream_label[i], &r->upstream[i]);
}

void build_disconnects(struct build *b)
{
	const struct disconnects_stats *d = b->in->disconnects;
	const char *why = build_no_probes(b->in);

	if (!why && !d)
		why = "no upstream is ours";
	if (!why && !d->clients)
		why = "no client left before its answer was whole";
	if (why) {
		build_absent(b, "", "disconnects", why);
		return;
	}
	json_t *row = build_object(b, b->doc, "disconnects");
	build_put(b, row, "clients", build_u64(d->clients));
	build_put(b, row, "calls", build_u64(d->calls));
	build_put(b, row, "answered", build_u64(d->answered));
	if (d->dropped)
		build_put(b, row, "dropped", build_u64(d->dropped));
	build_dist(b, row, "kept", d->kept);
}
