// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

#include <string.h>

/* Kernel counters that spoil figures, and those that only explain them. NULL: not used by this version of the wire. */
static const struct {
	const char *name;
	bool loss;
} counter_rows[WIRE_COUNTERS] = {
	[WIRE_COUNT_RING_FULL] = {"ring_full", true},
	[WIRE_COUNT_STORAGE_REFUSED] = {"storage_refused", true},
	[WIRE_COUNT_TARGETS_FULL] = {"targets_full", true},
	[WIRE_COUNT_MARKS_BOUND] = {"marks_bound", true},
	[WIRE_COUNT_RETRANSMITS] = {"retransmits", false},
	[WIRE_COUNT_IN_INFERRED] = {"in_inferred", false},
	[WIRE_COUNT_LISTEN_FULL] = {"listen_full", false},
	[WIRE_COUNT_PEEKS] = {"peeks", false},
	[WIRE_COUNT_RECORDS] = {"records", false},
	[WIRE_COUNT_MARKS_SEEN] = {"marks_seen", false},
	[WIRE_COUNT_SNAPSHOT_RACES] = {"snapshot_races", false},
	[WIRE_COUNT_DRIVER_DROPPED] = {"driver_dropped", true},
	[WIRE_COUNT_THREADS_REFUSED] = {"threads_refused", true},
};

/* DESIGN: a verdict is refused above a stated loss. These are the stated ones. */
#define COVERAGE_MIN 0.95
#define LOST_SHARE_MAX 0.01

uint64_t build_lost(const struct report_input *in)
{
	uint64_t lost = in->timeline ? in->timeline->wire_rejected : 0;

	for (unsigned i = 0; i < WIRE_COUNTERS; i++)
		if (counter_rows[i].loss)
			lost += in->counters[i];
	return lost;
}

/* Of the requests that had a whole answer, the share with a whole timeline: a request that failed has none to find. */
double build_coverage(const struct report_input *in)
{
	const struct timeline_stats *t = in->timeline;
	uint64_t failed = t->unmatched[TIMELINE_FAILED_REQUEST];

	return t->requests > failed ? build_ratio((double)t->whole, (double)(t->requests - failed)) : 0.0;
}

const char *build_loss_refusal(const struct report_input *in)
{
	if (build_no_probes(in))
		return NULL;
	if ((double)build_lost(in) > LOST_SHARE_MAX * (double)in->counters[WIRE_COUNT_RECORDS])
		return "more than 1 % of the kernel's records were lost, so figures from inside the gateway are not judged";
	if (in->timeline->requests > in->timeline->unmatched[TIMELINE_FAILED_REQUEST] && build_coverage(in) < COVERAGE_MIN)
		return "coverage is under 95 %, so figures from inside the gateway are not judged";
	return NULL;
}

static void trust_counters(struct build *b, json_t *trust)
{
	json_t *lost = build_object(b, trust, "lost");
	json_t *counters = json_object();

	for (unsigned i = 0; i < WIRE_COUNTERS; i++) {
		if (!counter_rows[i].name)
			continue;
		build_put(b, counter_rows[i].loss ? lost : counters, counter_rows[i].name, build_u64(b->in->counters[i]));
	}
	build_put(b, lost, "rejected", build_u64(b->in->timeline->wire_rejected));
	build_put(b, trust, "counters", counters);
}

static void trust_joins(struct build *b, json_t *trust)
{
	static const char *const names[] = {NULL, "ends", "tag", "order", "thread"};
	const struct timeline_stats *t = b->in->timeline;
	json_t *unmatched = build_object(b, trust, "unmatched");
	json_t *joined_by = build_object(b, trust, "joined_by");

	for (unsigned i = TIMELINE_MATCHED + 1; i < TIMELINE_UNMATCHED_CAUSES; i++)
		build_put(b, unmatched, timeline_unmatched_name((enum timeline_unmatched)i), build_u64(t->unmatched[i]));
	for (unsigned i = TIMELINE_JOIN_ENDS; i <= TIMELINE_JOIN_THREAD; i++)
		build_put(b, joined_by, names[i], build_u64(t->joined_by[i]));
}

