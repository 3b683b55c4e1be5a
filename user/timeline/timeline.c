// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "timeline/internal.h"

#define GRACE_DEFAULT_NS (3 * NS_PER_S)
#define SWEEP_EVERY_NS NS_PER_S
/* History of threads: a request that runs longer loses the causes of its first phases. */
#define HISTORY_NS (120 * NS_PER_S)
#define HISTORY_BYTES (UINT64_C(128) << 20)
/* Provider records of a request that still runs (a failed attempt before a long stream) are kept this long, and this many beyond the grace. */
#define HELD_NS (900 * NS_PER_S)
#define HELD_MAX 16384
/* Upstream turns that no request has claimed yet. */
#define TURNS_MAX 65536

struct timeline *timeline_new(const struct timeline_config *config)
{
	struct timeline *t = calloc(1, sizeof(*t));
	uint64_t grace = config->grace_ns ? config->grace_ns : GRACE_DEFAULT_NS;
	/* idle turns come with the kernel's flush, up to 1.2 s late */
	const uint64_t stage_ns[PENDING_STAGES] = {250 * NS_PER_MS, 750 * NS_PER_MS, 1500 * NS_PER_MS, grace};

	if (!t)
		return NULL;
	t->config = *config;
	t->upturns.bytes = sizeof(struct upturn);
	t->requests.bytes = sizeof(struct open_request);
	t->config.grace_ns = grace;
	for (unsigned i = 0; i < PENDING_STAGES; i++)
		t->stage_ns[i] = stage_ns[i] < grace ? stage_ns[i] : grace;
	t->tags = map_new();
	if (threads_init(&t->threads, config->history_bytes ? config->history_bytes : HISTORY_BYTES) || conns_init(&t->conns) ||
	    !t->tags) {
		timeline_free(t);
		return NULL;
	}
	return t;
}

void timeline_free(struct timeline *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < PENDING_STAGES; i++) {
		while (t->request[i].first)
			open_request_free(open_request_pop(&t->request[i]));
		for (struct upturn *u; (u = t->provider[i].first);) {
			upturn_unqueue(&t->provider[i], u);
			upturn_free(u);
		}
	}
	for (struct upturn *u; (u = t->held.first);) {
		upturn_unqueue(&t->held, u);
		upturn_free(u);
	}
	order_fini(&t->order);
	map_free(t->tags);
	conns_fini(&t->conns);
	spares_fini(&t->upturns);
	spares_fini(&t->requests);
	threads_fini(&t->threads);
	free(t->chunk);
	free(t->gaps.gap);
	free(t);
}

static uint64_t before(uint64_t now_ns, uint64_t delay_ns)
{
	return now_ns > delay_ns ? now_ns - delay_ns : 0;
}

void timeline_trim(struct timeline *t, struct conn *c)
{
	uint64_t used_ns = before(t->now_ns, t->stage_ns[0]), unused_ns = before(t->now_ns, 2 * t->config.grace_ns);
	bool server = c->info.side == WIRE_SIDE_SERVER;
	uint64_t in_pos, out_pos;

	c->untrimmed = 0;
	conn_keep_from(c, &in_pos, &out_pos);
	for (unsigned i = 0; i < WIRE_LANES; i++)
		t->stats.evicted += lane_trim(&c->lane[i], i == WIRE_LANE_OUT ? out_pos : in_pos, used_ns, unused_ns);
	/* a provider logs what it wrote, a driver what it received */
	uint64_t used_pos = c->lane[server ? WIRE_LANE_OUT : WIRE_LANE_IN].used_pos, keep_pos = server ? out_pos : in_pos;
	used_pos = used_pos < keep_pos ? used_pos : keep_pos;
	while (c->events.head < c->events.end && c->events.event[c->events.head].pos <= used_pos &&
	       c->events.event[c->events.head].time_ns < used_ns)
		c->events.head++;
}

static void http2_forget(struct conn *c, struct open_request *q)
{
	for (struct open_request **at = &c->http2; *at; at = &(*at)->http2_next) {
		if (*at == q) {
			*at = q->http2_next;
			return;
		}
	}
}

