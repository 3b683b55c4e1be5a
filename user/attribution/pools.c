// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/levels.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/sketch.h"

#define MOMENTS_PER_WINDOW 16
#define WINDOWS (LEVELS_MOMENTS / MOMENTS_PER_WINDOW)
#define THREADS_MAX 256
/* An answer is read before the gateway knows that its connection is free again. */
#define MARGIN_NS (10 * NS_PER_MS)

/* When a thread last opened a connection of a pool. */
struct opener {
	uint32_t tid;
	uint64_t time_ns;
};

struct pool {
	uint8_t addr[16];
	uint16_t port;
	struct level open, busy;
	struct level answered; /* questions so far */
	struct sketch wait[WINDOWS];
	struct opener opener[THREADS_MAX];
	unsigned openers;
	uint64_t abandoned;
};

struct pool_conn {
	bool server;
	int pool; /* of a client's; -1: past POOLS_MAX */
	uint64_t opened_ns;
	uint64_t idle_ns; /* since when; 0: it had no turn */
	uint32_t tid; /* that used it last; 0: not known */
	struct wire_turn last; /* known by a snapshot only so far */
	bool has_last;
};

struct pools {
	struct levels_clock clock;
	struct level requests; /* inside the gateway */
	struct level unread, done; /* of them not yet read; answered so far */
	struct pool *pool[POOLS_MAX];
	int pools;
	struct map *conns;
};

/* --- time --------------------------------------------------------------------------------------------------------------------- */

static int windows_halve(struct pool *p)
{
	int rc = 0;

	for (unsigned i = 0; i < WINDOWS; i++) {
		struct sketch none = {0};

		if (i / 2 != i) {
			rc |= sketch_merge(&p->wait[i / 2], &p->wait[i]);
			sketch_fini(&p->wait[i]);
			p->wait[i] = none;
		}
	}
	return rc;
}

static int halve(struct pools *p)
{
	int rc = 0;

	levels_clock_halve(&p->clock);
	level_halve(&p->requests);
	level_halve(&p->unread);
	level_halve(&p->done);
	for (int i = 0; i < p->pools; i++) {
		level_halve(&p->pool[i]->open);
		level_halve(&p->pool[i]->busy);
		level_halve(&p->pool[i]->answered);
		rc |= windows_halve(p->pool[i]);
	}
	return rc;
}

/* *moment: the first at or after time_ns, once there is room for it. */
static int moment_of(struct pools *p, uint64_t time_ns, unsigned *moment)
{
	int rc = 0;

	while (levels_moment(&p->clock, time_ns) >= LEVELS_MOMENTS && !rc)
		rc = halve(p);
	*moment = rc ? 0 : (unsigned)levels_moment(&p->clock, time_ns);
	if (*moment >= p->clock.used)
		p->clock.used = *moment + 1;
	return rc;
}

static int change(struct pools *p, struct level *l, uint64_t time_ns, int by)
{
	unsigned moment;
	int rc = moment_of(p, time_ns, &moment);

	if (!rc)
		level_change(l, moment, by);
	return rc;
}

static int interval(struct pools *p, struct level *l, uint64_t from_ns, uint64_t to_ns)
{
	int rc = to_ns > from_ns ? change(p, l, from_ns, 1) : 0;

	return rc || to_ns <= from_ns ? rc : change(p, l, to_ns, -1);
}

/* --- pools -------------------------------------------------------------------------------------------------------------------- */

int pools_find(const struct pools *p, const uint8_t addr[16], uint16_t port)
{
	for (int i = 0; i < p->pools; i++)
		if (p->pool[i]->port == port && !memcmp(p->pool[i]->addr, addr, sizeof(p->pool[i]->addr)))
			return i;
	return -1;
}

/* -1: too many; -ENOMEM. */
static int pool_of(struct pools *p, const uint8_t addr[16], uint16_t port)
{
	int found = pools_find(p, addr, port);

	if (found >= 0 || p->pools == POOLS_MAX)
		return found;
	struct pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	memcpy(pool->addr, addr, sizeof(pool->addr));
	pool->port = port;
	p->pool[p->pools] = pool;
	return p->pools++;
}