static void trust_timeline(struct build *b, json_t *trust)
{
	const struct timeline_stats *t = b->in->timeline;

	build_put(b, trust, "joined", build_u64(t->whole));
	if (t->requests > t->unmatched[TIMELINE_FAILED_REQUEST])
		build_put(b, trust, "coverage", build_number(build_coverage(b->in)));
	else
		build_absent(b, "", "trust.coverage", "no request had a whole answer");
	build_put(b, trust, "order_violations", build_u64(t->order_violations));
	build_put(b, trust, "early_answers", build_u64(t->early_answers));
	build_put(b, trust, "cache_hits", build_u64(t->cache_hits));
	trust_counters(b, trust);
	trust_joins(b, trust);
	json_t *seen = build_object(b, trust, "seen");
	build_put(b, seen, "turns", build_u64(t->turns));
	build_put(b, seen, "turns_begun_before", build_u64(t->turns_mid));
	build_put(b, seen, "connections", build_u64(t->conns));
	build_put(b, seen, "connections_found_open", build_u64(t->conns_found_open));
	build_put(b, seen, "connections_foreign", build_u64(t->conns_foreign));
	build_put(b, seen, "provider_records", build_u64(t->provider_records));
	build_put(b, seen, "provider_untagged", build_u64(t->provider_untagged));
	build_put(b, seen, "provider_unclaimed", build_u64(t->provider_unclaimed));
	build_put(b, seen, "evicted", build_u64(t->evicted));
	build_thread_trust(b, trust);
}

/* Half of the requests farther than this from the ends' own clocks: the kernel's marks are not to be believed. */
#define SELF_CHECK_MAX_NS UINT64_C(50000)

static bool self_check_one(struct build *b, json_t *check, const char *key, const struct hist *h, const char *reason)
{
	char path[64];

	if (!h || !hist_count(h)) {
		snprintf(path, sizeof(path), "trust.self_check.%s", key);
		build_absent(b, "", path, reason);
		return false;
	}
	build_put(b, check, key, build_u64(hist_percentile(h, 50)));
	return hist_percentile(h, 50) > SELF_CHECK_MAX_NS;
}

static void trust_self_check(struct build *b, json_t *trust)
{
	const struct attribution_set *set = b->in->total.attribution;
	json_t *check = build_object(b, trust, "self_check");

	bool hold =
		self_check_one(b, check, "hold_difference_p50_ns", set->self_hold, "no turn at a provider of ours was joined");
	bool end = self_check_one(b, check, "end_difference_p50_ns", set->self_end, "no request of a driver of ours was joined");
	build_put(b, trust, "untrusted", json_boolean(hold || end));
	if (set->driver_reading && hist_count(set->driver_reading))
		build_put(b, trust, "driver_reading_p50_ns", build_u64(hist_percentile(set->driver_reading, 50)));
}

static void trust_driver_lag(struct build *b, json_t *trust)
{
	const struct request_stats *s = b->in->total.stats;

	if (s && s->lateness && hist_count(s->lateness))
		build_put(b, trust, "driver_lag_p99_ns", build_u64(hist_percentile(s->lateness, 99)));
	else
		build_absent(b, "", "trust.driver_lag_p99_ns", s ? "no request was sent" : "the load was not ours");
}

void build_trust(struct build *b)
{
	const struct report_input *in = b->in;
	json_t *trust = build_object(b, b->doc, "trust");
	const char *why = build_no_probes(in);

	if (in->timeline)
		build_put(b, trust, "requests", build_u64(in->timeline->requests));
	else if (in->total.stats)
		build_put(b, trust, "requests", build_u64(in->total.stats->sent + in->warmup_requests));
	if (why) {
		static const char *const absent[] = {"trust.joined",    "trust.coverage",  "trust.order_violations", "trust.lost",
						     "trust.unmatched", "trust.joined_by", "trust.self_check"};
		for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
			build_absent(b, "", absent[i], why);
	} else {
		trust_timeline(b, trust);
		trust_self_check(b, trust);
		if (in->probe_paths)
			build_put(b, trust, "paths", report_text(in->probe_paths));
	}
	trust_driver_lag(b, trust);
	if (!why && in->probe_cpu_known)
		build_put(b, trust, "probe_cpu_share", build_number(in->probe_cpu_share));
	else
		build_absent(b, "", "trust.probe_cpu_share",
			     why ? why
				 : "no window of it was closed: the run was shorter than 2 s, or this kernel does not time BPF "
				   "programs");
}

