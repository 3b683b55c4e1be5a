// rooms: base scenario
// SPDX-License-Identifier: GPL-2.0-only
/* Any bytes as a scenario file: a plan within its bounds, or an error that names the file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/arrival.h"
#include "scenario/plan_data.h"
#include "scenario/plan_file.h"
#include "scenario/plan_print.h"

#define NAME "fuzzed.yaml"
#define ARRIVALS 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void use_plan(const struct plan *plan)
{
	FILE *out = fopen("/dev/null", "w");

	require(plan->classes >= 1 && plan->classes <= PLAN_CLASSES_MAX && plan->stages >= 1 && plan->stages <= PLAN_STAGES_MAX);
	for (uint32_t i = 0; i < plan->stages; i++) {
		const struct plan_stage *stage = &plan->stage[i];

		require(stage->duration_ns > 0 || stage->requests > 0);
		require((stage->classes >> plan->classes) == 0);
		if (stage->loop == PLAN_CLOSED)
			require(arrival_users(stage, stage->duration_ns / 2) <= PLAN_VUS_MAX);
	}
	for (uint32_t i = 0; i < plan->criteria; i++) {
		struct criterion c;

		require(plan_criterion_check(plan, plan->criterion[i], &c, NULL) == 0);
	}
	if (plan->stage[0].loop == PLAN_OPEN) {
		struct arrival_walk w;
		struct arrival a;
		uint64_t last_ns = 0;

		arrival_walk_init(&w, plan, 0, 0, 0, 1);
		for (unsigned k = 0; k < ARRIVALS && arrival_walk_next(&w, &a); k++) {
			require(a.due_ns >= last_ns && a.class_index < plan->classes);
			last_ns = a.due_ns;
		}
	}
	if (out) {
		/* plan_print counts the arrivals of Poisson stages one by one */
		if (plan_duration_ns(plan) < UINT64_C(1000000000))
			plan_print(plan, out);
		fclose(out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct plan_defaults defaults = {.name = "fuzzed", .model = "m", .max_tokens = 100, .temperature = 0.7};
	struct err err = {0};
	struct document *doc;
	struct plan *plan;

	if (document_parse(&doc, NAME, (const char *)data, size, &err) != 0) {
		require(strncmp(err.text, NAME, strlen(NAME)) == 0 && !strpbrk(err.text, "\n\r\x1b"));
		return 0;
	}
	plan = calloc(1, sizeof(*plan));
	require(plan != NULL);
	for (int quick = 0; quick < 2; quick++) {
		err.code = 0;
		if (plan_file_read(doc, &defaults, quick, plan) == 0)
			use_plan(plan);
		else
			require(strncmp(err.text, NAME ":", strlen(NAME) + 1) == 0 && !strpbrk(err.text, "\n\r\x1b"));
	}
	plan_data_free(plan);
	free(plan);
	document_free(doc);
	return 0;
}