/* All of a tag's turns are cut, and one of them explains the answer. */
static bool tagged_complete(const struct open_request *q, const struct upturn *u)
{
	bool answered = false;

	if (!u)
		return false;
	for (; u; u = u->next) {
		if (u->state != UPTURN_DONE)
			return false;
		answered |= u->t8 && (!q->r.http_status || u->p.http_status == q->r.http_status);
	}
	return answered;
}

/* Has a tag of this class ever reached the provider? Then a turn without one is not this request's. */
static bool joins_by_order(const struct timeline *t, const struct open_request *q)
{
	if (!(q->r.flags & RECORD_TAGGED))
		return true;
	return !(t->classes_tagged & UINT64_C(1) << (q->r.class_index < 63 ? q->r.class_index : 63));
}

static bool not_upstream(void *ctx, const struct upturn *u)
{
	const struct timeline *t = ctx;

	if (u->ours)
		return false;
	/* with a provider of ours, other peers are side calls */
	return t->config.provider_is_ours || !upturn_is_foreign(ctx, u);
}

/* Tries to hand a request out; *done is false when parts are missing that may still come. */
static int request_try(struct timeline *t, struct open_request *q, bool final, bool *done)
{
	const struct upturn *tagged = q->r.id ? map_get(t->tags, q->r.id) : NULL;
	struct inbound in = {0};
	int rc = 0;

	*done = true;
	if (!q->attach) {
		inbound_find(t, q, &in);
		bool ready = inbound_ready(&in), http2 = q->r.flags & RECORD_HTTP2;
		if (ready && tagged_complete(q, tagged) && !http2)
			return whole_emit(t, q, &in);
		bool by_order = !tagged && joins_by_order(t, q);
		if (by_order && !q->ordered && (ready || final) && inbound_order(&in, q))
			rc = order_add_request(&t->order, q);
		else if (!by_order)
			order_remove_request(&t->order, q);
	}
	*done = final;
	if (rc || !final)
		return rc;
	if (q->ordered)
		order_decide(&t->order, q, not_upstream, t);
	if (q->r.flags & RECORD_HTTP2 && in.driver)
		http2_forget(in.driver, q);
	return whole_emit(t, q, &in);
}

/* Attach: a request that is not answered yet and whose connection lives is still running. */
static bool request_runs(const struct timeline *t, const struct open_request *q)
{
	const struct conn *c = q->attach ? conns_find(&t->conns, q->in.conn) : NULL;

	return c && !c->closed && !q->in.t9 && q->in.flags & WIRE_TURN_STILL_OPEN;
}

static int requests_run(struct timeline *t, unsigned stage, uint64_t now_ns, bool finish)
{
	struct request_queue *f = &t->request[stage];
	bool final = stage == PENDING_STAGES - 1, done;
	int rc = 0;

	for (uint64_t n = f->count; n && f->first && !rc; n--) {
		if (!finish && f->first->base_ns + t->stage_ns[stage] > now_ns) {
			if (!f->first->moved)
				break;
			f->first->moved = false; /* a later snapshot moved its end: it waits at the back */
			open_request_push(f, open_request_pop(f));
			continue;
		}
		struct open_request *q = open_request_pop(f);
		if (!finish && final && request_runs(t, q)) {
			q->base_ns = now_ns;
			open_request_push(f, q);
			continue;
		}
		rc = request_try(t, q, final, &done);
		if (!done)
			open_request_push(&t->request[stage + 1], q);
	}
	return rc;
}

/* A record that is complete waits for its request: under its tag, or among those that are joined by order. */
static int upturn_keep(struct timeline *t, struct upturn *u)
{
	if (u->p.tag) {
		u->queue = PENDING_STAGES;
		upturn_push(&t->held, u);
		return 0;
	}
	int rc = order_add_turn(&t->order, u);
	if (rc)
		upturn_free(u);
	return rc;
}

static int providers_run(struct timeline *t, unsigned stage, uint64_t now_ns, bool finish)
{
	struct upturn_queue *f = &t->provider[stage];
	bool final = stage == PENDING_STAGES - 1;
	int rc = 0;

	while (f->first && !rc && (finish || f->first->base_ns + t->stage_ns[stage] <= now_ns)) {
		struct upturn *u = f->first;
		upturn_unqueue(f, u);
		if (upturn_harvest(t, u, final, &rc)) {
			int kept = upturn_keep(t, u);
			rc = rc ? rc : kept;
		} else {
			u->queue = (uint8_t)(stage + 1);
			upturn_push(&t->provider[stage + 1], u);
		}
	}
	return rc;
}

