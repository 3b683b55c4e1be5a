/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that a scenario names: found beside the scenario, read once, owned by the plan. Inside scenario/ only. */
#ifndef TOLL_SCENARIO_PLAN_DATA_H
#define TOLL_SCENARIO_PLAN_DATA_H

#include "scenario/document.h"
#include "scenario/plan.h"

/* name: a path, relative ones from the scenario's directory. 0 or the error of place_error(). */
int plan_prompts_load(const struct place *at, struct plan *plan, const char *name, const struct prompts **out);
int plan_trace_load(const struct place *at, struct plan *plan, const char *name, const struct trace **out);
void plan_data_free(struct plan *plan);

#endif
