// SPDX-License-Identifier: GPL-2.0-only
#include "session/group_watch.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const struct {
	enum probe_group group;
	const char *name;
} watched[GROUP_WATCHED] = {{PROBE_THREADS, "threads"}, {PROBE_STACKS, "stacks"}, {PROBE_SYSCALLS, "syscalls"}};

void group_watch_open(struct group_watch *w, struct probe *probe, const struct budget_limit *limit)
{
	static const struct budget_limit none;

	w->probe = probe;
	w->groups = probe_groups(probe);
	if (!probe_group_costs(probe))
		snprintf(w->why, sizeof(w->why), "what a hit costs could not be calibrated");
	for (unsigned i = 0; i < GROUP_WATCHED; i++)
		metered_init(&w->of[i], w->why[0] ? &none : limit, GROUP_WINDOW_NS);
}

void group_watch_close(struct group_watch *w)
{
	w->probe = NULL;
}

static double spent_ns(const struct probe *p, enum probe_group group)
{
	const struct probe_group_costs *costs = probe_group_costs(p);
	const struct probe_hits *hits = probe_hits(p);

	if (!costs)
		return 0;
	switch (group) {
	case PROBE_THREADS:
		return (double)hits->periods * costs->period_ns;
	case PROBE_STACKS:
		return (double)hits->samples * costs->sample_ns + (double)hits->waits * costs->wait_ns;
	case PROBE_SYSCALLS:
		return (double)hits->calls * costs->call_ns;
	case PROBE_ALLOC:
		break;
	}
	return 0;
}

static void spent_read(struct group_watch *w)
{
	for (unsigned i = 0; i < GROUP_WATCHED; i++) {
		struct budget_seen *seen = &w->of[i].seen;

		seen->spent_ns = spent_ns(w->probe, watched[i].group);
		for (unsigned level = 0; level < BUDGET_LEVELS; level++)
			seen->level_ns[level] = seen->spent_ns;
	}
}

void group_watch_start(struct group_watch *w, uint64_t now_ns, uint64_t requests)
{
	if (!w->probe || w->of[0].measured)
		return;
	spent_read(w);
	for (unsigned i = 0; i < GROUP_WATCHED; i++)
		metered_start(&w->of[i], now_ns, requests);
}

static void put_on(struct group_watch *w, unsigned i, bool on, const struct metered_now *now)
{
	struct err err = {0};
	int rc = probe_switch(w->probe, watched[i].group, on, &err);

	metered_follow(&w->of[i], now->now_ns, now->requests, rc ? !on : on);
	if (!rc)
		return;
	snprintf(w->why, sizeof(w->why), "%.190s", err.text[0] ? err.text : strerror(-rc));
	log_line(LOG_WARN, "probes of %s cannot be switched: %s", watched[i].name, w->why);
	w->groups &= ~(unsigned)watched[i].group;
}

void group_watch_tick(struct group_watch *w, const struct metered_now *now, bool held)
{
	struct metered_now its = *now;

	if (!w->probe)
		return;
	spent_read(w);
	its.after_ns += group_watch_spent_ns(w);
	for (unsigned i = 0; i < GROUP_WATCHED; i++) {
		its.after_ns -= w->of[i].seen.spent_ns;
		if (w->groups & watched[i].group) {
			w->of[i].held = held;
			put_on(w, i, metered_tick(&w->of[i], &its), now);
		}
		its.base_ns += w->of[i].seen.spent_ns;
	}
}

double group_watch_spent_ns(const struct group_watch *w)
{
	double sum_ns = 0;

	for (unsigned i = 0; i < GROUP_WATCHED; i++)
		sum_ns += w->of[i].seen.spent_ns;
	return sum_ns;
}

void group_watch_result(const struct group_watch *w, json_t *groups)
{
	for (unsigned i = 0; i < GROUP_WATCHED; i++) {
		json_t *row;

		if (!w->of[i].measured || !(w->groups & watched[i].group))
			continue;
		row = metered_json(&w->of[i]);
		if (w->why[0])
			json_object_del(row, "cpu_share");
		json_object_set_new(groups, watched[i].name, row);
	}
}
