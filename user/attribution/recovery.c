/* SPDX-License-Identifier: GPL-2.0-only */
#include "attribution/recovery.h"

#include <stdlib.h>

#include "base/hist.h"

#define WINDOWS 40
#define WINDOW_MIN_NS UINT64_C(50000000)
#define GOOD_IN_A_ROW 3
#define BAD_SHARE 0.2
#define BASE_MIN 20 /* requests of the first stage that make a p95 */

struct window {
	uint64_t requests, bad;
};

struct stage {
	uint64_t duration_ns, window_ns, first_due_ns;
	struct window window[WINDOWS];
};

struct recovery {
	struct hist *base; /* latencies of the first stage */
	unsigned stages;
	struct stage stage[];
};

struct recovery *recovery_new(const uint64_t *duration_ns, unsigned stages)
{
	struct recovery *r = calloc(1, sizeof(*r) + stages * sizeof(r->stage[0]));

	if (!r)
		return NULL;
	r->base = hist_new();
	r->stages = stages;
	for (unsigned i = 0; i < stages; i++) {
		uint64_t window_ns = duration_ns[i] / WINDOWS;

		r->stage[i].duration_ns = duration_ns[i];
		r->stage[i].window_ns = window_ns > WINDOW_MIN_NS ? window_ns : WINDOW_MIN_NS;
	}
	if (r->base)
		return r;
	free(r);
	return NULL;
}

void recovery_free(struct recovery *r)
{
	if (!r)
		return;
	hist_free(r->base);
	free(r);
}

static uint64_t latency_of(const struct record_request *request)
{
	return request->end_ns > request->due_ns ? request->end_ns - request->due_ns : 0;
}

int recovery_add(struct recovery *r, const struct record_request *request)
{
	struct stage *s;
	uint64_t at;
	bool failed = record_outcome_is_failure((enum record_outcome)request->outcome);

	if (request->stage_index >= r->stages)
		return 0;
	if (request->stage_index == 0)
		return failed ? 0 : hist_record(r->base, latency_of(request));
	s = &r->stage[request->stage_index];
	if (!s->duration_ns || hist_count(r->base) < BASE_MIN)
		return 0;
	if (!s->first_due_ns)
		s->first_due_ns = request->due_ns;
	at = request->due_ns > s->first_due_ns ? (request->due_ns - s->first_due_ns) / s->window_ns : 0;
	at = at < WINDOWS ? at : WINDOWS - 1;
	s->window[at].requests++;
	s->window[at].bad += failed || latency_of(request) > 2 * hist_percentile(r->base, 95);
	return 0;
}

static bool is_bad(const struct window *w)
{
	return (double)w->bad > BAD_SHARE * (double)w->requests;
}

bool recovery_of(const struct recovery *r, unsigned stage, uint64_t *ns, bool *recovered)
{
	const struct stage *s = stage < r->stages ? &r->stage[stage] : NULL;
	unsigned good = 0, from = 0;

	if (!s || stage == 0 || !s->duration_ns || !s->first_due_ns)
		return false;
	for (unsigned i = 0; i < WINDOWS && good < GOOD_IN_A_ROW; i++) {
		if (!s->window[i].requests)
			continue;
		if (is_bad(&s->window[i])) {
			good = 0;
			from = i + 1;
		} else {
			good++;
		}
	}
	*recovered = good > 0;
	*ns = *recovered ? from * s->window_ns : s->duration_ns;
	return true;
}
