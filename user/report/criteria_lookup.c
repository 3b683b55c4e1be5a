// SPDX-License-Identifier: GPL-2.0-only
#include "report/criteria_lookup.h"

#include <errno.h>
#include <string.h>

#include "attribution/cause_stats.h"
#include "report/build.h"
#include "report/lookup.h"

struct scope {
	const struct report_input *in;
	const struct report_set *set;
	bool whole_run; /* not a class, not a stage */
};

int lookup_no_data(struct criteria_value *out, const char *reason)
{
	out->reason = reason;
	return -ENODATA;
}

int lookup_is(struct criteria_value *out, double value)
{
	out->value = value;
	return 0;
}

const char *lookup_behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return n && !strncmp(text, prefix, n) && text[n] == '.' ? text + n + 1 : NULL;
}

int lookup_stat(const struct hist *h, const char *stat, const char *empty, struct criteria_value *out)
{
	static const struct {
		const char *name;
		double q; /* below 0: the mean */
	} rows[] = {{"mean", -1}, {"min", 0}, {"p50", 50}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p999", 99.9}, {"max", 100}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(stat, rows[i].name))
			continue;
		if (!h || !hist_count(h))
			return lookup_no_data(out, empty);
		bool mean = rows[i].q < 0;
		out->at_least = mean ? hist_count_at_least(h) > 0 : hist_is_lower_bound(h, rows[i].q);
		return lookup_is(out, mean ? hist_mean(h) : (double)hist_percentile(h, rows[i].q));
	}
	return LOOKUP_NOT_MINE;
}

/* More than `sent`: a request that gave up in the driver's queue failed too. */
static uint64_t requests_ended(const struct request_stats *r)
{
	return r->outcome[RECORD_OK] + r->failed;
}

/* Streams of the scope: the classes that are streams; a stage mixes its classes, so only if all of them are. */
static int lookup_streaming_success(const struct scope *s, struct criteria_value *out)
{
	uint64_t ok = 0, ended = 0;
	unsigned streams = 0;

	for (unsigned i = 0; i < s->in->classes; i++) {
		const struct report_set *class_ = &s->in->class_[i];
		if (!class_->stream || (!s->whole_run && class_ != s->set))
			continue;
		streams++;
		ok += class_->stats ? class_->stats->outcome[RECORD_OK] : 0;
		ended += class_->stats ? requests_ended(class_->stats) : 0;
	}
	if (!s->whole_run && !streams) {
		for (unsigned i = 0; i < s->in->classes; i++)
			if (!s->in->class_[i].stream)
				return lookup_no_data(out, "streams are told by class, and this is no class of streams");
		ok = s->set->stats->outcome[RECORD_OK];
		ended = requests_ended(s->set->stats);
	}
	return ended ? lookup_is(out, (double)ok / (double)ended) : lookup_no_data(out, "no stream was requested");
}

static int lookup_check(const struct scope *s, const char *name, struct criteria_value *out)
{
	uint64_t passed = 0, failed = 0;
	bool known = false;

	for (unsigned i = 0; i < s->in->classes; i++) {
		const struct report_set *class_ = &s->in->class_[i];
		if (!class_->stats || (!s->whole_run && class_ != s->set))
			continue;
		for (unsigned k = 0; k < class_->checks && k < REQUEST_STATS_CHECKS; k++) {
			if (!class_->check_name[k] || strcmp(class_->check_name[k], name))
				continue;
			known = true;
			passed += class_->stats->check_passed[k];
			failed += class_->stats->check_failed[k];
		}
	}
	if (!known)
		return lookup_no_data(out, "no class here has a check of that name");
	if (!(passed + failed))
		return lookup_no_data(out, "no answer was checked");
	return lookup_is(out, (double)passed / (double)(passed + failed));
}

static int lookup_streams(const struct request_stats *r, const char *name, struct criteria_value *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {{"heard", r->heard}, {"foreign", r->foreign}, {"disordered", r->disordered}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(name, rows[i].name))
			return r->heard ? lookup_is(out, (double)rows[i].value)
					: lookup_no_data(out, "no stream's text was known beforehand: the provider is not ours");
	return LOOKUP_NOT_MINE;
}

