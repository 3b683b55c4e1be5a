/* SPDX-License-Identifier: GPL-2.0-only */
/* Scenario files made of texts, for tests of plans. */
#ifndef TOLL_TESTS_SUPPORT_PLAN_TEXT_H
#define TOLL_TESTS_SUPPORT_PLAN_TEXT_H

#include "scenario/plan.h"

#define GOOD_CLASSES "classes:\n  chat: {endpoint: chat}\n"
#define GOOD_STAGES "stages:\n  - {vus: 2, for: 3s}\n"

/* plan_load() of a file that holds text. */
int plan_text_load(const char *text, const struct plan_overrides *over, struct plan **plan, struct err *err);
/* ... which must be good; the caller frees. */
struct plan *plan_text_good(const char *text, const struct plan_overrides *over);
/* ... which must be refused with "FILE:" + place + ... (NULL: an error of no place) and with words in it, on one line. */
void plan_text_error(const char *text, const struct plan_overrides *over, const char *place, const char *words);

/* A group's set-up: the built-in scenarios are those of the sources, in whose root tests run. */
int plan_text_share(void **state);

#endif