static void pool_free(struct pool *pool)
{
	for (unsigned i = 0; i < WINDOWS; i++)
		sketch_fini(&pool->wait[i]);
	free(pool);
}

static void opener_note(struct pool *pool, uint32_t tid, uint64_t time_ns)
{
	unsigned i = 0;

	while (i < pool->openers && pool->opener[i].tid != tid)
		i++;
	if (!tid || i == THREADS_MAX)
		return;
	if (i == pool->openers)
		pool->opener[pool->openers++] = (struct opener){.tid = tid};
	if (time_ns > pool->opener[i].time_ns)
		pool->opener[i].time_ns = time_ns;
}

/* --- connections -------------------------------------------------------------------------------------------------------------- */

static int on_conn(struct pools *p, const struct wire_conn *r)
{
	bool client = r->side == WIRE_SIDE_CLIENT;

	if (r->role != WIRE_ROLE_GATEWAY || (!client && r->side != WIRE_SIDE_SERVER) || map_get(p->conns, r->conn))
		return 0;
	int pool = client ? pool_of(p, r->peer_addr, r->peer_port) : -1;
	struct pool_conn *c = pool == -ENOMEM ? NULL : calloc(1, sizeof(*c));
	if (!c || map_put(p->conns, r->conn, c)) {
		free(c);
		return -ENOMEM;
	}
	*c = (struct pool_conn){.server = !client, .pool = pool, .opened_ns = r->established_ns};
	return pool >= 0 ? change(p, &p->pool[pool]->open, r->established_ns, 1) : 0;
}

static int wait_note(struct pools *p, struct pool *pool, const struct wire_turn *r)
{
	const struct wire_lane_span *out = &r->lane[WIRE_LANE_OUT], *in = &r->lane[WIRE_LANE_IN];
	unsigned moment;
	int rc;

	if (!out->count || !in->count || in->first_ns < out->last_ns || out->last_ns < p->clock.start_ns)
		return 0;
	rc = moment_of(p, out->last_ns, &moment);
	return rc ? rc : sketch_record(&pool->wait[moment / MOMENTS_PER_WINDOW], in->first_ns - out->last_ns);
}

static int client_turn(struct pools *p, struct pool_conn *c, const struct wire_turn *r)
{
	const struct wire_lane_span *out = &r->lane[WIRE_LANE_OUT], *in = &r->lane[WIRE_LANE_IN],
				    *read = &r->lane[WIRE_LANE_READ];
	struct pool *pool = p->pool[c->pool];
	bool answered = in->count > 0;
	uint64_t end_ns = read->count && read->last_ns > in->last_ns ? read->last_ns : answered ? in->last_ns : r->h.time_ns;
	int rc;

	if (!out->count)
		return 0;
	if (r->sender.tid)
		c->tid = r->sender.tid;
	if (r->turn == 0 && c->opened_ns)
		opener_note(pool, r->sender.tid, c->opened_ns);
	c->idle_ns = answered ? end_ns : 0;
	rc = interval(p, &pool->busy, out->first_ns, end_ns);
	if (!rc && answered)
		rc = change(p, &pool->answered, in->first_ns, 1);
	return rc ? rc : wait_note(p, pool, r);
}

static int server_turn(struct pools *p, const struct wire_turn *r)
{
	const struct wire_lane_span *in = &r->lane[WIRE_LANE_IN], *read = &r->lane[WIRE_LANE_READ],
				    *out = &r->lane[WIRE_LANE_OUT];
	int rc;

	if (!in->count)
		return 0;
	rc = interval(p, &p->requests, in->first_ns, out->count ? out->last_ns : r->h.time_ns);
	if (!rc)
		rc = interval(p, &p->unread, in->first_ns, read->count ? read->first_ns : r->h.time_ns);
	return rc || !out->count ? rc : change(p, &p->done, out->last_ns, 1);
}

static int turn_take(struct pools *p, struct pool_conn *c, const struct wire_turn *r)
{
	c->has_last = false;
	if (c->server)
		return server_turn(p, r);
	return c->pool >= 0 ? client_turn(p, c, r) : 0;
}

