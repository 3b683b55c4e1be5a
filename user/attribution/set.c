// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/set.h"

#include <errno.h>

#include "attribution/cause_stats.h"

/* Every histogram of a set. */
#define SET_HISTS (PHASES + 9)
static void set_hists(struct attribution_set *s, struct hist **out[SET_HISTS])
{
	struct hist **const other[] = {&s->latency,        &s->toll,      &s->chunk_lag, &s->ttft,          &s->ttft_toll,
				       &s->upstream_turns, &s->self_hold, &s->self_end,  &s->driver_reading};

	for (unsigned i = 0; i < PHASES; i++)
		out[i] = &s->phase[i];
	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		out[PHASES + i] = other[i];
}

int set_init(struct attribution_set *s)
{
	struct hist **h[SET_HISTS];

	*s = (struct attribution_set){0};
	set_hists(s, h);
	for (unsigned i = 0; i < SET_HISTS; i++) {
		*h[i] = hist_new();
		if (!*h[i])
			return -ENOMEM;
	}
	return 0;
}

static struct cause_stats **level_of(struct attribution_set *s, unsigned level)
{
	return level ? &s->coarse[level - 1] : &s->causes;
}

void set_fini(struct attribution_set *s)
{
	struct hist **h[SET_HISTS];

	set_hists(s, h);
	for (unsigned i = 0; i < SET_HISTS; i++) {
		hist_free(*h[i]);
		*h[i] = NULL;
	}
	for (unsigned i = 0; i < CAUSE_LEVELS; i++) {
		cause_stats_free(*level_of(s, i));
		*level_of(s, i) = NULL;
	}
}

/* Phases that this request went through even if one took 0 ns; the others count only where they took time. */
static bool phase_occurred(const struct whole_request *w, const struct phase_cut *cut, unsigned phase)
{
	switch (phase) {
	case PHASE_DRIVER_LAG:
	case PHASE_NETWORK:
	case PHASE_PICK_UP_REQUEST:
	case PHASE_STREAM:
		return true;
	case PHASE_PROCESS_REQUEST:
	case PHASE_PROVIDER:
	case PHASE_PICK_UP_RESPONSE:
	case PHASE_PROCESS_RESPONSE:
		return w->upstreams > 0;
	case PHASE_BETWEEN_ATTEMPTS:
		return w->upstreams > 1;
	case PHASE_LOCAL_ANSWER:
		return w->upstreams == 0;
	default:
		return cut->ns[phase] > 0;
	}
}

