// SPDX-License-Identifier: GPL-2.0-only
#include "report/criteria_lookup.h"

#include <errno.h>
#include <string.h>

#include "attribution/cause_stats.h"
#include "report/build.h"

/* A metric that is not of this kind: the next kind is asked. */
#define NOT_MINE 1

struct scope {
	const struct report_input *in;
	const struct report_set *set;
	bool whole_run; /* not a class, not a stage */
};

static int no_data(struct criteria_value *out, const char *reason)
{
	out->reason = reason;
	return -ENODATA;
}

static int is_value(struct criteria_value *out, double value)
{
	out->value = value;
	return 0;
}

/* The rest of text behind prefix and a dot; NULL when it does not begin so. */
static const char *behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return n && !strncmp(text, prefix, n) && text[n] == '.' ? text + n + 1 : NULL;
}

static int lookup_stat(const struct hist *h, const char *stat, const char *empty, struct criteria_value *out)
{
	static const struct {
		const char *name;
		double q; /* below 0: the mean */
	} rows[] = {{"mean", -1}, {"min", 0}, {"p50", 50}, {"p90", 90}, {"p95", 95}, {"p99", 99}, {"p999", 99.9}, {"max", 100}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(stat, rows[i].name))
			continue;
		if (!h || !hist_count(h))
			return no_data(out, empty);
		bool mean = rows[i].q < 0;
		out->at_least = mean ? hist_count_at_least(h) > 0 : hist_is_lower_bound(h, rows[i].q);
		return is_value(out, mean ? hist_mean(h) : (double)hist_percentile(h, rows[i].q));
	}
	return NOT_MINE;
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
				return no_data(out, "streams are told by class, and this is no class of streams");
		ok = s->set->stats->outcome[RECORD_OK];
		ended = requests_ended(s->set->stats);
	}
	return ended ? is_value(out, (double)ok / (double)ended) : no_data(out, "no stream was requested");
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
		return no_data(out, "no class here has a check of that name");
	if (!(passed + failed))
		return no_data(out, "no answer was checked");
	return is_value(out, (double)passed / (double)(passed + failed));
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
	} rates[] = {{"throughput", r->outcome[RECORD_OK]}, {"tokens_per_s", r->tokens}};

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (!strcmp(metric, counts[i].name))
			return is_value(out, (double)counts[i].value);
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++)
		if (!strcmp(metric, shares[i].name))
			return requests_ended(r) ? is_value(out, (double)shares[i].part / (double)requests_ended(r))
						 : no_data(out, "no request was sent");
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
		if (!strcmp(metric, rates[i].name))
			return s->set->duration_s > 0 ? is_value(out, (double)rates[i].n / s->set->duration_s)
						      : no_data(out, "the duration is not known");
	return NOT_MINE;
}

/* Metrics that the driver alone can tell. */
static int lookup_outside(const struct scope *s, const char *metric, struct criteria_value *out)
{
	static const char *const names[] = {"latency", "service", "lateness", "ttft", "inter_token"};
	const struct request_stats *r = s->set->stats;
	const char *rest;

	rest = behind(metric, "check");
	if (rest)
		return r ? lookup_check(s, rest, out) : no_data(out, "the load was not ours");
	if (!strcmp(metric, "streaming_success_rate"))
		return r ? lookup_streaming_success(s, out) : no_data(out, "the load was not ours");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		rest = behind(metric, names[i]);
		if (!rest)
			continue;
		if (!r)
			return no_data(out, "the load was not ours");
		const struct hist *const hists[] = {r->latency, r->service, r->lateness, r->ttft, r->inter_token};
		return lookup_stat(hists[i], rest, i < 3 ? "no request was sent" : "no request was a stream", out);
	}
	if (!r)
		return NOT_MINE;
	return lookup_count(s, metric, out);
}

