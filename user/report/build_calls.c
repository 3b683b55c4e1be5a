// SPDX-License-Identifier: GPL-2.0-only
/* System calls: how many a request, how long, how they failed, and how much of them lay inside the toll. */
#include <stdlib.h>
#include <string.h>

#include "attribution/calls.h"
#include "attribution/cause_stats.h"
#include "attribution/cause_threads.h"
#include "base/call_names.h"
#include "report/build.h"

static void call_errors(struct build *b, json_t *row, const struct call_stats *s)
{
	json_t *errors = build_object(b, row, "errors");

	for (unsigned i = 0; i < s->errors; i++) {
		const char *name = strerrorname_np((int)s->error[i].error);
		char number[24];
		snprintf(number, sizeof(number), "errno_%u", s->error[i].error);
		build_put(b, errors, name ? name : number, build_u64(s->error[i].count));
	}
}

static void call_one(struct build *b, json_t *calls, unsigned nr, const struct call_stats *s, double requests)
{
	const struct attribution_set *a = b->in->total.attribution;
	uint64_t in_toll_ns = attribution_cause_threads(b->in->attribution)->call_ns[nr];
	char buf[CALL_NAME_BYTES];
	const char *name = call_name(nr, buf);

	if (!build_dist(b, calls, name, s->latency))
		return;
	json_t *row = json_object_get(calls, name);
	build_put(b, row, "total_ns", build_u64(s->total_ns));
	if (requests > 0)
		build_put(b, row, "per_request", build_number((double)hist_count(s->latency) / requests));
	build_put(b, row, "failed", build_u64(s->failed));
	call_errors(b, row, s);
	build_put(b, row, "short_sends", build_u64(s->short_sends));
	if (a && a->causes && a->causes->requests)
		build_put(b, row, "in_toll_per_request_ns", build_u64(in_toll_ns / a->causes->requests));
}

/* Their probes may have been on in windows. */
static uint64_t requests_while_on(const struct build *b, uint64_t requests)
{
	const json_t *probes = json_object_get(b->in->probed, "probes"),
		     *group = json_object_get(json_object_get(probes, "groups"), "syscalls"),
		     *seen = json_object_get(group, "requests");

	return seen && json_number_value(json_object_get(group, "on_share")) < 0.99 ? (uint64_t)json_integer_value(seen)
										    : requests;
}

void build_calls(struct build *b)
{
	const char *why = build_no_probes(b->in);
	uint64_t warmup, requests = why ? 0 : attribution_left_out(b->in->attribution, &warmup);
	bool any = false;

	if (!why && b->in->calls)
		for (unsigned i = 0; i < CALLS_NUMBERS; i++)
			any |= calls_of(b->in->calls, i) != NULL;
	if (!any) {
		build_absent(b, "", "system_calls", why ? why : "no system call was told: their probes were off");
		return;
	}
	requests += b->in->total.attribution ? b->in->total.attribution->requests : 0;
	requests = requests_while_on(b, requests);
	json_t *calls = build_object(b, b->doc, "system_calls");
	for (unsigned i = 0; i < CALLS_NUMBERS; i++)
		if (calls_of(b->in->calls, i))
			call_one(b, calls, i, calls_of(b->in->calls, i), (double)requests);
}
