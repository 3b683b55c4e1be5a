/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the gateway counts itself (--metrics-url, its Prometheus page): read when the measured part begins and when it ends; the report
 * tells the difference beside what the kernel saw.
 */
#ifndef TOLL_SESSION_OWN_COUNTERS_H
#define TOLL_SESSION_OWN_COUNTERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define OWN_NAME_MAX 160

struct own_counter {
	char name[OWN_NAME_MAX]; /* labels are summed over; of a cache's, "{hit}" and "{miss}" are kept apart */
	double value, count; /* a duration's: its sum in its own unit, and how many */
	bool is_duration;
};

struct own_counters {
	struct own_counter *before, *after; /* by name */
	size_t befores, afters;
	uint64_t unread; /* lines that are no sample, samples that found no room, of both pages */
	char url[512]; /* "": nobody asked */
	char why[400]; /* they cannot be told; "": they can, once after was read */
};

/*
 * url: of the page; "/metrics": that page of the gateway, which is at gateway_url; NULL: nothing is done, nor a second time. Both wait for
 * the page, a second at most. What goes wrong is kept in why.
 */
void own_counters_begin(struct own_counters *o, const char *url, const char *gateway_url);
void own_counters_end(struct own_counters *o);
/* Part "own_counters", or the reason why not, into these objects. */
void own_counters_result(const struct own_counters *o, json_t *parts, json_t *not_measured);
void own_counters_fini(struct own_counters *o);

#endif
