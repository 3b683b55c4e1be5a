// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

#include <math.h>

#define ATTACHED "the load was not ours: nobody knows when its clients meant to send"
#define NO_REQUESTS "no request was sent"

static void set_errors(struct build *b, json_t *requests, const struct request_stats *s)
{
	json_t *errors = build_object(b, requests, "errors");
	json_t *status = build_object(b, requests, "status");
	char name[32];

	for (unsigned i = RECORD_OK + 1; i < RECORD_OUTCOMES; i++)
		if (s->outcome[i] && i != RECORD_LEFT)
			build_put(b, errors, record_outcome_name((enum record_outcome)i), build_u64(s->outcome[i]));
	for (unsigned i = 0; i < REQUEST_STATS_STATUSES; i++) {
		if (!s->status[i])
			continue;
		snprintf(name, sizeof(name), "%u", i);
		build_put(b, status, i ? name : "none", build_u64(s->status[i]));
	}
}

static void set_requests(struct build *b, json_t *object, const char *prefix, const struct report_set *set)
{
	const struct request_stats *s = set->stats;

	if (!s) {
		build_absent(b, prefix, "requests", "the load was not ours");
		return;
	}
	json_t *requests = build_object(b, object, "requests");
	build_put(b, requests, "sent", build_u64(s->sent));
	build_put(b, requests, "completed", build_u64(s->completed));
	build_put(b, requests, "ok", build_u64(s->outcome[RECORD_OK]));
	build_put(b, requests, "failed", build_u64(s->failed));
	if (s->outcome[RECORD_LEFT])
		build_put(b, requests, "left", build_u64(s->outcome[RECORD_LEFT]));
	set_errors(b, requests, s);
	build_put(b, requests, "tokens", build_u64(s->tokens));
	build_put(b, requests, "prompt_tokens", build_u64(s->prompt_tokens));
	build_put(b, requests, "chunks", build_u64(s->chunks));
	if (s->slo) {
		build_put(b, requests, "slo_judged", build_u64(s->slo));
		build_put(b, requests, "slo_met", build_u64(s->good));
	}
	if (s->heard) {
		build_put(b, requests, "streams_heard", build_u64(s->heard));
		build_put(b, requests, "streams_foreign", build_u64(s->foreign));
		build_put(b, requests, "streams_disordered", build_u64(s->disordered));
	}
	build_put(b, requests, "bytes_in", build_u64(s->bytes_in));
	build_put(b, requests, "bytes_out", build_u64(s->bytes_out));
	if (set->duration_s > 0) {
		build_put(b, requests, "rate_per_s", build_number((double)s->outcome[RECORD_OK] / set->duration_s));
		build_put(b, requests, "tokens_per_s", build_number((double)s->tokens / set->duration_s));
		if (s->slo)
			build_put(b, requests, "goodput_per_s", build_number((double)s->good / set->duration_s));
	} else {
		build_absent(b, prefix, "requests.rate_per_s", "the duration is not known");
	}
}

static void set_dist(struct build *b, json_t *object, const char *prefix, const char *key, const struct hist *h, const char *why)
{
	if (!build_dist(b, object, key, h))
		build_absent(b, prefix, key, why);
}

static void set_latencies(struct build *b, json_t *object, const char *prefix, const struct report_set *set)
{
	const struct request_stats *s = set->stats;
	const char *why = s ? NO_REQUESTS : ATTACHED;

	set_dist(b, object, prefix, "latency", s ? s->latency : NULL, why);
	set_dist(b, object, prefix, "service", s ? s->service : NULL, why);
	set_dist(b, object, prefix, "lateness", s ? s->lateness : NULL, why);
}