static int lookup_recovery(const struct report_set *set, struct criteria_value *out)
{
	if (!set->recovery_known)
		return lookup_no_data(out, "recovery is told of timed stages behind the first one");
	out->at_least = !set->recovered;
	return lookup_is(out, (double)set->recovery_ns);
}

static int lookup_count(const struct scope *s, const char *metric, struct criteria_value *out)
{
	const struct request_stats *r = s->set->stats;
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {{"sent", r->sent}, {"completed", r->completed}, {"failed", r->failed}};
	const struct {
		const char *name;
		uint64_t part;
	} shares[] = {{"success_rate", r->outcome[RECORD_OK]}, {"error_rate", r->failed}};
	const struct {
		const char *name;
		uint64_t n;
	} rates[] = {{"throughput", r->outcome[RECORD_OK]}, {"tokens_per_s", r->tokens}, {"goodput", r->good}};

	if (!strcmp(metric, "slo_rate") || !strcmp(metric, "goodput")) {
		if (!r->slo)
			return lookup_no_data(out, "no request of a class with an slo ended");
		if (metric[0] == 's')
			return lookup_is(out, (double)r->good / (double)r->slo);
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (!strcmp(metric, counts[i].name))
			return lookup_is(out, (double)counts[i].value);
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++)
		if (!strcmp(metric, shares[i].name))
			return requests_ended(r) ? lookup_is(out, (double)shares[i].part / (double)requests_ended(r))
						 : lookup_no_data(out, "no request was sent");
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
		if (!strcmp(metric, rates[i].name))
			return s->set->duration_s > 0 ? lookup_is(out, (double)rates[i].n / s->set->duration_s)
						      : lookup_no_data(out, "the duration is not known");
	return LOOKUP_NOT_MINE;
}

/* Metrics that the driver alone can tell. */
static int lookup_outside(const struct scope *s, const char *metric, struct criteria_value *out)
{
	static const char *const names[] = {"latency", "service", "lateness", "ttft", "inter_token"};
	const struct request_stats *r = s->set->stats;
	const char *rest;

	rest = lookup_behind(metric, "check");
	if (rest)
		return r ? lookup_check(s, rest, out) : lookup_no_data(out, "the load was not ours");
	if (!strcmp(metric, "recovery"))
		return lookup_recovery(s->set, out);
	rest = lookup_behind(metric, "stream");
	if (r && rest && lookup_streams(r, rest, out) != LOOKUP_NOT_MINE)
		return out->reason ? -ENODATA : 0;
	if (!strcmp(metric, "streaming_success_rate"))
		return r ? lookup_streaming_success(s, out) : lookup_no_data(out, "the load was not ours");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		rest = lookup_behind(metric, names[i]);
		if (!rest)
			continue;
		if (!r)
			return lookup_no_data(out, "the load was not ours");
		const struct hist *const hists[] = {r->latency, r->service, r->lateness, r->ttft, r->inter_token};
		return lookup_stat(hists[i], rest, i < 3 ? "no request was sent" : "no request was a stream", out);
	}
	if (!r)
		return LOOKUP_NOT_MINE;
	return lookup_count(s, metric, out);
}

static const struct hist *inside_hist(const struct attribution_set *a, const char *metric, const char **stat)
{
	*stat = lookup_behind(metric, "toll");
	if (*stat)
		return a ? a->toll : NULL;
	for (unsigned i = 0; i < PHASES; i++) {
		*stat = lookup_behind(metric, phase_name((enum phase)i));
		if (*stat)
			return a ? a->phase[i] : NULL;
	}
	const char *cause = lookup_behind(metric, "causes");
	for (unsigned i = 0; cause && i < CAUSES; i++) {
		*stat = lookup_behind(cause, cause_name((enum cause)i));
		if (*stat)
			return a && a->causes ? a->causes->cause[i] : NULL;
	}
	return NULL;
}