/* A snapshot waits for the turn itself, which comes longer under the same number, or for the end. */
static int on_turn(struct pools *p, const struct wire_turn *r)
{
	struct pool_conn *c = map_get(p->conns, r->conn);
	int rc = 0;

	if (!c)
		return 0;
	if (c->has_last && c->last.turn != r->turn)
		rc = turn_take(p, c, &c->last);
	if (rc || !(r->flags & WIRE_TURN_STILL_OPEN))
		return rc ? rc : turn_take(p, c, r);
	c->last = *r;
	c->has_last = true;
	return 0;
}

static int on_close(struct pools *p, const struct wire_close *r)
{
	struct pool_conn *c = map_remove(p->conns, r->conn);
	int rc = 0;

	if (!c)
		return 0;
	if (c->has_last)
		rc = turn_take(p, c, &c->last);
	if (!rc && c->pool >= 0)
		rc = change(p, &p->pool[c->pool]->open, r->h.time_ns, -1);
	free(c);
	return rc;
}

/* --- what the room offers ------------------------------------------------------------------------------------------------------- */

struct pools *pools_new(void)
{
	struct pools *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	levels_start(&p->clock, 0);
	p->conns = map_new();
	if (p->conns)
		return p;
	free(p);
	return NULL;
}

void pools_free(struct pools *p)
{
	if (!p)
		return;
	map_free_with(p->conns, free);
	for (int i = 0; i < p->pools; i++)
		pool_free(p->pool[i]);
	free(p);
}

/* Called with each record: only a start that moves does anything, and then nothing has been counted but what is open. */
void pools_start(struct pools *p, uint64_t start_ns)
{
	if (start_ns != p->clock.start_ns && p->clock.used <= 1)
		levels_start(&p->clock, start_ns);
}

int pools_wire(struct pools *p, const void *record)
{
	const struct wire_header *h = record;

	switch (h->kind) {
	case WIRE_KIND_CONN:
		return on_conn(p, record);
	case WIRE_KIND_TURN:
		return on_turn(p, record);
	case WIRE_KIND_CLOSE:
		return on_close(p, record);
	default:
		return 0;
	}
}

int pools_tick(struct pools *p, uint64_t now_ns)
{
	unsigned moment;

	return moment_of(p, now_ns, &moment);
}

static void abandoned_count(struct pools *p, const struct pool_conn *c)
{
	struct pool *pool = c->pool >= 0 ? p->pool[c->pool] : NULL;

	if (!pool || !c->idle_ns)
		return;
	for (unsigned i = 0; i < pool->openers; i++)
		pool->abandoned += pool->opener[i].tid == c->tid && pool->opener[i].time_ns > c->idle_ns + MARGIN_NS;
}

int pools_finish(struct pools *p)
{
	uint64_t cookie;
	size_t cursor = 0;
	void *at;
	int rc = 0;

	while (!rc && map_next(p->conns, &cursor, &cookie, &at)) {
		struct pool_conn *c = at;

		if (c->has_last)
			rc = turn_take(p, c, &c->last);
	}
	cursor = 0;
	while (map_next(p->conns, &cursor, &cookie, &at))
		abandoned_count(p, at);
	return rc;
}

/* Connections in use of all pools before each moment of the span, walked side by side with those of one. */
struct walk {
	int64_t open, busy, all_busy, requests;
};

static void step(const struct pools *p, const struct pool *pool, unsigned i, struct walk *w)
{
	w->open += pool->open.change[i];
	w->busy += pool->busy.change[i];
	w->requests += p->requests.change[i];
	for (int k = 0; k < p->pools; k++)
		w->all_busy += p->pool[k]->busy.change[i];
}

static uint64_t larger(uint64_t a, int64_t b)
{
	return b > 0 && (uint64_t)b > a ? (uint64_t)b : a;
}

/* Its moments: [first, behind). */
struct span {
	uint64_t first;
	unsigned behind;
};

