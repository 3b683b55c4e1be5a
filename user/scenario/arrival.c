/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/arrival.h"

#include <math.h>

#include "scenario/trace.h"

/* Streams of the seed, apart from those that other parts use ("arrive"). */
#define STREAM_BASE (UINT64_C(0x617272697665) << 16)

static uint64_t stream_of(uint32_t stage, unsigned what)
{
	return STREAM_BASE + 2 * (uint64_t)stage + what;
}

static double duration_s(const struct plan_stage *stage)
{
	return (double)stage->duration_ns / 1e9;
}

/*
 * When the integral of the rate a + s t reaches x: the root of s t^2 / 2 + a t = x in the form that neither cancels nor
 * divides by s, so that ramps up, ramps down, ramps from 0 and constant rates go one way. NAN: it is never reached.
 */
static long double time_of_exposure(const struct plan_stage *stage, double x)
{
	long double a = stage->from, s = 0, root;

	if (x <= 0.0)
		return 0;
	if (stage->duration_ns > 0)
		s = ((long double)stage->to - a) / duration_s(stage);
	root = a * a + 2 * s * x;
	if (root < 0)
		return NAN;
	return 2 * x / (a + sqrtl(root));
}

/* Integral of the rate over the stage: how many arrivals it offers. */
static double stage_exposure(const struct plan_stage *stage)
{
	return stage->duration_ns > 0 ? (stage->from + stage->to) / 2 * duration_s(stage) : INFINITY;
}

uint64_t arrival_trace_due_ns(const struct plan_stage *stage, uint32_t index)
{
	return (uint64_t)((double)stage->trace->row[index].due_ns / stage->speed);
}

/* Rows that are due before the stage ends. */
static uint64_t trace_count(const struct plan_stage *stage)
{
	uint32_t low = 0, high = stage->trace->rows;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (arrival_trace_due_ns(stage, middle) < stage->duration_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool next_of_trace(struct arrival_walk *w, const struct plan_stage *stage, uint64_t *since_start_ns)
{
	if (w->made >= stage->trace->rows)
		return false;
	*since_start_ns = arrival_trace_due_ns(stage, (uint32_t)w->made);
	if (*since_start_ns >= stage->duration_ns)
		return false;
	w->made++;
	return true;
}

/* The walk of all shards: exposure and made move on; false at the end. */
static bool next_due(struct arrival_walk *w, uint64_t *since_start_ns)
{
	const struct plan_stage *stage = &w->plan->stage[w->stage];
	long double ns;

	if (stage->requests > 0 && w->made >= stage->requests)
		return false;
	if (stage->trace)
		return next_of_trace(w, stage, since_start_ns);
	if (stage->arrival == PLAN_POISSON)
		w->exposure += rng_exponential(&w->gaps, 1.0);
	else
		w->exposure = (double)w->made + 0.5;
	if (w->exposure >= stage_exposure(stage))
		return false;
	ns = roundl(time_of_exposure(stage, w->exposure) * 1e9L);
	if (stage->duration_ns > 0 && !(ns < (long double)stage->duration_ns))
		ns = stage->duration_ns; /* the last digit of a root near the end of a ramp to 0 */
	*since_start_ns = (uint64_t)ns;
	w->made++;
	return true;
}

static void walk_init(struct arrival_walk *w, const struct plan *plan, uint32_t stage)
{
	*w = (struct arrival_walk){.plan = plan, .stage = stage};
	rng_init(&w->gaps, plan->seed, stream_of(stage, 0));
	rng_init(&w->mix, plan->seed, stream_of(stage, 1));
}

uint64_t arrival_count(const struct plan *plan, uint32_t stage_index)
{
	const struct plan_stage *stage = &plan->stage[stage_index];
	struct arrival_walk w;
	uint64_t since_start_ns;
	double count;

	if (stage->trace) {
		uint64_t rows = trace_count(stage);

		return stage->requests > 0 && rows > stage->requests ? stage->requests : rows;
	}
	if (stage->arrival == PLAN_CONSTANT || stage->duration_ns == 0) {
		count = ceil(stage_exposure(stage) - 0.5); /* k + 0.5 < exposure */
		return stage->requests > 0 && count > (double)stage->requests ? stage->requests : (uint64_t)count;
	}
	walk_init(&w, plan, stage_index);
	while (next_due(&w, &since_start_ns))
		;
	return w.made;
}

void arrival_walk_init(struct arrival_walk *w, const struct plan *plan, uint32_t stage, uint64_t stage_start_ns, uint32_t shard,
		       uint32_t shards)
{
	walk_init(w, plan, stage);
	w->stage_start_ns = stage_start_ns;
	w->shard = shards > 1 ? shard : 0;
	w->shards = shards > 1 ? shards : 1;
	for (uint32_t i = 0; i < stage; i++)
		if (plan->stage[i].loop == PLAN_OPEN)
			w->first_index += arrival_count(plan, i);
}

bool arrival_walk_next(struct arrival_walk *w, struct arrival *out)
{
	uint64_t since_start_ns;

	while (next_due(w, &since_start_ns)) {
		uint64_t index = w->first_index + w->made - 1;
		/* drawn for the others' arrivals too: the mix must not depend on how many shards there are */
		uint32_t class_index = arrival_class(w->plan, w->stage, &w->mix);

		if (index % w->shards != w->shard)
			continue;
		*out = (struct arrival){.due_ns = w->stage_start_ns + since_start_ns,
					.index = index,
					.stage = w->stage,
					.class_index = class_index,
					.trace_row = w->plan->stage[w->stage].trace ? (uint32_t)w->made : 0};
		return true;
	}
	return false;
}

uint32_t arrival_class(const struct plan *plan, uint32_t stage, struct rng *mix)
{
	uint32_t mask = plan->stage[stage].classes, last = 0;
	double total = 0.0, at;

	for (uint32_t i = 0; i < plan->classes; i++)
		if (mask == 0 || (mask & (1u << i)))
			total += plan->class_[i].weight;
	at = rng_unit(mix) * total;
	for (uint32_t i = 0; i < plan->classes; i++) {
		if (mask != 0 && !(mask & (1u << i)))
			continue;
		last = i;
		if (at < plan->class_[i].weight)
			break;
		at -= plan->class_[i].weight;
	}
	return last;
}

uint32_t arrival_tenant(const struct plan *plan, uint32_t stage, struct rng *rng)
{
	uint32_t mask = plan->stage[stage].tenants, last = 0;
	double total = 0.0, at;

	for (uint32_t i = 0; i < plan->tenants; i++)
		if (mask == 0 || (mask & (1u << i)))
			total += plan->tenant[i].weight;
	at = rng_unit(rng) * total;
	for (uint32_t i = 0; i < plan->tenants; i++) {
		if (mask != 0 && !(mask & (1u << i)))
			continue;
		last = i;
		if (at < plan->tenant[i].weight)
			break;
		at -= plan->tenant[i].weight;
	}
	return last;
}

uint32_t arrival_users(const struct plan_stage *stage, uint64_t since_stage_start_ns)
{
	double part;

	if (stage->duration_ns == 0)
		return (uint32_t)lround(stage->from);
	part = (double)since_stage_start_ns / (double)stage->duration_ns;
	if (part > 1.0)
		part = 1.0;
	return (uint32_t)lround(stage->from + (stage->to - stage->from) * part);
}
