// SPDX-License-Identifier: GPL-2.0-only
/* Metrics of tenants, failovers, retries and upstreams. */
#include <errno.h>
#include <string.h>

#include "report/build.h"
#include "report/lookup.h"

/* Share of a tenant's requests that ended well; below 0: it made none. */
static double tenant_success(const struct report_set *set)
{
	const struct request_stats *s = set->stats;
	uint64_t ended = s ? s->outcome[RECORD_OK] + s->failed : 0;

	return ended ? (double)s->outcome[RECORD_OK] / (double)ended : -1.0;
}

/* Jain, Chiu & Hawe 1984: (sum x)^2 / (n * sum x^2). */
static int lookup_tenants(const struct report_input *in, const char *name, struct criteria_value *out)
{
	double sum = 0, squares = 0;
	unsigned n = 0, starved = 0;

	for (unsigned i = 0; i < in->tenants; i++) {
		double x = tenant_success(&in->tenant[i]);

		if (x < 0)
			continue;
		n++;
		sum += x;
		squares += x * x;
		starved += x <= 0;
	}
	if (!n)
		return lookup_no_data(out, "no tenant made a request beside others");
	if (!strcmp(name, "starved"))
		return lookup_is(out, starved);
	if (strcmp(name, "fairness"))
		return LOOKUP_NOT_MINE;
	return squares > 0 ? lookup_is(out, sum * sum / (n * squares))
			   : lookup_no_data(out, "no request of any tenant ended well");
}

static int lookup_failover(const struct resilience_stats *r, const char *name, struct criteria_value *out)
{
	const char *stat = lookup_behind(name, "time");

	if (!strcmp(name, "count"))
		return lookup_is(out, (double)r->failovers);
	if (!strcmp(name, "success_rate"))
		return r->failovers ? lookup_is(out, (double)r->failovers_ok / (double)r->failovers)
				    : lookup_no_data(out, "no request failed over");
	return stat ? lookup_stat(r->failover, stat, "no request was answered after a failover", out) : LOOKUP_NOT_MINE;
}

static int lookup_retry(const struct resilience_stats *r, const char *name, struct criteria_value *out)
{
	const char *stat = lookup_behind(name, "backoff");

	if (!strcmp(name, "requests"))
		return lookup_is(out, (double)r->retried);
	if (!strcmp(name, "attempts_max"))
		return lookup_is(out, (double)r->attempts_max);
	return stat ? lookup_stat(r->backoff, stat, "no request called upstream more than once", out) : LOOKUP_NOT_MINE;
}

static int lookup_disconnects(const struct disconnects_stats *d, const char *name, struct criteria_value *out)
{
	const char *stat = lookup_behind(name, "kept");

	if (!strcmp(name, "clients"))
		return lookup_is(out, (double)d->clients);
	if (!strcmp(name, "calls"))
		return lookup_is(out, (double)d->calls);
	if (!strcmp(name, "answered"))
		return lookup_is(out, (double)d->answered);
	return stat ? lookup_stat(d->kept, stat, "no client left while its upstream call ran", out) : LOOKUP_NOT_MINE;
}

static int lookup_one_upstream(const struct resilience_upstream *u, const char *name, struct criteria_value *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {{"turns", u->turns},
		    {"answered", u->answered},
		    {"failed", u->failed},
		    {"breaker.opened", u->opened},
		    {"breaker.half_opened", u->half_opened},
		    {"breaker.closed", u->closed}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(name, rows[i].name))
			return lookup_is(out, (double)rows[i].value);
	return LOOKUP_NOT_MINE;
}

static int lookup_upstream(const struct report_input *in, const char *name, struct criteria_value *out)
{
	for (unsigned i = 0; i < in->upstreams; i++) {
		const char *rest = lookup_behind(name, in->upstream_label[i]);

		if (rest)
			return lookup_one_upstream(&in->resilience->upstream[i], rest, out);
	}
	return lookup_no_data(out, "this run has no upstream of that label");
}

int lookup_peers(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	const char *failover = lookup_behind(metric, "failover"), *retry = lookup_behind(metric, "retry");
	const char *upstream = lookup_behind(metric, "upstream"), *tenants = lookup_behind(metric, "tenants");
	const char *disconnect = lookup_behind(metric, "disconnect"), *why = build_no_probes(in);

	if (tenants)
		return in->tenants ? lookup_tenants(in, tenants, out) : lookup_no_data(out, "the scenario has no tenants");
	if (!failover && !retry && !upstream && !disconnect)
		return LOOKUP_NOT_MINE;
	if (!why && (!in->resilience || !in->upstreams))
		why = "no upstream is ours";
	if (!why)
		why = build_loss_refusal(in);
	if (why)
		return lookup_no_data(out, why);
	if (disconnect)
		return in->disconnects ? lookup_disconnects(in->disconnects, disconnect, out)
				       : lookup_no_data(out, "no upstream is ours");
	if (failover)
		return lookup_failover(in->resilience, failover, out);
	return retry ? lookup_retry(in->resilience, retry, out) : lookup_upstream(in, upstream, out);
}
