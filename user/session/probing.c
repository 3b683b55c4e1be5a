// SPDX-License-Identifier: GPL-2.0-only
/* The probes while they run: what they may take, what they take, and that as a part of the result. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "probe/groups.h"
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

static uint64_t requests_read(const void *ctx)
{
	const struct session *s = ctx;

	if (!s->driver && probe_poll(s->probe) < 0)
		log_line(LOG_DEBUG, "the kernel's records could not be read; the next tick tries again");
	return requests_done(s);
}

void session_probes_start(struct session *s, uint64_t now_ns)
{
	if (!s->probe)
		return;
	group_watch_start(&s->groups, now_ns, requests_done(s));
	alloc_watch_start(&s->alloc, now_ns, requests_done(s));
}

void session_probes_tick(struct session *s, uint64_t now_ns)
{
	struct metered_now now = {.now_ns = now_ns, .requests_now = requests_read, .ctx = s};
	double sockets_share = 0;
	uint64_t cpu_ns;

	if (!s->probe || now_ns < s->next_budget_ns)
		return;
	s->next_budget_ns = now_ns + METERED_TICK_NS;
	cpu_ns = discover_cpu_ns(s->gauges.pid, s->gauges.pids);
	now.requests = requests_done(s);
	now.gateway_cpu_ns = (double)cpu_ns;
	overhead_share(&s->overhead, &sockets_share);
	if (s->config->ab && s->groups.of[0].measured)
		ab_tick(&s->ab, now_ns, now.requests, cpu_ns);
	now.base_ns = sockets_share * now.gateway_cpu_ns;
	now.after_ns = s->alloc.metered.seen.spent_ns;
	group_watch_tick(&s->groups, &now, s->config->ab && !s->ab.with);
	now.base_ns += group_watch_spent_ns(&s->groups);
	now.after_ns = 0;
	alloc_watch_tick(&s->alloc, &now, s->config->ab && !s->ab.with);
}

/* What is called from here on is no request's that was counted. */
void session_probes_end(struct session *s, uint64_t now_ns)
{
	const struct metered_now now = {.now_ns = now_ns, .requests = s->probe ? requests_read(s) : 0};

	if (s->probe)
		alloc_watch_end(&s->alloc, &now);
}

/* Names of what A/B switches; false: nothing. */
static bool switched_groups(const struct session *s, char *out, size_t size)
{
	unsigned groups = s->groups.groups | (s->alloc.alloc ? PROBE_ALLOC : 0);
	char all[64];
	const char *behind;

	out[0] = '\0';
	groups_format(all, sizeof(all), groups);
	behind = strchr(all, ' '); /* sockets stand first, and are always on; alone where this kernel refuses the others */
	if (behind)
		snprintf(out, size, "%s", behind + 1);
	return behind != NULL;
}

static void ab_part(const struct session *s, json_t *probes, json_t *not_measured)
{
	struct ab_result r;
	char groups[64];
	bool any = switched_groups(s, groups, sizeof(groups));

	if (!s->config->ab)
		return;
	if (!any || !ab_result(&s->ab, &r)) {
		json_object_set_new(not_measured, "probes.ab",
				    json_string(any ? "fewer than three pairs of windows: the run was too short, or had too few "
						      "requests"
						    : "no group of probes that can be switched was on"));
		return;
	}
	json_object_set_new(probes, "ab",
			    json_pack("{s:s, s:i, s:I, s:I, s:f, s:f, s:[f, f]}", "groups", groups, "pairs", (int)r.pairs,
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

	if (s->config->budget.share > 0)
		json_object_set_new(probes, "budget", json_real(s->config->budget.share));
	if (s->config->budget.least > 0)
		json_object_set_new(probes, "budget_least_of_a_cpu", json_real(s->config->budget.least));
	groups_part(s, groups);
	group_watch_result(&s->groups, groups);
	alloc_watch_result(&s->alloc, parts, groups, not_measured);
	ab_part(s, probes, not_measured);
	own_counters_result(&s->own, parts, not_measured);
	soaking_result(s, parts, not_measured);
	json_object_set_new(probes, "groups", groups);
	if (s->probe_was_on)
		json_object_set_new(parts, "probes", probes);
	else
		json_decref(probes);
	json_object_set_new(parts, "not_measured", not_measured);
	return parts;
}

bool session_probe_share(const struct session *s, double *share)
{
	const struct metered *one = &s->groups.of[0];
	double cpu_ns = one->seen.gateway_cpu_ns - one->cpu_start_ns, ns = metered_spent_ns(&s->alloc.metered);

	if (!overhead_share(&s->overhead, share))
		return false;
	for (unsigned i = 0; i < GROUP_WATCHED; i++)
		ns += metered_spent_ns(&s->groups.of[i]);
	if (one->measured && cpu_ns > 0)
		*share += ns / cpu_ns;
	return true;
}