/* Metrics that need the probes. */
static int lookup_inside(const struct scope *s, const char *metric, struct criteria_value *out)
{
	const struct attribution_set *a = s->set->attribution;
	const char *why = build_no_probes(s->in), *stat;
	const struct hist *h = inside_hist(a, metric, &stat);
	bool attempts = !strcmp(metric, "upstream.attempts_per_request");
	bool cache = !strcmp(metric, "cache_hit_rate");
	bool own = !strcmp(metric, "cache.own_hit_rate"), peer = !strcmp(metric, "cache.peer_hit_rate");

	if (!stat && !attempts && !cache && !own && !peer)
		return LOOKUP_NOT_MINE;
	if (!why)
		why = build_loss_refusal(s->in);
	if (why)
		return lookup_no_data(out, why);
	if (stat)
		return lookup_stat(h, stat,
				   lookup_behind(metric, "causes") ? "no thread was watched, or this cause was not told apart"
								   : "it did not occur in any joined request",
				   out);
	if (attempts)
		return a && a->upstream_turns && hist_count(a->upstream_turns) ? lookup_is(out, hist_mean(a->upstream_turns))
									       : lookup_no_data(out, "no request was joined");
	if (own || peer)
		return a && a->requests ? lookup_is(out, (double)(own ? a->cache_own : a->cache_peer) / (double)a->requests)
					: lookup_no_data(out, "no request was joined");
	if (!s->whole_run)
		return lookup_no_data(out, "cache hits are told for the whole run only");
	if (!s->in->timeline->whole)
		return lookup_no_data(out, "no request was joined");
	return lookup_is(out, (double)s->in->timeline->cache_hits / (double)s->in->timeline->whole);
}

/* The gateway's own upstream sockets, whether or not their turns could be joined. */
static int lookup_sockets(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	const char *name = lookup_behind(metric, "upstream"), *why = build_no_probes(in);
	const struct sockets_peer *p = in->sockets ? sockets_upstream(in->sockets) : NULL;

	if (!name || !strcmp(name, "attempts_per_request"))
		return LOOKUP_NOT_MINE;
	if (why || !p)
		return lookup_no_data(out, why ? why : "the gateway's sockets were not followed");
	if (!strcmp(name, "turns_per_connection"))
		return p->used ? lookup_is(out, sockets_turns_per_connection(p))
			       : lookup_no_data(out, "no upstream turn was seen");
	if (!strcmp(name, "opened_per_request"))
		return p->requests ? lookup_is(out, (double)p->opened / (double)p->requests)
				   : lookup_no_data(out, "no request with an upstream turn was joined");
	if (!strcmp(name, "connects_failed"))
		return lookup_is(out, (double)p->failed);
	const char *connect = lookup_behind(name, "connect"), *unread = lookup_behind(name, "unread");
	if (connect)
		return lookup_stat(p->connect, connect, "the gateway opened no upstream connection", out);
	return unread ? lookup_stat(p->unread, unread, "no upstream turn was seen", out) : LOOKUP_NOT_MINE;
}

static int lookup_gateway(const struct report_gateway *g, const char *metric, struct criteria_value *out)
{
	const char *cpu = lookup_behind(metric, "gateway.cpu"), *memory = lookup_behind(metric, "gateway.memory");
	const struct {
		const char *name;
		uint64_t bytes;
	} rows[] = {{"initial", g->rss_initial_bytes},
		    {"mean", g->rss_mean_bytes},
		    {"peak", g->rss_peak_bytes},
		    {"final", g->rss_final_bytes}};

	if (!cpu && !memory)
		return LOOKUP_NOT_MINE;
	if (cpu ? !g->cpu_measured : !g->memory_measured)
		return lookup_no_data(out, "the gateway's processes are not known on this host, or could not be read");
	if (cpu && !(g->cores_usable > 0))
		return lookup_no_data(out, "the cores that the gateway may use are not known");
	if (cpu && !strcmp(cpu, "mean"))
		return lookup_is(out, g->cpu_cores_mean / g->cores_usable);
	if (cpu && !strcmp(cpu, "max"))
		return lookup_is(out, g->cpu_cores_max / g->cores_usable);
	for (size_t i = 0; memory && i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(memory, rows[i].name))
			return lookup_is(out, (double)rows[i].bytes);
	if (!memory || strcmp(memory, "growth"))
		return LOOKUP_NOT_MINE;
	if (!g->rss_initial_bytes)
		return lookup_no_data(out, "the gateway's memory at the start is not known");
	return lookup_is(out, ((double)g->rss_final_bytes - (double)g->rss_initial_bytes) / (double)g->rss_initial_bytes);
}

