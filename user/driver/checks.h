/* SPDX-License-Identifier: GPL-2.0-only */
/* A scenario's checks on one whole answer. */
#ifndef TOLL_DRIVER_CHECKS_H
#define TOLL_DRIVER_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/request.h"
#include "scenario/plan.h"

struct checks_answer {
	unsigned status;
	uint64_t took_ns; /* from due */
	const char *json; /* body, or the first event with content of a stream */
	size_t bytes;
};

/* Does a check of the class look into the answer's JSON? */
bool checks_want_json(const struct plan_class *class_);
/* Bit i: check i of the class passed. */
uint16_t checks_run(const struct plan_class *class_, const struct checks_answer *answer);
/* Is the status one that the class expects? */
bool checks_status_expected(const struct plan_class *class_, unsigned status);

/* Has its class an objective, and does this request, which ended well, keep it? Flags of the record. */
uint32_t checks_slo(const struct plan_class *class_, const struct record_request *r);

#endif
