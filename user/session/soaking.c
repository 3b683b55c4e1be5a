// SPDX-License-Identifier: GPL-2.0-only
#include "session/soaking.h"

#include <stdio.h>

#include "base/clock.h"

#define TICK_NS (100 * NS_PER_MS)
#define LOOK_NS (5 * NS_PER_S)
#define LEAST_SHARE (1.0 / 3) /* of the budget, however much the other probes take: without evidence a soak is in vain */

/* Does it rise, and is that sure? A verdict needs more than this. */
static bool rises(const struct leak_judgement *j)
{
	const struct fit_line *line = j->per_request.points ? &j->per_request : &j->per_second;

	return j->verdict == LEAK_FOUND || (line->points && line->low > 0);
}

static void memory_look(struct session *s, uint64_t now_ns)
{
	static const enum leak_gauge gauge[] = {LEAK_MEMORY, LEAK_HEAP, LEAK_MAPPINGS};
	struct leak_result leaks;
	char because[160];

	if (pipeline_leaks(s->pipeline, &leaks))
		return;
	for (unsigned i = 0; i < sizeof(gauge) / sizeof(*gauge); i++) {
		if (!rises(&leaks.gauge[gauge[i]]))
			continue;
		snprintf(because, sizeof(because), "%s grows", leak_gauge_title(gauge[i]));
		survivor_watch_begin(&s->survivors, s->gauges.pid, s->gauges.pids, because, now_ns);
		return;
	}
}

static void now_fill(const struct session *s, uint64_t now_ns, struct survivor_now *out)
{
	double base_share = 0, share = s->config->budget;

	overhead_share(&s->overhead, &base_share);
	*out = (struct survivor_now){.now_ns = now_ns, .cpu_ns = (double)discover_cpu_ns(s->gauges.pid, s->gauges.pids)};
	if (share > 0)
		out->share = share - base_share > share * LEAST_SHARE ? share - base_share : share * LEAST_SHARE;
	pipeline_requests(s->pipeline, out->requests);
}

static bool is_wanted(const struct session *s)
{
	return s->config->soak && s->found.pids && !s->config->no_probes;
}

void soaking_tick(struct session *s, uint64_t now_ns)
{
	struct soaking *soak = &s->soaking;
	struct survivor_now now;

	if (!is_wanted(s) || now_ns < soak->next_ns)
		return;
	soak->next_ns = now_ns + TICK_NS;
	if (!s->survivors.because[0] && s->config->survivors)
		survivor_watch_begin(&s->survivors, s->gauges.pid, s->gauges.pids, "--survivors was given", now_ns);
	if (!s->survivors.because[0] && now_ns >= soak->look_ns) {
		soak->look_ns = now_ns + LOOK_NS;
		memory_look(s, now_ns);
	}
	now_fill(s, now_ns, &now);
	survivor_watch_tick(&s->survivors, &now);
}

void soaking_end(struct session *s, uint64_t now_ns)
{
	struct survivor_now now;

	if (!is_wanted(s))
		return;
	now_fill(s, now_ns, &now);
	survivor_watch_end(&s->survivors, &now);
}

void soaking_result(const struct session *s, json_t *parts, json_t *not_measured)
{
	if (!s->config->soak)
		return;
	if (s->config->no_probes || !s->found.pids)
		json_object_set_new(not_measured, "leak.survivors", json_string(s->no_probes_because));
	else
		survivor_watch_result(&s->survivors, s->config->plan, s->start_ns, parts, not_measured);
}
