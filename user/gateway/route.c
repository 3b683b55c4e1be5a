// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/route.h"

#include "base/clock.h"

#define RETRY_AFTER_MAX_NS (2 * NS_PER_S) /* a client waits no longer for its answer than it would itself */
#define DOUBLINGS_MAX 10

static bool walk_list(struct route *r, struct route_walk *w, uint64_t now_ns)
{
	for (; w->next < r->count; w->next++) {
		if (!breaker_allows(r->at[w->next].breaker, now_ns))
			continue;
		w->current = w->next++;
		w->trying = true;
		return true;
	}
	return false;
}

static uint64_t backoff_ns(struct route *r, unsigned round)
{
	uint64_t whole = r->backoff_ns << (round - 1 < DOUBLINGS_MAX ? round - 1 : DOUBLINGS_MAX);

	return whole ? whole / 2 + rng_below(&r->rng, whole / 2 + 1) : 0;
}

bool route_next(struct route *r, struct route_walk *w, uint64_t retry_after_ns, uint64_t now_ns, uint64_t *wait_ns)
{
	*wait_ns = 0;
	if (walk_list(r, w, now_ns))
		return true;
	if (!r->unlimited && (w->round == r->retries || retry_after_ns > RETRY_AFTER_MAX_NS))
		return false;
	w->round++;
	w->next = 0;
	if (!walk_list(r, w, now_ns))
		return false;
	if (r->unlimited)
		return true;
	*wait_ns = backoff_ns(r, w->round);
	if (*wait_ns < retry_after_ns)
		*wait_ns = retry_after_ns;
	return true;
}

void route_tell(struct route *r, struct route_walk *w, bool ok, uint64_t now_ns)
{
	if (w->trying)
		breaker_tell(r->at[w->current].breaker, ok, now_ns);
	w->trying = false;
}

void route_forget(struct route *r, struct route_walk *w)
{
	if (w->trying)
		breaker_forget(r->at[w->current].breaker);
	w->trying = false;
}

const struct route_upstream *route_current(const struct route *r, const struct route_walk *w)
{
	return &r->at[w->current];
}
