/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/plan_steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define BURST_STREAM (UINT64_C(1) << 34) /* random streams of bursts: clear of those of the arrivals */
#define EDGES_MAX (2 * PLAN_STAGES_MAX)

/* --- until ---------------------------------------------------------------------------------------------------------------- */

static int until_one(const struct place *at, struct plan_stage *out)
{
	const char *text = place_text(at);
	struct err err = {0};
	struct criterion c;

	if (out->untils == PLAN_UNTIL_MAX)
		return place_error(at, "expected at most %d criteria", PLAN_UNTIL_MAX);
	if (!text)
		return field_error(at, "a criterion such as \"error_rate > 5%\"");
	/* the stage is put before it later: with any name it must be a criterion */
	if (criterion_parse(text, (const char *const[]){"", NULL}, &c, &err) != 0)
		return place_error(at, "%s", err.text);
	if (c.divisor[0] || strncmp(c.metric, "stage.", 6) == 0)
		return place_error(at, "expected a criterion on one figure of the step itself, such as \"error_rate > 5%%\"");
	if (strlen(c.text) >= sizeof(out->until[0]))
		return place_error(at, "expected at most %zu bytes", sizeof(out->until[0]) - 1);
	memcpy(out->until[out->untils++], c.text, strlen(c.text) + 1);
	return 0;
}

int plan_until_read(const struct place *at, struct plan_stage *out)
{
	struct place item;
	int ret = 0;

	if (at->node->type != YAML_SEQUENCE_NODE)
		return until_one(at, out);
	for (unsigned i = 0; place_item(at, i, &item) && !ret; i++)
		ret = until_one(&item, out);
	return ret;
}

/* --- steps ---------------------------------------------------------------------------------------------------------------- */

static int no_room(const struct place *at)
{
	return place_error(at, "makes more than %d stages; expected fewer or longer ones", PLAN_STAGES_MAX);
}

static int steps_add(const struct place *at, struct plan *plan)
{
	const struct plan_stage first = plan->stage[plan->stages];
	uint32_t group = plan->stages + 1;

	for (unsigned i = 0; first.from + i * first.step <= first.up_to * (1.0 + 1e-9); i++) {
		struct plan_stage *stage = &plan->stage[plan->stages];

		if (plan->stages == PLAN_STAGES_MAX)
			return no_room(at);
		*stage = first;
		stage->from = stage->to = first.from + i * first.step;
		stage->group = group;
		snprintf(stage->name, sizeof(stage->name), "%.40s_%.0f", first.name, stage->from);
		plan->stages++;
	}
	return 0;
}

/* --- bursts --------------------------------------------------------------------------------------------------------------- */

#define BURST_OF(member) offsetof(struct plan_burst, member), sizeof(((struct plan_burst *)0)->member)
#define DAY_NS 86400e9

static const struct field burst_rows[] = {
	{"name", field_name, BURST_OF(name), 0, 0, "a name", NULL},
	{"times", field_number, BURST_OF(times), 1, 1000, "a factor from 1 to 1000", NULL},
	{"for", field_duration, BURST_OF(for_ns), 1e6, DAY_NS, "a duration such as 5m", NULL},
	{"at", field_duration, BURST_OF(at_ns), 1, 30 * DAY_NS, "a time behind the stage's start such as 1h", NULL},
	{"every", field_duration, BURST_OF(every_ns), 1e6, DAY_NS, "a duration such as 1h", NULL},
	{"count", field_u32, BURST_OF(count), 1, 16, "how many, from 1 to 16", NULL},
	{0},
};

static int burst_read(const struct place *at, struct plan_burst *out)
{
	uint64_t seen;
	int ret;

	*out = (struct plan_burst){.count = 1};
	ret = fields_read(at, NULL, burst_rows, out, &seen);
	if (ret)
		return ret;
	if (!(seen & 1) || !(seen & 2) || !(seen & 4))
		return place_error(
			at, "name, times or for is missing; expected all three, and at or every (neither: at random times)");
	if (out->at_ns && out->every_ns)
		return place_error(at, "has both at and every; expected one of them");
	if (out->every_ns && out->every_ns <= out->for_ns)
		return place_error(at, "every: expected more than the burst takes");
	return 0;
}

int plan_bursts_read(const struct place *at, struct plan_bursts *out)
{
	struct place item;

	if (at->node->type != YAML_SEQUENCE_NODE)
		return field_error(at, "a list of bursts such as [{name: rush, times: 3, for: 30m, at: 1h}]");
	for (unsigned i = 0; place_item(at, i, &item); i++) {
		int ret;

		if (i == BURSTS_MAX)
			return place_error(&item, "expected at most %d bursts", BURSTS_MAX);
		ret = burst_read(&item, &out->burst[i]);
		if (ret)
			return ret;
		out->count = i + 1;
	}
	return 0;
}