static void tag_forget(struct timeline *t, const struct upturn *u)
{
	struct upturn *head = map_get(t->tags, u->p.tag);

	if (head == u) {
		if (u->next)
			(void)map_put(t->tags, u->p.tag, u->next); /* replaces: needs no memory */
		else
			map_remove(t->tags, u->p.tag);
		return;
	}
	while (head->next != u)
		head = head->next;
	head->next = u->next;
}

static void turn_dropped(struct timeline *t, const struct upturn *u)
{
	if (u->ours)
		t->stats.provider_unclaimed++;
	else if (!t->config.provider_is_ours)
		t->stats.evicted++;
}

static void held_expire(struct timeline *t, uint64_t now_ns, bool finish)
{
	for (struct upturn *u; (u = t->held.first);) {
		uint64_t limit = t->held.count > HELD_MAX ? 2 * t->config.grace_ns : HELD_NS;
		if (!finish && u->base_ns + limit > now_ns)
			break;
		upturn_unqueue(&t->held, u);
		tag_forget(t, u);
		upturn_free(u);
		t->stats.provider_unclaimed++;
	}
}

/* Side calls are only counted while they run; upstream turns may belong to a request that still runs, up to a bound. */
static bool turn_may_go(void *ctx, const struct upturn *u)
{
	struct timeline *t = ctx;
	bool side_call = t->config.provider_is_ours && !u->ours;

	if (!side_call && t->order.undecided <= TURNS_MAX)
		return false;
	turn_dropped(t, u);
	return true;
}

static bool turn_goes(void *ctx, const struct upturn *u)
{
	turn_dropped(ctx, u);
	return true;
}

static void sweep(struct timeline *t, uint64_t now_ns)
{
	uint64_t old_ns = before(now_ns, 2 * t->config.grace_ns);

	t->sweep_ns = now_ns + SWEEP_EVERY_NS;
	for (struct conn *c = t->conns.open.first, *next; c; c = next) {
		next = c->next;
		timeline_trim(t, c);
		conn_fit(c);
		/* named by a late record of a connection that has been forgotten, or its CONN was lost */
		if (!c->known && c->touched_ns < old_ns)
			conns_close(&t->conns, c, now_ns, now_ns);
	}
	t->stats.evicted += conns_expire(&t->conns, now_ns);
	held_expire(t, now_ns, false);
	order_expire(&t->order, old_ns, turn_may_go, t);
	threads_trim(&t->threads, before(now_ns, HISTORY_NS));
	spares_fit(&t->upturns);
	spares_fit(&t->requests);
}

static int run(struct timeline *t, uint64_t now_ns, bool finish)
{
	int rc = 0;

	for (unsigned i = 0; i < PENDING_STAGES && !rc; i++)
		rc = providers_run(t, i, now_ns, finish);
	for (unsigned i = 0; i < PENDING_STAGES && !rc; i++)
		rc = requests_run(t, i, now_ns, finish);
	return rc;
}

int timeline_tick(struct timeline *t, uint64_t now_ns)
{
	if (now_ns > t->now_ns)
		t->now_ns = now_ns;
	threads_settle(&t->threads);
	int rc = run(t, t->now_ns, false);
	t->stats.threads = t->threads.stats;
	if (!rc && t->now_ns >= t->sweep_ns)
		sweep(t, t->now_ns);
	return rc;
}

int timeline_finish(struct timeline *t)
{
	threads_settle(&t->threads);
	int rc = run(t, t->now_ns, true);

	t->stats.threads = t->threads.stats;
	held_expire(t, t->now_ns, true);
	order_expire(&t->order, UINT64_MAX, turn_goes, t);
	return rc;
}

const struct timeline_stats *timeline_stats(const struct timeline *t)
{
	return &t->stats;
}

const struct threads *timeline_threads(const struct timeline *t)
{
	return &t->threads;
}

unsigned timeline_foreign_ports(const struct timeline *t, uint16_t *local_ports, unsigned max)
{
	unsigned n = t->foreign_ports < max ? t->foreign_ports : max;

	memcpy(local_ports, t->foreign_port, n * sizeof(*local_ports));
	return n;
}
