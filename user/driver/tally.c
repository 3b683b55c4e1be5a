/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/tally.h"

int tally_init(struct tally *t, const struct plan *plan)
{
	int r;

	*t = (struct tally){0};
	r = request_stats_init(&t->total);
	if (!r)
		r = request_stats_init(&t->warmup);
	for (; !r && t->classes < plan->classes; t->classes++)
		r = request_stats_init(&t->class_[t->classes]);
	for (; !r && t->stages < plan->stages; t->stages++)
		r = request_stats_init(&t->stage[t->stages]);
	if (r)
		tally_fini(t);
	return r;
}

void tally_fini(struct tally *t)
{
	request_stats_fini(&t->total);
	request_stats_fini(&t->warmup);
	for (uint32_t i = 0; i < t->classes; i++)
		request_stats_fini(&t->class_[i]);
	for (uint32_t i = 0; i < t->stages; i++)
		request_stats_fini(&t->stage[i]);
	t->classes = 0;
	t->stages = 0;
}

int tally_add(struct tally *t, const struct record_request *r)
{
	int a, b, c;

	if (r->flags & RECORD_WARMUP)
		return request_stats_add(&t->warmup, r);
	a = request_stats_add(&t->total, r);
	b = request_stats_add(&t->class_[r->class_index], r);
	c = request_stats_add(&t->stage[r->stage_index], r);
	return a ? a : b ? b : c;
}

int tally_gap(struct tally *t, const struct record_request *r, uint64_t gap_ns)
{
	int a, b, c;

	if (r->flags & RECORD_WARMUP)
		return request_stats_gap(&t->warmup, gap_ns);
	a = request_stats_gap(&t->total, gap_ns);
	b = request_stats_gap(&t->class_[r->class_index], gap_ns);
	c = request_stats_gap(&t->stage[r->stage_index], gap_ns);
	return a ? a : b ? b : c;
}
