/* SPDX-License-Identifier: GPL-2.0-only */
/* Statistics of one driver thread: all, warm-up, by class, by stage. Requests of the warm-up count only there. */
#ifndef TOLL_DRIVER_TALLY_H
#define TOLL_DRIVER_TALLY_H

#include "record/request_stats.h"
#include "scenario/plan.h"

struct tally {
	uint32_t classes, stages;
	struct request_stats total, warmup;
	struct request_stats class_[PLAN_CLASSES_MAX];
	struct request_stats stage[PLAN_STAGES_MAX];
};

int tally_init(struct tally *t, const struct plan *plan); /* -ENOMEM */
void tally_fini(struct tally *t);
int tally_add(struct tally *t, const struct record_request *r);
/* A gap between two events with tokens of this request. */
int tally_gap(struct tally *t, const struct record_request *r, uint64_t gap_ns);

#endif
