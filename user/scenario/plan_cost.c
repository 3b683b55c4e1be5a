/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/plan_cost.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "scenario/arrival.h"
#include "scenario/fields.h"
#include "scenario/prompts.h"
#include "scenario/trace.h"

#define PRICE_MAX 1e6

struct price {
	double input, output; /* dollars for a million tokens */
};

#define PRICE_OF(member) offsetof(struct price, member), sizeof(((struct price *)0)->member)
static const struct field price_rows[] = {
	{"input", field_number, PRICE_OF(input), 0, PRICE_MAX, "dollars for a million tokens", NULL},
	{"output", field_number, PRICE_OF(output), 0, PRICE_MAX, "dollars for a million tokens", NULL},
	{0},
};

/* -ENOENT: the table has no such model. */
static int price_find(struct document *doc, const char *model, struct price *out)
{
	struct place root, member;
	uint64_t seen;

	document_root(doc, &root);
	for (unsigned i = 0; place_member(&root, i, &member); i++)
		if (strcmp(member.key, model) == 0)
			return fields_read(&member, NULL, price_rows, out, &seen);
	return -ENOENT;
}

/* Users who think between requests send at most one in each such time. */
static double stage_requests(const struct plan *plan, uint32_t index, bool *known)
{
	const struct plan_stage *stage = &plan->stage[index];

	*known = true;
	if (stage->loop == PLAN_OPEN)
		return (double)arrival_count(plan, index);
	if (stage->requests)
		return (double)stage->requests;
	if (stage->think_ns)
		return (stage->from + stage->to) / 2.0 * ((double)stage->duration_ns / (double)stage->think_ns + 1.0);
	*known = !(stage->from > 0.0) && !(stage->to > 0.0);
	return 0.0;
}

static double completion_tokens(const struct plan_class *c)
{
	return c->endpoint == PLAN_CHAT || c->endpoint == PLAN_MESSAGES ? c->max_tokens : 0.0;
}

static double prompt_tokens(const struct plan_class *c)
{
	if (c->endpoint == PLAN_MODELS || c->endpoint == PLAN_HEALTH)
		return 0.0;
	if (c->prompts)
		return (double)c->prompts->text_bytes / c->prompts->rows / PLAN_BYTES_PER_TOKEN;
	/* turn k sends what was asked and answered in those before it again */
	return (double)c->prompt_bytes / PLAN_BYTES_PER_TOKEN * (c->endpoint == PLAN_EMBEDDINGS ? c->batch : 1.0) *
		       (c->turns + 1) / 2.0 +
	       completion_tokens(c) * (c->turns - 1) / 2.0;
}

static void trace_add(const struct plan_stage *stage, uint32_t rows, struct plan_cost *out)
{
	for (uint32_t i = 0; i < rows; i++) {
		out->prompt_tokens += stage->trace->row[i].input_tokens;
		out->completion_tokens += stage->trace->row[i].output_tokens;
	}
}

static void stage_add(const struct plan *plan, uint32_t index, struct plan_cost *out)
{
	uint32_t mask = plan->stage[index].classes;
	double weights = 0.0, requests;
	bool known;

	requests = stage_requests(plan, index, &known);
	out->bounded = out->bounded && known;
	out->requests += requests;
	if (plan->stage[index].trace) {
		trace_add(&plan->stage[index], (uint32_t)requests, out);
		return;
	}
	for (uint32_t i = 0; i < plan->classes; i++)
		weights += mask == 0 || (mask & (1u << i)) ? plan->class_[i].weight : 0.0;
	for (uint32_t i = 0; i < plan->classes && weights > 0.0; i++) {
		double part = mask == 0 || (mask & (1u << i)) ? requests * plan->class_[i].weight / weights : 0.0;

		out->prompt_tokens += part * prompt_tokens(&plan->class_[i]);
		out->completion_tokens += part * completion_tokens(&plan->class_[i]);
	}
}

int plan_cost(const struct plan *plan, const char *prices, struct plan_cost *out, struct err *err)
{
	char share[PATH_MAX], path[PATH_MAX + 32];
	struct price price = {0};
	struct document *doc;
	int ret;

	*out = (struct plan_cost){.bounded = true};
	for (uint32_t i = 0; i < plan->stages; i++)
		stage_add(plan, i, out);
	if (!prices && !plan_share_dir(share, sizeof(share)))
		return 0;
	snprintf(path, sizeof(path), "%s%s", prices ? prices : share, prices ? "" : "/scenarios/gateways/prices.yaml");
	ret = document_read(&doc, path, err);
	if (ret)
		return ret;
	ret = price_find(doc, plan->model, &price);
	document_free(doc);
	out->priced = ret == 0;
	out->dollars = (out->prompt_tokens * price.input + out->completion_tokens * price.output) / 1e6;
	return ret == -ENOENT ? 0 : ret;
}
