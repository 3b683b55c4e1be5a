// SPDX-License-Identifier: GPL-2.0-only
#include "session/soaking.h"

#include <stdio.h>

#include "base/clock.h"

#define TICK_NS (100 * NS_PER_MS)
#define LOOK_NS (5 * NS_PER_S)
#define LOOK_LEAST_NS NS_PER_S
#define LOOKS 30 /* in a soak, at least */
#define LEAST_SHARE (1.0 / 3) /* of the budget, however much the other probes take: without evidence a soak is in vain */

static struct soaked soaked(const struct session *s)
{
	return (struct soaked){
		.pid = s->gauges.pid,
		.pids = s->gauges.pids,
		.files = s->code.symbols,
		.calibration = s->alloc.calibration.link == UPROBE_LINK_BEST ? NULL : &s->alloc.calibration,
		.link = (enum uprobe_link_kind)s->config->paths.impl[PATH_ALLOC],
	};
}

static void memory_grows(struct session *s, enum leak_gauge gauge, uint64_t now_ns)
{
	struct soaked of = soaked(s);
	char because[80];

	if (s->survivors.because[0])
		return;
	snprintf(because, sizeof(because), "%s grows", leak_gauge_title(gauge));
	survivor_watch_begin(&s->survivors, &of, because, now_ns);
}

/* Each gauge that rises for the first time is looked into. true: one was, and time has passed meanwhile. */
static bool gauges_look(struct session *s, const struct soaked_now *now)
{
	static const enum leak_gauge looked[] = {
		LEAK_MEMORY,         LEAK_HEAP,   LEAK_MAPPINGS, LEAK_DESCRIPTORS, LEAK_SOCKETS_CLOSE_WAIT,
		LEAK_SOCKETS_CLOSED, LEAK_THREADS};
	struct leak_result leaks;
	bool any = false;

	if (pipeline_leaks(s->pipeline, &leaks))
		return false;
	for (unsigned i = 0; i < sizeof(looked) / sizeof(*looked); i++) {
		enum leak_gauge gauge = looked[i];
		struct soaked of = soaked(s);

		if (s->soaking.risen & 1u << gauge || !leak_rises(&leaks.gauge[gauge]))
			continue;
		s->soaking.risen |= 1u << gauge;
		growth_watch_begin(&s->growth, &of, leak_gauge_title(gauge), now);
		if (leak_gauge_is_bytes(gauge))
			memory_grows(s, gauge, now->now_ns);
		any = true;
	}
	return any;
}

/* Processes that end take their account along; windows are paid from one that never falls. */
static double cpu_ns(struct session *s)
{
	double there_ns = (double)discover_cpu_ns(s->gauges.pid, s->gauges.pids);

	if (there_ns < s->soaking.cpu_last_ns)
		s->soaking.cpu_gone_ns += s->soaking.cpu_last_ns - there_ns;
	s->soaking.cpu_last_ns = there_ns;
	return s->soaking.cpu_gone_ns + there_ns;
}

static void now_fill(struct session *s, uint64_t now_ns, struct soaked_now *out)
{
	double base_share = 0, share = s->config->budget.share;

	if (!session_probe_share(s, &base_share))
		base_share = 0;
	*out = (struct soaked_now){.now_ns = now_ns, .cpu_ns = cpu_ns(s)};
	if (share > 0)
		out->share = share - base_share > share * LEAST_SHARE ? share - base_share : share * LEAST_SHARE;
	pipeline_requests(s->pipeline, out->requests);
}

/* Often enough for a short soak, and not so often that it costs: judging takes some milliseconds. */
static uint64_t look_every_ns(const struct session *s)
{
	uint64_t part_ns = s->config->plan ? plan_duration_ns(s->config->plan) / LOOKS : LOOK_NS;

	return part_ns < LOOK_LEAST_NS ? LOOK_LEAST_NS : part_ns < LOOK_NS ? part_ns : LOOK_NS;
}

static bool is_wanted(const struct session *s)
{
	return s->config->soak && s->found.pids && !s->config->no_probes;
}

void soaking_tick(struct session *s, uint64_t now_ns)
{
	struct soaking *soak = &s->soaking;
	struct soaked_now now;
	struct soaked of;

	if (!is_wanted(s) || now_ns < soak->next_ns)
		return;
	soak->next_ns = now_ns + TICK_NS;
	now_fill(s, now_ns, &now);
	if (!s->survivors.because[0] && s->config->survivors) {
		of = soaked(s);
		survivor_watch_begin(&s->survivors, &of, "--survivors was given", now_ns);
		return;
	}
	if (now_ns >= soak->look_ns) {
		soak->look_ns = now_ns + look_every_ns(s);
		if (gauges_look(s, &now))
			return; /* what is begun next begins with the figures of its own moment */
	}
	survivor_watch_tick(&s->survivors, &now);
	growth_watch_tick(&s->growth, &now);
}

void soaking_end(struct session *s, uint64_t now_ns)
{
	struct soaked_now now;

	if (s->config->soak && s->config->reachability && s->found.pids)
		reach_watch_end(&s->reach, s->gauges.pid, s->gauges.pids, &s->survivors);
	if (!is_wanted(s))
		return;
	now_fill(s, now_ns, &now);
	survivor_watch_end(&s->survivors, &now);
	growth_watch_end(&s->growth, &now);
}

void soaking_result(const struct session *s, json_t *parts, json_t *not_measured)
{
	if (!s->config->soak)
		return;
	reach_watch_result(&s->reach, s->config->reachability, parts, not_measured);
	if (!is_wanted(s)) {
		json_object_set_new(not_measured, "leak.survivors", json_string(s->no_probes_because));
		json_object_set_new(not_measured, "leak.growth_stacks", json_string(s->no_probes_because));
		return;
	}
	survivor_watch_result(&s->survivors, s->config->plan, s->start_ns, parts, not_measured);
	growth_watch_result(&s->growth, s->config->plan, s->start_ns, parts, not_measured);
}

void soaking_process(struct session *s, const struct wire_process *p, uint32_t pid)
{
	survivor_watch_process(&s->survivors, p, pid);
	if (p->role == WIRE_ROLE_GATEWAY && p->event == WIRE_PROCESS_FORK)
		growth_watch_add(&s->growth, pid);
}

void soaking_add(struct session *s, uint32_t pid)
{
	survivor_watch_add(&s->survivors, pid);
	growth_watch_add(&s->growth, pid);
}

void soaking_tear_down(struct session *s)
{
	survivor_probe_close(s->survivors.probe);
	growth_probe_close(s->growth.probe);
	s->survivors.probe = NULL;
	s->growth.probe = NULL;
}
