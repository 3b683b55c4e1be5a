/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Planted costs against what was measured of them. The reference gateway logs, by its own clock, how long each request's plants took;
 * here each request's phases are kept beside it. What a plant added is the planted requests' median less that of the requests of the
 * same run that carried no plant ("/N" in the plant's text), so the gateway's own work cancels out.
 */
#ifndef TOLL_SESSION_TRUTH_H
#define TOLL_SESSION_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attribution/cause.h"
#include "base/map.h"
#include "gateway/gateway.h"
#include "report/report.h"
#include "timeline/timeline.h"

struct truth_row {
	uint64_t id;
	uint64_t phase_ns[GATEWAY_SIDES]; /* process request, process response, longest chunk lag */
	uint64_t cause_ns[GATEWAY_PLANTS_MAX]; /* of each plant's phase, what its cause took; without has_causes nothing */
	bool has_causes;
};

struct truth {
	struct gateway_plants plants;
	struct truth_row *row;
	size_t rows, room;
	bool calls_known; /* own work is told as code and kernel */
	struct map *by_id; /* index + 1 of its row */
};

int truth_init(struct truth *t, const char *plant_text, struct err *err);
void truth_fini(struct truth *t);
/* Keeps the request's phases, as long as there is room (a million requests); warm-up and unmatched ones are passed over. */
void truth_add(struct truth *t, const struct whole_request *w);
/* The causes of a request that was added, which are known later. */
void truth_causes(struct truth *t, uint64_t id, const struct cause_cut *causes);
/* Reads the log and fills report->plant and, where causes are known, report->plant_cause. A log that cannot be read gives no rows and a warning. */
void truth_fill(struct truth *t, const char *path, struct report_input *report);

#endif
