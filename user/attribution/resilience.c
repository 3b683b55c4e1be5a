/* SPDX-License-Identifier: GPL-2.0-only */
#include "attribution/resilience.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECENT 64 /* a failure so many attempts ago is not why an upstream is passed over */

/* What one request did, upstreams as bits. */
struct call {
	uint64_t time_ns;
	uint8_t tried, failed, passed;
};

/* What the machine of one upstream remembers beside its state. */
struct memory {
	uint64_t attempts, last_failed; /* counts of attempts; 0: none failed */
	bool probe_failed;
};

struct resilience {
	struct resilience_stats stats;
	struct memory memory[RESILIENCE_UPSTREAMS_MAX];
	struct call *window; /* in order of time */
	unsigned held;
	uint64_t fed_ns, fed; /* last one given to the machines, and how many were */
};

const char *resilience_state_name(enum resilience_state state)
{
	static const char *const names[] = {"CLOSED", "OPEN", "HALF_OPEN"};

	return names[state];
}

struct resilience *resilience_new(unsigned upstreams)
{
	struct resilience *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->stats.upstreams = upstreams < RESILIENCE_UPSTREAMS_MAX ? upstreams : RESILIENCE_UPSTREAMS_MAX;
	r->stats.failover = hist_new();
	r->stats.backoff = hist_new();
	r->window = calloc(RESILIENCE_WINDOW, sizeof(*r->window));
	if (r->stats.failover && r->stats.backoff && r->window)
		return r;
	resilience_free(r);
	return NULL;
}

void resilience_free(struct resilience *r)
{
	if (!r)
		return;
	hist_free(r->stats.failover);
	hist_free(r->stats.backoff);
	free(r->window);
	free(r);
}

/* --- breakers --------------------------------------------------------------------------------------------------------------- */

static void change(struct resilience *r, unsigned i, enum resilience_state state, uint64_t time_ns)
{
	struct resilience_upstream *u = &r->stats.upstream[i];
	uint64_t *const counts[] = {&u->closed, &u->opened, &u->half_opened};

	u->state = state;
	++*counts[state];
	if (u->changes < RESILIENCE_CHANGES_MAX)
		u->change[u->changes++] = (struct resilience_change){.request = r->fed, .time_ns = time_ns, .state = state};
}

static void passed_over(struct resilience *r, unsigned i, uint64_t time_ns)
{
	struct resilience_upstream *u = &r->stats.upstream[i];
	struct memory *m = &r->memory[i];

	u->passed_over++;
	if ((u->state == RESILIENCE_CLOSED && m->last_failed && m->attempts - m->last_failed < RECENT) ||
	    (u->state == RESILIENCE_HALF_OPEN && m->probe_failed))
		change(r, i, RESILIENCE_OPEN, time_ns);
}

static void tried(struct resilience *r, unsigned i, bool failed, uint64_t time_ns)
{
	struct resilience_upstream *u = &r->stats.upstream[i];
	struct memory *m = &r->memory[i];

	m->attempts++;
	if (u->state == RESILIENCE_HALF_OPEN && !m->probe_failed) {
		change(r, i, RESILIENCE_CLOSED, time_ns);
		m->last_failed = 0;
	} else if (u->state == RESILIENCE_OPEN) {
		change(r, i, RESILIENCE_HALF_OPEN, time_ns);
	}
	m->probe_failed = failed;
	if (failed)
		m->last_failed = m->attempts;
}

static void feed(struct resilience *r, const struct call *c)
{
	for (unsigned i = 0; i < r->stats.upstreams; i++) {
		uint8_t bit = (uint8_t)(1u << i);

		if (c->tried & bit)
			tried(r, i, (c->failed & bit) != 0, c->time_ns);
		else if (c->passed & bit)
			passed_over(r, i, c->time_ns);
	}
	r->fed_ns = c->time_ns;
	r->fed++;
}

static void feed_first(struct resilience *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		feed(r, &r->window[i]);
	memmove(r->window, r->window + n, (r->held - n) * sizeof(*r->window));
	r->held -= n;
}