static int phases_add(struct attribution_set *s, const struct whole_request *w, const struct phase_cut *cut)
{
	int rc = 0;

	for (unsigned i = 0; i < PHASES; i++) {
		s->phase_sum_ns[i] += cut->ns[i];
		if (phase_occurred(w, cut, i))
			rc |= hist_record(s->phase[i], cut->ns[i]);
	}
	return rc;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* The kernel's figures against the ends' own clocks. */
static int self_add(struct attribution_set *s, const struct whole_request *w)
{
	int rc = 0;

	for (uint32_t i = 0; i < w->upstreams; i++) {
		const struct whole_upstream *u = &w->upstream[i];
		if (u->provider_read_last && u->t6 > u->provider_read_last && u->hold_start_ns &&
		    u->hold_end_ns > u->hold_start_ns)
			rc |= hist_record(s->self_hold,
					  distance(u->t6 - u->provider_read_last, u->hold_end_ns - u->hold_start_ns));
	}
	if (w->driver.id && w->driver.end_ns && w->t11_read)
		rc |= hist_record(s->self_end, distance(w->driver.end_ns, w->t11_read));
	if (w->driver.id && w->driver.end_ns)
		rc |= hist_record(s->driver_reading, w->driver.end_ns > w->t11 ? w->driver.end_ns - w->t11 : 0);
	return rc;
}

/* The gateway's part of the time to the first token: its toll until the request was on its way, and the token's own way through. */
static int ttft_add(struct attribution_set *s, const struct whole_request *w, const struct phase_cut *cut)
{
	static const enum phase before[] = {PHASE_ACCEPT_QUEUE, PHASE_PICK_UP_REQUEST, PHASE_PROCESS_REQUEST,
					    PHASE_BETWEEN_ATTEMPTS};
	const struct record_request *r = &w->driver;
	uint64_t toll = 0;
	int rc;

	if (!(r->flags & RECORD_STREAM) || r->first_token_ns < r->due_ns)
		return 0;
	rc = hist_record(s->ttft, r->first_token_ns - r->due_ns);
	if (!w->first_token_t7 || w->first_token_t9 < w->first_token_t7)
		return rc;
	for (unsigned i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		toll += cut->ns[before[i]];
	return rc | hist_record(s->ttft_toll, toll + w->first_token_t9 - w->first_token_t7);
}

static int chunks_add(struct attribution_set *s, const struct whole_request *w)
{
	int rc = 0;

	s->chunks += w->chunks;
	s->chunks_unmatched += w->chunks_unmatched;
	for (uint32_t i = 0; i < w->chunks; i++) {
		const struct whole_chunk *c = &w->chunk[i];
		if (c->readable_ns && c->sent_ns >= c->readable_ns)
			rc |= hist_record(s->chunk_lag, c->sent_ns - c->readable_ns);
	}
	return rc;
}

int set_add(struct attribution_set *s, const struct whole_request *w, const struct phase_cut *cut)
{
	int rc = hist_record(s->latency, cut->total_ns);

	s->requests++;
	s->cache_own += w->cache_hit && !w->side_calls;
	s->cache_peer += w->cache_hit && w->side_calls;
	s->latency_sum_ns += cut->total_ns;
	s->toll_sum_ns += cut->toll_ns;
	rc |= hist_record(s->toll, cut->toll_ns);
	rc |= hist_record(s->upstream_turns, (uint64_t)w->upstreams + w->upstreams_dropped);
	rc |= phases_add(s, w, cut);
	rc |= self_add(s, w);
	rc |= ttft_add(s, w, cut);
	rc |= chunks_add(s, w);
	return rc ? -ENOMEM : 0;
}

int set_merge(struct attribution_set *into, const struct attribution_set *from)
{
	struct attribution_set other = *from; /* its histograms are read only */
	struct hist **to[SET_HISTS], **h[SET_HISTS];
	int rc = 0;

	set_hists(into, to);
	set_hists(&other, h);
	for (unsigned i = 0; i < SET_HISTS; i++)
		rc |= hist_merge(*to[i], *h[i]);
	for (unsigned i = 0; i < PHASES; i++)
		into->phase_sum_ns[i] += from->phase_sum_ns[i];
	into->requests += from->requests;
	into->toll_sum_ns += from->toll_sum_ns;
	into->latency_sum_ns += from->latency_sum_ns;
	into->chunks += from->chunks;
	into->chunks_unmatched += from->chunks_unmatched;
	into->cache_own += from->cache_own;
	into->cache_peer += from->cache_peer;
	return rc ? -ENOMEM : 0;
}

void set_clear(struct attribution_set *s)
{
	struct attribution_set empty = {.causes = s->causes, .coarse = {s->coarse[0], s->coarse[1]}};
	struct hist **h[SET_HISTS], **kept[SET_HISTS];

	set_hists(s, h);
	set_hists(&empty, kept);
	for (unsigned i = 0; i < SET_HISTS; i++) {
		struct hist *one = *h[i];

		hist_reset(one);
		*kept[i] = one;
	}
	*s = empty;
}

static int level_add(struct cause_stats **stats, const struct cause_cut *causes)
{
	if (!*stats)
		*stats = cause_stats_new();
	return *stats ? cause_stats_add(*stats, causes) : -ENOMEM;
}

int set_explain(struct attribution_set *s, const struct cause_cut *causes, enum cause_level finest, bool windows)
{
	struct cause_cut cut = *causes;
	int rc = 0;

	for (unsigned level = 0; level < (windows ? CAUSE_LEVELS : 1); level++) {
		for (unsigned i = 0; level && i < PHASES; i++)
			cause_level_fold((enum cause_level)level, cut.ns[i]);
		cut.calls_known = causes->calls_known && level < CAUSE_LEVEL_CPU;
		if (level >= finest)
			rc |= level_add(level_of(s, level), &cut);
	}
	return rc;
}

int set_settle(struct attribution_set *s, enum cause_level level)
{
	struct cause_stats **chosen = level_of(s, level), *kept = *chosen ? *chosen : s->causes;

	*(*chosen ? chosen : &s->causes) = NULL;
	for (unsigned i = 0; i < CAUSE_LEVELS; i++) {
		cause_stats_free(*level_of(s, i));
		*level_of(s, i) = NULL;
	}
	s->causes = kept;
	return kept ? cause_stats_settle(kept) : 0;
}