static const char *phase_absent_reason(enum phase phase)
{
	switch (phase) {
	case PHASE_CLIENT_CONNECT:
		return "no client connection was opened by a measured request";
	case PHASE_CLIENT_TLS:
	case PHASE_UPSTREAM_TLS:
		return "no TLS handshake was seen in a measured request";
	case PHASE_ACCEPT_QUEUE:
		return "no measured request waited for its accept, or this kernel does not show accepts";
	case PHASE_UPSTREAM_CONNECT:
		return "the gateway opened no upstream connection in a measured request";
	case PHASE_UPSTREAM_DNS:
		return "no name look-up was seen";
	default:
		return "it did not occur";
	}
}

static void set_phase(struct build *b, json_t *phases, const char *prefix, const struct attribution_set *a, enum phase phase)
{
	char path[64];

	if (!build_dist(b, phases, phase_name(phase), a->phase[phase])) {
		snprintf(path, sizeof(path), "phases.%s", phase_name(phase));
		build_absent(b, prefix, path, phase_absent_reason(phase));
		return;
	}
	json_t *row = json_object_get(phases, phase_name(phase));
	double sum = (double)a->phase_sum_ns[phase];
	build_put(b, row, "title", json_string(phase_title(phase)));
	build_put(b, row, "owner", json_string(phase_owner(phase)));
	build_put(b, row, "toll", json_boolean(phase_is_toll(phase)));
	build_put(b, row, "per_request_ns", build_u64((uint64_t)llround(build_ratio(sum, (double)a->requests))));
	if (phase_is_toll(phase))
		build_put(b, row, "share_of_toll", build_number(build_ratio(sum, (double)a->toll_sum_ns)));
	build_put(b, row, "share_of_time", build_number(build_ratio(sum, (double)a->latency_sum_ns)));
}

static void set_phases(struct build *b, json_t *object, const char *prefix, const struct report_set *set)
{
	const struct attribution_set *a = set->attribution;
	const char *why = build_no_probes(b->in);

	if (!why && (!a || !a->requests))
		why = "no request was joined";
	if (why) {
		build_absent(b, prefix, "toll", why);
		build_absent(b, prefix, "phases", why);
		return;
	}
	set_dist(b, object, prefix, "toll", a->toll, "no request was joined");
	json_t *toll = json_object_get(object, "toll");
	if (toll) {
		build_put(b, toll, "per_request_ns", build_u64(a->toll_sum_ns / a->requests));
		build_put(b, toll, "share_of_time", build_number(build_ratio((double)a->toll_sum_ns, (double)a->latency_sum_ns)));
	}
	set_dist(b, object, prefix, "joined_latency", a->latency, "no request was joined");
	json_t *phases = build_object(b, object, "phases");
	for (unsigned i = 0; i < PHASES; i++)
		set_phase(b, phases, prefix, a, (enum phase)i);
	if (a->upstream_turns && hist_count(a->upstream_turns))
		build_put(b, object, "upstream_turns_per_request", build_number(hist_mean(a->upstream_turns)));
	else
		build_absent(b, prefix, "upstream_turns_per_request", "no upstream turn was joined");
}

static void stream_dist(struct build *b, json_t *streams, const char *prefix, const char *key, const struct hist *h,
			const char *why)
{
	char path[64];

	if (build_dist(b, streams, key, h))
		return;
	snprintf(path, sizeof(path), "streams.%s", key);
	build_absent(b, prefix, path, why);
}

static void set_streams(struct build *b, json_t *object, const char *prefix, const struct report_set *set)
{
	const struct request_stats *s = set->stats;
	const struct attribution_set *a = build_no_probes(b->in) ? NULL : set->attribution;
	const char *inside = a ? "no stream was joined" : build_no_probes(b->in);

	if (!(s && s->ttft && hist_count(s->ttft)) && !(a && a->chunk_lag && hist_count(a->chunk_lag))) {
		build_absent(b, prefix, "streams", "no request was a stream, or none had a first token");
		return;
	}
	json_t *streams = build_object(b, object, "streams");
	stream_dist(b, streams, prefix, "ttft", s ? s->ttft : NULL, ATTACHED);
	stream_dist(b, streams, prefix, "ttft_toll", a ? a->ttft_toll : NULL, inside ? inside : "no stream was joined");
	stream_dist(b, streams, prefix, "inter_token", s ? s->inter_token : NULL, s ? "no stream had two events" : ATTACHED);
	stream_dist(b, streams, prefix, "chunk_lag", a ? a->chunk_lag : NULL, inside ? inside : "no chunk was joined");
	if (!a)
		return;
	build_put(b, streams, "chunks", build_u64(a->chunks));
	build_put(b, streams, "chunks_unmatched", build_u64(a->chunks_unmatched));
}