static void hold(struct resilience *r, const struct call *c)
{
	unsigned at;

	if (r->held == RESILIENCE_WINDOW)
		feed_first(r, RESILIENCE_WINDOW / 2);
	r->stats.out_of_order += c->time_ns < r->fed_ns;
	for (at = r->held; at > 0 && r->window[at - 1].time_ns > c->time_ns; at--)
		r->window[at] = r->window[at - 1];
	r->window[at] = *c;
	r->held++;
}

/* --- requests --------------------------------------------------------------------------------------------------------------- */

static bool has_failed(const struct whole_upstream *u)
{
	return u->http_status >= 500 || (u->http_status == 0 && !u->answered);
}

static bool is_ours(const struct resilience *r, const struct whole_upstream *u)
{
	return u->peer_index < r->stats.upstreams;
}

static void count_turns(struct resilience *r, const struct whole_request *w, struct call *c)
{
	unsigned last = 0;

	for (uint32_t i = 0; i < w->upstreams; i++) {
		const struct whole_upstream *u = &w->upstream[i];
		struct resilience_upstream *of;

		if (!is_ours(r, u))
			continue;
		of = &r->stats.upstream[u->peer_index];
		of->turns++;
		of->failed += has_failed(u);
		of->answered += u->answered;
		c->tried |= (uint8_t)(1u << u->peer_index);
		if (has_failed(u))
			c->failed |= (uint8_t)(1u << u->peer_index);
		else
			c->failed &= (uint8_t) ~(1u << u->peer_index);
		if (u->peer_index > last)
			last = u->peer_index;
		if (!c->time_ns || (u->t4 && u->t4 < c->time_ns))
			c->time_ns = u->t4;
	}
	for (unsigned i = 0; i < last; i++)
		if (!(c->tried & (1u << i)))
			c->passed |= (uint8_t)(1u << i);
}

/* From when an attempt was over to when the next left. */
static int add_backoff(struct resilience *r, const struct whole_upstream *before, const struct whole_upstream *next)
{
	uint64_t over_ns = before->t7_last ? before->t7_last : before->t7 ? before->t7 : before->t4_last;

	return over_ns && next->t4 > over_ns ? hist_record(r->stats.backoff, next->t4 - over_ns) : 0;
}

static int add_attempts(struct resilience *r, const struct whole_request *w)
{
	const struct whole_upstream *first = w->upstreams ? &w->upstream[0] : NULL;
	uint64_t attempts = (uint64_t)w->upstreams + w->upstreams_dropped;
	bool elsewhere = false;
	int rc = 0;

	if (attempts > r->stats.attempts_max)
		r->stats.attempts_max = attempts;
	r->stats.retried += attempts > 1;
	for (uint32_t i = 1; i < w->upstreams && !rc; i++) {
		const struct whole_upstream *u = &w->upstream[i];

		rc = add_backoff(r, u - 1, u);
		if (u->peer_index == first->peer_index)
			continue;
		elsewhere = true;
		if (!rc && u->answered && first->t4 && u->t7 > first->t4)
			rc = hist_record(r->stats.failover, u->t7 - first->t4);
	}
	if (elsewhere && !first->answered) {
		r->stats.failovers++;
		r->stats.failovers_ok += w->driver.outcome == RECORD_OK;
	}
	return rc;
}

int resilience_add(struct resilience *r, const struct whole_request *w)
{
	struct call c = {0};

	count_turns(r, w, &c);
	/* every breaker is open: the gateway answered for them all */
	if (!w->upstreams && w->driver.http_status == 503) {
		c.time_ns = w->t3 ? w->t3 : w->driver.due_ns;
		c.passed = (uint8_t)((1u << r->stats.upstreams) - 1);
	}
	if (!c.tried && !c.passed)
		return 0;
	r->stats.requests++;
	hold(r, &c);
	return (w->driver.flags & RECORD_WARMUP) ? 0 : add_attempts(r, w);
}

const struct resilience_stats *resilience_stats(struct resilience *r, bool all)
{
	if (all)
		feed_first(r, r->held);
	return &r->stats;
}
