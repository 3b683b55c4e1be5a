/* SPDX-License-Identifier: GPL-2.0-only */
/* What a plan would do, in words: `toll run --dry-run`. */
#ifndef TOLL_SCENARIO_PLAN_PRINT_H
#define TOLL_SCENARIO_PLAN_PRINT_H

#include <stdio.h>

#include "scenario/plan.h"

/* 0, or -EIO when out could not be written. */
int plan_print(const struct plan *plan, FILE *out);

/* Requests, tokens and what a paid upstream would take for them; prices: as for plan_cost(). -errno: the table cannot be read. */
int plan_print_cost(const struct plan *plan, const char *prices, FILE *out, struct err *err);

/* How long it takes, in a few words: "30.0 s", "1,000 requests", "1 m 0 s + 20 requests". Returns buf. */
const char *plan_length_text(const struct plan *plan, char *buf, size_t size);

#endif
