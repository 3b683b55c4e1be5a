// SPDX-License-Identifier: GPL-2.0-only
#include <math.h>
#include <stdio.h>

#include "report/merge_parts.h"

/* ns in all its values together; 0 when absent. */
static double sum_of(const json_t *dist)
{
	struct hist *h = merge_hist(dist);
	double sum = h ? (double)hist_sum(h) : 0;

	hist_free(h);
	return sum;
}

static void rates_make(struct merge *m, json_t *requests, double duration_s)
{
	if (!requests || duration_s <= 0)
		return;
	build_put(&m->b, requests, "rate_per_s", build_number(json_number_value(json_object_get(requests, "ok")) / duration_s));
	build_put(&m->b, requests, "tokens_per_s",
		  build_number(json_number_value(json_object_get(requests, "tokens")) / duration_s));
	if (json_object_get(requests, "slo_met"))
		build_put(&m->b, requests, "goodput_per_s",
			  build_number(json_number_value(json_object_get(requests, "slo_met")) / duration_s));
}

/* A phase's (or a cause's) shares: over all joined requests, also those without it. */
static void shares_make(struct merge *m, json_t *rows, double requests, double toll, double time)
{
	json_t *row;
	const char *key;

	json_object_foreach (rows, key, row) {
		double sum = sum_of(row);

		if (!json_object_get(row, "histogram"))
			continue;
		build_put(&m->b, row, "per_request_ns", build_u64((uint64_t)llround(build_ratio(sum, requests))));
		if (json_is_true(json_object_get(row, "toll")))
			build_put(&m->b, row, "share_of_toll", build_number(build_ratio(sum, toll)));
		build_put(&m->b, row, "share_of_time", build_number(build_ratio(sum, time)));
	}
}

/* Turns per request are told as a mean only: it is weighted by the requests it was made from. */
static void turns_make(struct merge *m, json_t *set, const json_t *const *part, unsigned n)
{
	double turns = 0, requests = 0;

	for (unsigned i = 0; i < n; i++) {
		const json_t *mean = json_object_get(part[i], "upstream_turns_per_request");
		double count = json_number_value(json_object_get(json_object_get(part[i], "toll"), "count"));

		if (!mean)
			continue;
		turns += json_number_value(mean) * count;
		requests += count;
	}
	if (requests > 0)
		build_put(&m->b, set, "upstream_turns_per_request", build_number(turns / requests));
}

/* Causes are over the requests of their phase, which is as many as each of its rows counts. */
static void phase_shares_make(struct merge *m, json_t *rows)
{
	double all = 0, sum;
	json_t *row;
	const char *key;

	json_object_foreach (rows, key, row) {
		all += sum_of(row);
	}
	json_object_foreach (rows, key, row) {
		sum = sum_of(row);
		build_put(&m->b, row, "per_request_ns",
			  build_u64((uint64_t)llround(build_ratio(sum, json_number_value(json_object_get(row, "count"))))));
		build_put(&m->b, row, "share_of_phase", build_number(build_ratio(sum, all)));
	}
}

static void causes_make(struct merge *m, json_t *set, double toll)
{
	json_t *row;
	const char *key;

	json_object_foreach (json_object_get(set, "causes"), key, row) {
		double sum = sum_of(row), requests = json_number_value(json_object_get(row, "count"));

		build_put(&m->b, row, "per_request_ns", build_u64((uint64_t)llround(build_ratio(sum, requests))));
		build_put(&m->b, row, "share_of_toll", build_number(build_ratio(sum, toll)));
	}
	json_object_foreach (json_object_get(set, "causes_by_phase"), key, row) {
		phase_shares_make(m, row);
	}
}

void merge_set_finish(struct merge *m, json_t *set, const json_t *const *part, unsigned n, double duration_s)
{
	json_t *toll = json_object_get(set, "toll");
	double requests = json_number_value(json_object_get(toll, "count")), toll_ns = sum_of(toll),
	       time_ns = sum_of(json_object_get(set, "joined_latency"));

	rates_make(m, json_object_get(set, "requests"), duration_s);
	if (toll) {
		build_put(&m->b, toll, "per_request_ns", build_u64((uint64_t)build_ratio(toll_ns, requests)));
		build_put(&m->b, toll, "share_of_time", build_number(build_ratio(toll_ns, time_ns)));
	}
	shares_make(m, json_object_get(set, "phases"), requests, toll_ns, time_ns);
	causes_make(m, set, toll_ns);
	turns_make(m, set, part, n);
}