static struct span span_of(const struct pools *p, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t behind = to_ns == UINT64_MAX ? UINT64_MAX : levels_moment(&p->clock, to_ns);

	return (struct span){.first = levels_moment(&p->clock, from_ns),
			     .behind = behind < p->clock.used ? (unsigned)behind : p->clock.used};
}

void pools_figures(const struct pools *p, int pool, uint64_t from_ns, uint64_t to_ns, struct pool_figures *out)
{
	struct span span = span_of(p, from_ns, to_ns);
	uint64_t exhausted = 0;
	struct walk w = {0};

	*out = (struct pool_figures){0};
	for (unsigned i = 0; i < span.behind; i++) {
		step(p, p->pool[pool], i, &w);
		if (i < span.first)
			continue;
		out->moments++;
		out->open_max = larger(out->open_max, w.open);
		out->busy_max = larger(out->busy_max, w.busy);
		out->open_end = w.open > 0 ? (uint64_t)w.open : 0;
		exhausted += w.open > 0 && w.busy >= w.open && w.requests > w.all_busy;
	}
	if (out->moments)
		out->exhausted = (double)exhausted / (double)out->moments;
}

uint64_t pools_over_time(const struct pools *p, int pool, uint64_t to_ns, unsigned points, uint32_t *open, uint32_t *busy)
{
	unsigned moments = span_of(p, 0, to_ns).behind;
	struct walk w = {0};

	memset(open, 0, points * sizeof(*open));
	memset(busy, 0, points * sizeof(*busy));
	if (moments < points)
		return 0;
	for (unsigned i = 0; i < moments; i++) {
		unsigned at = (unsigned)((uint64_t)i * points / moments);

		step(p, p->pool[pool], i, &w);
		open[at] = (uint32_t)larger(open[at], w.open);
		busy[at] = (uint32_t)larger(busy[at], w.busy);
	}
	return p->clock.step_ns * moments / points;
}

int pools_wait(const struct pools *p, int pool, uint64_t from_ns, uint64_t to_ns, struct hist *out)
{
	const uint64_t window_ns = p->clock.step_ns * MOMENTS_PER_WINDOW;
	int rc = 0;

	for (unsigned i = 0; i < WINDOWS && !rc; i++) {
		const struct sketch *s = &p->pool[pool]->wait[i];
		uint64_t start_ns = p->clock.start_ns + i * window_ns;

		if (start_ns < from_ns || (to_ns != UINT64_MAX && start_ns + window_ns > to_ns))
			continue;
		for (uint32_t k = 0; k < s->used && !rc; k++)
			rc = hist_record_n(out, sketch_bucket_value(s->at[k].index), s->at[k].count);
	}
	return rc;
}

uint64_t pools_abandoned(const struct pools *p, int pool)
{
	return p->pool[pool]->abandoned;
}

void pools_queue(const struct pools *p, uint64_t from_ns, uint64_t to_ns, struct pools_queue *out)
{
	struct span span = span_of(p, from_ns, to_ns);
	int64_t requests = 0, unread = 0;
	double sum = 0;

	*out = (struct pools_queue){0};
	for (unsigned i = 0; i < span.behind; i++) {
		requests += p->requests.change[i];
		unread += p->unread.change[i];
		if (i < span.first)
			continue;
		out->moments++;
		out->requests_max = larger(out->requests_max, requests);
		out->unread_max = larger(out->unread_max, unread);
		sum += unread > 0 ? (double)unread : 0;
	}
	if (out->moments)
		out->unread_mean = sum / (double)out->moments;
}

void pools_backlog(const struct pools *p, int pool, uint64_t from_ns, uint64_t to_ns, uint64_t *most, uint64_t *end)
{
	struct span span = span_of(p, from_ns, to_ns);
	int64_t behind = 0;

	*most = *end = 0;
	for (unsigned i = 0; i < span.behind; i++) {
		behind += p->done.change[i] - p->pool[pool]->answered.change[i];
		if (i < span.first)
			continue;
		*most = larger(*most, behind);
		*end = behind > 0 ? (uint64_t)behind : 0;
	}
}
