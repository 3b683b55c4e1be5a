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

#include "gateway/gateway.h"
#include "report/report.h"
#include "timeline/timeline.h"

struct truth_row {
	uint64_t id;
	uint64_t phase_ns[GATEWAY_SIDES]; /* process request, process response, longest chunk lag */
};

struct truth {
	struct gateway_plants plants;
	struct truth_row *row;
	size_t rows, room;
};

int truth_init(struct truth *t, const char *plant_text, struct err *err);
void truth_fini(struct truth *t);
/* Keeps the request's phases, as long as there is room (a million requests); warm-up and unmatched ones are passed over. */
void truth_add(struct truth *t, const struct whole_request *w);
/* Reads the log and fills report->plant. A log that cannot be read gives no rows and a warning. */
void truth_fill(struct truth *t, const char *path, struct report_input *report);

#endif
