/* SPDX-License-Identifier: GPL-2.0-only */
/* What a run would take of a paid upstream: requests, tokens and dollars, before anything is sent. */
#ifndef TOLL_SCENARIO_PLAN_COST_H
#define TOLL_SCENARIO_PLAN_COST_H

#include <stdbool.h>

#include "base/err.h"
#include "scenario/plan.h"

struct plan_cost {
	bool bounded; /* false: a stage lasts for a time and has users that send as fast as they are answered: no number is known */
	double requests; /* of the stages whose number is known, or bounded by what users think */
	double prompt_tokens, completion_tokens; /* four bytes to a token; answers as long as max_tokens allows */
	bool priced; /* the price table has the plan's model */
	double dollars;
};

/* prices: a table's path; NULL: the built-in one (<share>/scenarios/gateways/prices.yaml). Err: the table cannot be read. */
int plan_cost(const struct plan *plan, const char *prices, struct plan_cost *out, struct err *err);

#endif