struct edge {
	uint64_t at_ns;
	uint32_t burst;
	bool begins;
};

struct edges {
	struct edge edge[EDGES_MAX];
	unsigned count;
};

/* What reaches past the stage's end is cut off there. */
static bool edges_add(struct edges *e, uint32_t burst, uint64_t from_ns, uint64_t for_ns, uint64_t end_ns)
{
	if (from_ns >= end_ns)
		return true;
	if (e->count + 2 > EDGES_MAX)
		return false;
	e->edge[e->count++] = (struct edge){.at_ns = from_ns, .burst = burst, .begins = true};
	e->edge[e->count++] = (struct edge){.at_ns = from_ns + for_ns < end_ns ? from_ns + for_ns : end_ns, .burst = burst};
	return true;
}

static bool edges_of(struct edges *e, const struct plan_burst *b, uint32_t index, uint64_t end_ns, uint64_t seed)
{
	struct rng rng;

	if (b->at_ns)
		return edges_add(e, index, b->at_ns, b->for_ns, end_ns);
	if (b->every_ns) {
		for (uint64_t at_ns = b->every_ns; at_ns < end_ns; at_ns += b->every_ns)
			if (!edges_add(e, index, at_ns, b->for_ns, end_ns))
				return false;
		return true;
	}
	rng_init(&rng, seed, BURST_STREAM | index);
	/* each in a part of its own, so that they do not lie upon each other, and none at the very start */
	for (uint32_t i = 0; i < b->count; i++) {
		double part = (double)end_ns / b->count, free_ns = fmax(0.0, part * 0.8 - (double)b->for_ns);

		if (!edges_add(e, index, (uint64_t)(part * i + part * 0.1 + rng_unit(&rng) * free_ns), b->for_ns, end_ns))
			return false;
	}
	return true;
}

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->at_ns != y->at_ns ? (x->at_ns > y->at_ns) - (x->at_ns < y->at_ns) : (int)x->begins - (int)y->begins;
}

/* "calm_1", "rush_2", "rush-batch_3" */
static void segment_name(char *out, size_t size, const struct plan_bursts *bursts, const unsigned *active, unsigned number)
{
	size_t used = 0;

	for (uint32_t i = 0; i < bursts->count && used < size; i++)
		if (active[i])
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "-" : "", bursts->burst[i].name);
	if (used < size)
		snprintf(out + used, size - used, "%s_%u", used ? "" : "calm", number);
}

static int segment_add(const struct place *at, struct plan *plan, const struct plan_stage *base, const struct plan_bursts *bursts,
		       const unsigned *active, uint64_t duration_ns, unsigned number)
{
	struct plan_stage *stage = &plan->stage[plan->stages];
	double factor = 1.0;

	if (plan->stages == PLAN_STAGES_MAX)
		return no_room(at);
	for (uint32_t i = 0; i < bursts->count; i++)
		factor += active[i] ? bursts->burst[i].times - 1.0 : 0.0;
	*stage = *base;
	stage->from = stage->to = base->from * factor;
	stage->duration_ns = duration_ns;
	segment_name(stage->name, sizeof(stage->name), bursts, active, number);
	plan->stages++;
	return 0;
}

static int bursts_add(const struct place *at, struct plan *plan, const struct plan_bursts *bursts)
{
	const struct plan_stage base = plan->stage[plan->stages];
	unsigned active[BURSTS_MAX] = {0}, number = 0;
	struct edges edges = {.count = 0};
	uint64_t from_ns = 0;
	int ret = 0;

	for (uint32_t i = 0; i < bursts->count; i++)
		if (!edges_of(&edges, &bursts->burst[i], i, base.duration_ns, plan->seed))
			return no_room(at);
	qsort(edges.edge, edges.count, sizeof(edges.edge[0]), compare_edges);
	for (unsigned i = 0; i <= edges.count && !ret; i++) {
		uint64_t to_ns = i < edges.count ? edges.edge[i].at_ns : base.duration_ns;

		if (to_ns > from_ns)
			ret = segment_add(at, plan, &base, bursts, active, to_ns - from_ns, ++number);
		from_ns = to_ns;
		if (i < edges.count)
			active[edges.edge[i].burst] += edges.edge[i].begins ? 1u : -1u;
	}
	return ret;
}

int plan_steps_add(const struct place *at, struct plan *plan, const struct plan_bursts *bursts)
{
	if (plan->stage[plan->stages].step > 0.0)
		return steps_add(at, plan);
	if (bursts->count)
		return bursts_add(at, plan, bursts);
	plan->stages++;
	return 0;
}
