// SPDX-License-Identifier: GPL-2.0-only
/* The probes while they run: what they may take, what they take, and that as a part of the result. */
#include "session/parts.h"
#include "session/soaking.h"

/* Requests that have ended: ours, or what the gateway answered. */
static uint64_t requests_done(const struct session *s)
{
	struct driver_progress p;

	if (!s->driver)
		return probe_answers(s->probe);
	driver_progress(s->driver, &p);
	return p.done;
}

void session_probes_start(struct session *s, uint64_t now_ns)
{
	if (s->alloc.alloc)
		alloc_watch_start(&s->alloc, now_ns, requests_done(s));
}

void session_probes_tick(struct session *s, uint64_t now_ns)
{
	uint64_t cpu_ns, requests;
	double base_share = 0;

	if (!s->alloc.alloc)
		return;
	cpu_ns = discover_cpu_ns(s->gauges.pid, s->gauges.pids);
	requests = requests_done(s);
	overhead_share(&s->overhead, &base_share);
	if (s->config->ab && s->alloc.measured) {
		ab_tick(&s->ab, now_ns, requests, cpu_ns);
		alloc_watch_hold(&s->alloc, !s->ab.with, now_ns, requests);
	}
	alloc_watch_tick(&s->alloc, now_ns, requests, cpu_ns, base_share);
}

static void ab_part(const struct session *s, json_t *probes, json_t *not_measured)
{
	struct ab_result r;

	if (!s->config->ab)
		return;
	if (!ab_result(&s->ab, &r)) {
		json_object_set_new(not_measured, "probes.ab",
				    json_string(s->alloc.alloc
							? "fewer than three pairs of windows: the run was too short, or had "
							  "too few requests"
							: "no group of probes that can be switched was on (--probes alloc)"));
		return;
	}
	json_object_set_new(probes, "ab",
			    json_pack("{s:s, s:i, s:I, s:I, s:f, s:f, s:[f, f]}", "groups", "alloc", "pairs", (int)r.pairs,
				      "with_ns", (json_int_t)r.with_ns, "without_ns", (json_int_t)r.without_ns, "difference_ns",
				      r.difference_ns, "difference_share", r.difference_share, "interval_share",
				      r.interval_share[0], r.interval_share[1]));
}

static void groups_part(const struct session *s, json_t *groups)
{
	double share;

	if (overhead_share(&s->overhead, &share))
		json_object_set_new(groups, "sockets",
				    json_pack("{s:s, s:f, s:f}", "mode", "full", "on_share", 1.0, "cpu_share", share));
}

json_t *session_probed(const struct session *s)
{
	json_t *parts = json_object(), *probes = json_object(), *groups = json_object(), *not_measured = json_object();

	if (s->config->budget > 0)
		json_object_set_new(probes, "budget", json_real(s->config->budget));
	groups_part(s, groups);
	alloc_watch_result(&s->alloc, parts, groups, not_measured);
	ab_part(s, probes, not_measured);
	soaking_result(s, parts, not_measured);
	json_object_set_new(probes, "groups", groups);
	if (s->probe_was_on)
		json_object_set_new(parts, "probes", probes);
	else
		json_decref(probes);
	json_object_set_new(parts, "not_measured", not_measured);
	return parts;
}