static void gateway_cpu(struct build *b, json_t *gateway, const char *why)
{
	const struct report_gateway *g = &b->in->gateway;
	const struct request_stats *s = b->in->total.stats;
	const struct attribution_set *a = b->in->total.attribution;
	uint64_t requests = s ? s->completed : a ? a->requests : 0;

	if (!g->cpu_measured) {
		build_absent(b, "", "gateway.cpu", why);
		return;
	}
	build_put(b, gateway, "cpu_ns", build_u64(g->cpu_ns));
	if (requests)
		build_put(b, gateway, "cpu_ns_per_request", build_u64(g->cpu_ns / requests));
	else
		build_absent(b, "", "gateway.cpu_ns_per_request", "no request was completed");
	json_t *cores = build_object(b, gateway, "cpu_cores");
	build_put(b, cores, "mean", build_number(g->cpu_cores_mean));
	build_put(b, cores, "max", build_number(g->cpu_cores_max));
	build_put(b, cores, "usable", build_number(g->cores_usable));
}

static void gateway_memory(struct build *b, json_t *gateway, const char *why)
{
	const struct report_gateway *g = &b->in->gateway;

	if (!g->memory_measured) {
		build_absent(b, "", "gateway.memory", why);
		return;
	}
	json_t *memory = build_object(b, gateway, "memory_bytes");
	build_put(b, memory, "initial", build_u64(g->rss_initial_bytes));
	build_put(b, memory, "mean", build_u64(g->rss_mean_bytes));
	build_put(b, memory, "peak", build_u64(g->rss_peak_bytes));
	build_put(b, memory, "final", build_u64(g->rss_final_bytes));
}

void build_gateway(struct build *b)
{
	const struct report_gateway *g = &b->in->gateway;
	json_t *gateway = build_object(b, b->doc, "gateway");
	const struct {
		const char *key, *text;
	} texts[] = {{"url", g->url}, {"exe", g->exe}, {"comm", g->comm}, {"how", g->how}, {"recipe", g->recipe}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i].text[0])
			build_put(b, gateway, texts[i].key, report_text(texts[i].text));
	json_t *pids = build_array(b, gateway, "pids");
	for (unsigned i = 0; i < g->pids && i < sizeof(g->pid) / sizeof(*g->pid); i++)
		build_append(b, pids, json_integer(g->pid[i]));
	build_put(b, gateway, "died", json_boolean(g->died));
	const char *why =
		g->known ? "the gateway's processes could not be read" : "the gateway's processes are not known on this host";
	gateway_cpu(b, gateway, why);
	gateway_memory(b, gateway, why);
}

void build_driver(struct build *b)
{
	const struct report_input *in = b->in;

	if (!in->total.stats) {
		build_absent(b, "", "driver", "the load was not ours");
		return;
	}
	json_t *driver = build_object(b, b->doc, "driver");
	build_put(b, driver, "open_loop", json_boolean(in->open_loop));
	build_put(b, driver, "threads", json_integer(in->driver_threads));
	build_put(b, driver, "due", build_u64(in->due));
	build_put(b, driver, "queue_max", build_u64(in->queue_max));
	build_put(b, driver, "in_flight_max", build_u64(in->in_flight_max));
	build_put(b, driver, "connections", build_u64(in->connections));
	build_put(b, driver, "cpu_ns", build_u64(in->driver_cpu_ns));
}

void build_capture(struct build *b)
{
	const struct capture_end *c = b->in->capture;

	if (!c) {
		build_absent(b, "", "capture", "no capture was written");
		return;
	}
	json_t *capture = build_object(b, b->doc, "capture");
	build_put(b, capture, "frames_seen", build_u64(c->frames_seen));
	build_put(b, capture, "frames_written", build_u64(c->frames_written));
	build_put(b, capture, "requests_seen", build_u64(c->requests_seen));
	build_put(b, capture, "requests_written", build_u64(c->requests_written));
	/* a capture of no requests lacks none */
	double share = c->requests_seen ? build_ratio((double)c->requests_written, (double)c->requests_seen) : 1.0;
	build_put(b, capture, "share", build_number(share));
}