static int lookup_trust(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	const char *name = lookup_behind(metric, "trust"), *why = build_no_probes(in);

	if (!name)
		return LOOKUP_NOT_MINE;
	if (why)
		return lookup_no_data(out, why);
	if (!strcmp(name, "order_violations"))
		return lookup_is(out, (double)in->timeline->order_violations);
	if (!strcmp(name, "lost"))
		return lookup_is(out, (double)build_lost(in));
	if (strcmp(name, "coverage"))
		return LOOKUP_NOT_MINE;
	if (in->timeline->requests <= in->timeline->unmatched[TIMELINE_FAILED_REQUEST])
		return lookup_no_data(out, "no request had a whole answer");
	return lookup_is(out, build_coverage(in));
}

static int lookup_scope(const struct scope *s, const char *metric, struct criteria_value *out)
{
	int r = lookup_outside(s, metric, out);

	if (r == LOOKUP_NOT_MINE)
		r = lookup_inside(s, metric, out);
	if (r == LOOKUP_NOT_MINE && s->whole_run)
		r = lookup_series(s->in, metric, out);
	if (r == LOOKUP_NOT_MINE)
		r = lookup_pools(s->in, s->set, metric, out);
	if (r == LOOKUP_NOT_MINE && s->whole_run)
		r = lookup_sockets(s->in, metric, out);
	if (r == LOOKUP_NOT_MINE && s->whole_run)
		r = lookup_workers(s->in, metric, out);
	if (r == LOOKUP_NOT_MINE && s->whole_run)
		r = lookup_gateway(&s->in->gateway, metric, out);
	if (r == LOOKUP_NOT_MINE && s->whole_run)
		r = lookup_trust(s->in, metric, out);
	if (r == LOOKUP_NOT_MINE && s->whole_run)
		r = lookup_peers(s->in, metric, out);
	return r;
}

/* Names may hold dots: the first set under whose name the rest is a metric. */
static int lookup_sets(const struct report_input *in, const struct report_set *sets, unsigned n, const char *metric,
		       struct criteria_value *out)
{
	for (unsigned i = 0; i < n; i++) {
		struct scope s = {.in = in, .set = &sets[i]};
		const char *rest = sets[i].name ? lookup_behind(metric, sets[i].name) : NULL;
		int r = rest ? lookup_scope(&s, rest, out) : LOOKUP_NOT_MINE;
		if (r != LOOKUP_NOT_MINE)
			return r;
	}
	return LOOKUP_NOT_MINE;
}

/* "light.alone.latency.p99" is no metric of "light". */
static int lookup_tenant(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	for (unsigned i = 0; i < in->tenants; i++) {
		const char *rest = lookup_behind(metric, in->tenant[i].name), *alone = rest ? lookup_behind(rest, "alone") : NULL;
		struct scope s = {.in = in, .set = alone ? &in->tenant_alone[i] : &in->tenant[i]};

		if (rest)
			return lookup_scope(&s, alone ? alone : rest, out);
	}
	return LOOKUP_NOT_MINE;
}

int criteria_lookup(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	struct scope whole = {.in = in, .set = &in->total, .whole_run = true};
	const char *stage = lookup_behind(metric, "stage"), *tenant = lookup_behind(metric, "tenant");

	memset(out, 0, sizeof(*out));
	int r = lookup_scope(&whole, metric, out);
	if (r == LOOKUP_NOT_MINE)
		r = lookup_sets(in, in->class_, in->classes, metric, out);
	if (r == LOOKUP_NOT_MINE && stage)
		r = lookup_sets(in, in->stage, in->stages, stage, out);
	if (r == LOOKUP_NOT_MINE && tenant)
		r = lookup_tenant(in, tenant, out);
	if (r == LOOKUP_NOT_MINE)
		return lookup_no_data(out,
				      in->total.stats ? "this run has no such metric, class or stage" : "the load was not ours");
	return r;
}