static const struct hist *inside_hist(const struct attribution_set *a, const char *metric, const char **stat)
{
	*stat = behind(metric, "toll");
	if (*stat)
		return a ? a->toll : NULL;
	for (unsigned i = 0; i < PHASES; i++) {
		*stat = behind(metric, phase_name((enum phase)i));
		if (*stat)
			return a ? a->phase[i] : NULL;
	}
	const char *cause = behind(metric, "causes");
	for (unsigned i = 0; cause && i < CAUSES; i++) {
		*stat = behind(cause, cause_name((enum cause)i));
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

	if (!stat && !attempts && !cache)
		return NOT_MINE;
	if (!why)
		why = build_loss_refusal(s->in);
	if (why)
		return no_data(out, why);
	if (stat)
		return lookup_stat(h, stat,
				   behind(metric, "causes") ? "no thread was watched, or this cause was not told apart"
							    : "it did not occur in any joined request",
				   out);
	if (attempts)
		return a && a->upstream_turns && hist_count(a->upstream_turns) ? is_value(out, hist_mean(a->upstream_turns))
									       : no_data(out, "no request was joined");
	if (!s->whole_run)
		return no_data(out, "cache hits are told for the whole run only");
	if (!s->in->timeline->whole)
		return no_data(out, "no request was joined");
	return is_value(out, (double)s->in->timeline->cache_hits / (double)s->in->timeline->whole);
}

/* The gateway's own upstream sockets, whether or not their turns could be joined. */
static int lookup_sockets(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	const char *name = behind(metric, "upstream"), *why = build_no_probes(in);
	const struct sockets_peer *p = in->sockets ? sockets_upstream(in->sockets) : NULL;

	if (!name || !strcmp(name, "attempts_per_request"))
		return NOT_MINE;
	if (why || !p)
		return no_data(out, why ? why : "the gateway's sockets were not followed");
	if (!strcmp(name, "turns_per_connection"))
		return p->used ? is_value(out, sockets_turns_per_connection(p)) : no_data(out, "no upstream turn was seen");
	if (!strcmp(name, "opened_per_request"))
		return p->requests ? is_value(out, (double)p->opened / (double)p->requests)
				   : no_data(out, "no request with an upstream turn was joined");
	if (!strcmp(name, "connects_failed"))
		return is_value(out, (double)p->failed);
	const char *connect = behind(name, "connect"), *unread = behind(name, "unread");
	if (connect)
		return lookup_stat(p->connect, connect, "the gateway opened no upstream connection", out);
	return unread ? lookup_stat(p->unread, unread, "no upstream turn was seen", out) : NOT_MINE;
}

static int lookup_gateway(const struct report_gateway *g, const char *metric, struct criteria_value *out)
{
	const char *cpu = behind(metric, "gateway.cpu"), *memory = behind(metric, "gateway.memory");
	const struct {
		const char *name;
		uint64_t bytes;
	} rows[] = {{"initial", g->rss_initial_bytes},
		    {"mean", g->rss_mean_bytes},
		    {"peak", g->rss_peak_bytes},
		    {"final", g->rss_final_bytes}};

	if (!cpu && !memory)
		return NOT_MINE;
	if (cpu ? !g->cpu_measured : !g->memory_measured)
		return no_data(out, "the gateway's processes are not known on this host, or could not be read");
	if (cpu && !(g->cores_usable > 0))
		return no_data(out, "the cores that the gateway may use are not known");
	if (cpu && !strcmp(cpu, "mean"))
		return is_value(out, g->cpu_cores_mean / g->cores_usable);
	if (cpu && !strcmp(cpu, "max"))
		return is_value(out, g->cpu_cores_max / g->cores_usable);
	for (size_t i = 0; memory && i < sizeof(rows) / sizeof(*rows); i++)
		if (!strcmp(memory, rows[i].name))
			return is_value(out, (double)rows[i].bytes);
	if (!memory || strcmp(memory, "growth"))
		return NOT_MINE;
	if (!g->rss_initial_bytes)
		return no_data(out, "the gateway's memory at the start is not known");
	return is_value(out, ((double)g->rss_final_bytes - (double)g->rss_initial_bytes) / (double)g->rss_initial_bytes);
}

static int lookup_trust(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	const char *name = behind(metric, "trust"), *why = build_no_probes(in);

	if (!name)
		return NOT_MINE;
	if (why)
		return no_data(out, why);
	if (!strcmp(name, "order_violations"))
		return is_value(out, (double)in->timeline->order_violations);
	if (!strcmp(name, "lost"))
		return is_value(out, (double)build_lost(in));
	if (strcmp(name, "coverage"))
		return NOT_MINE;
	if (in->timeline->requests <= in->timeline->unmatched[TIMELINE_FAILED_REQUEST])
		return no_data(out, "no request had a whole answer");
	return is_value(out, build_coverage(in));
}

static int lookup_scope(const struct scope *s, const char *metric, struct criteria_value *out)
{
	int r = lookup_outside(s, metric, out);

	if (r == NOT_MINE)
		r = lookup_inside(s, metric, out);
	if (r == NOT_MINE && s->whole_run)
		r = lookup_sockets(s->in, metric, out);
	if (r == NOT_MINE && s->whole_run)
		r = lookup_gateway(&s->in->gateway, metric, out);
	if (r == NOT_MINE && s->whole_run)
		r = lookup_trust(s->in, metric, out);
	return r;
}

/* Names may hold dots: the first set under whose name the rest is a metric. */
static int lookup_sets(const struct report_input *in, const struct report_set *sets, unsigned n, const char *metric,
		       struct criteria_value *out)
{
	for (unsigned i = 0; i < n; i++) {
		struct scope s = {.in = in, .set = &sets[i]};
		const char *rest = sets[i].name ? behind(metric, sets[i].name) : NULL;
		int r = rest ? lookup_scope(&s, rest, out) : NOT_MINE;
		if (r != NOT_MINE)
			return r;
	}
	return NOT_MINE;
}

int criteria_lookup(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	struct scope whole = {.in = in, .set = &in->total, .whole_run = true};
	const char *stage = behind(metric, "stage");

	memset(out, 0, sizeof(*out));
	int r = lookup_scope(&whole, metric, out);
	if (r == NOT_MINE)
		r = lookup_sets(in, in->class_, in->classes, metric, out);
	if (r == NOT_MINE && stage)
		r = lookup_sets(in, in->stage, in->stages, stage, out);
	if (r == NOT_MINE)
		return no_data(out, in->total.stats ? "this run has no such metric, class or stage" : "the load was not ours");
	return r;
}