static void set_checks(struct build *b, json_t *object, const struct report_set *set)
{
	if (!set->checks || !set->stats)
		return;
	json_t *checks = build_object(b, object, "checks");
	for (unsigned i = 0; i < set->checks && i < REQUEST_STATS_CHECKS; i++) {
		json_t *check = build_object(b, checks, set->check_name[i] ? set->check_name[i] : "unnamed");
		build_put(b, check, "passed", build_u64(set->stats->check_passed[i]));
		build_put(b, check, "failed", build_u64(set->stats->check_failed[i]));
	}
}

void build_set(struct build *b, json_t *object, const char *prefix, const struct report_set *set)
{
	set_requests(b, object, prefix, set);
	set_latencies(b, object, prefix, set);
	set_phases(b, object, prefix, set);
	build_set_causes(b, object, prefix, set->attribution);
	set_streams(b, object, prefix, set);
	set_checks(b, object, set);
}

void build_classes(struct build *b)
{
	char prefix[128];
	json_t *classes = build_object(b, b->doc, "classes");

	for (unsigned i = 0; i < b->in->classes; i++) {
		const struct report_set *set = &b->in->class_[i];
		snprintf(prefix, sizeof(prefix), "classes.%s.", set->name);
		build_set(b, build_object(b, classes, set->name), prefix, set);
	}
}

static void stage_gateway(struct build *b, json_t *stage, const struct report_set *set)
{
	const struct gauge_span *g = &set->gateway;
	uint64_t requests = set->stats ? set->stats->completed : 0;
	json_t *gateway, *part;

	if (!g->samples)
		return;
	gateway = build_object(b, stage, "gateway");
	part = build_object(b, gateway, "memory_bytes");
	build_put(b, part, "initial", build_u64(g->rss_initial_bytes));
	build_put(b, part, "mean", build_u64(g->rss_mean_bytes));
	build_put(b, part, "peak", build_u64(g->rss_peak_bytes));
	build_put(b, part, "final", build_u64(g->rss_final_bytes));
	if (!g->over_ns)
		return;
	part = build_object(b, gateway, "cpu_cores");
	build_put(b, part, "mean", build_number((double)g->cpu_ns / (double)g->over_ns));
	build_put(b, part, "max", build_number(g->cores_max));
	if (requests && set->duration_s > 0)
		build_put(
			b, gateway, "cpu_ns_per_request",
			build_u64((uint64_t)((double)g->cpu_ns / (double)g->over_ns * set->duration_s * 1e9 / (double)requests)));
}

void build_stages(struct build *b)
{
	char prefix[128];
	json_t *stages = build_array(b, b->doc, "stages");

	for (unsigned i = 0; i < b->in->stages; i++) {
		const struct report_set *set = &b->in->stage[i];
		build_append(b, stages, json_object());
		json_t *stage = json_array_get(stages, i);
		build_put(b, stage, "name", report_text(set->name ? set->name : ""));
		build_put(b, stage, "duration_s", build_number(set->duration_s));
		if (set->recovery_known && set->recovered)
			build_put(b, stage, "recovery_s", build_number((double)set->recovery_ns / 1e9));
		snprintf(prefix, sizeof(prefix), "stages.%u.", i);
		build_set(b, stage, prefix, set);
		stage_gateway(b, stage, set);
	}
}
