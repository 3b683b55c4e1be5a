// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void order_fini(struct order *o)
{
	for (unsigned i = 0; i < ORDER_TIERS; i++)
		free(o->tier[i].at);
	for (size_t i = o->head; i < o->end; i++)
		upturn_free(o->turn[i].turn);
	free(o->turn);
	*o = (struct order){0};
}

/* Room for one more item behind `end`: decided and handed out ones at the front are slid over first. */
static int room(void **data, size_t *head, size_t *end, size_t *size, size_t item_bytes)
{
	size_t used = *end - *head;

	if (*end < *size)
		return 0;
	if (*head > 0 && *head >= used) {
		memmove(*data, (char *)*data + *head * item_bytes, used * item_bytes);
		*head = 0;
		*end = used;
		return 0;
	}
	size_t wanted = *size ? *size * 2 : 64;
	void *grown = realloc(*data, wanted * item_bytes);
	if (!grown)
		return -ENOMEM;
	*data = grown;
	*size = wanted;
	return 0;
}

static uint8_t tier_of(const struct open_request *q)
{
	if (!q->o.t9)
		return ORDER_TIERS - 1; /* not answered yet: its window has no end */
	uint64_t span = q->o.t9_last > q->o.t3 ? q->o.t9_last - q->o.t3 : 0;
	return span ? (uint8_t)(63 - __builtin_clzll(span)) : 0;
}

/* First entry with t3 >= from. */
static size_t tier_from(const struct order_tier *t, uint64_t from)
{
	size_t lo = t->head, hi = t->end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (t->at[mid].t3 >= from)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

int order_add_request(struct order *o, struct open_request *q)
{
	q->o.tier = tier_of(q);
	struct order_tier *t = &o->tier[q->o.tier];
	int rc = room((void **)&t->at, &t->head, &t->end, &t->size, sizeof(*t->at));
	if (rc)
		return rc;
	size_t at = t->end;
	while (at > t->head && t->at[at - 1].t3 > q->o.t3) {
		t->at[at] = t->at[at - 1];
		at--;
	}
	t->at[at] = (struct order_request){q->o.t3, q};
	t->end++;
	q->ordered = true;
	return 0;
}

void order_remove_request(struct order *o, struct open_request *q)
{
	struct order_tier *t = &o->tier[q->o.tier];

	if (!q->ordered)
		return;
	for (size_t i = tier_from(t, q->o.t3); i < t->end; i++) {
		if (t->at[i].request == q) {
			t->at[i].request = NULL;
			break;
		}
	}
	while (t->head < t->end && !t->at[t->head].request)
		t->head++;
	q->ordered = false;
}

int order_add_turn(struct order *o, struct upturn *u)
{
	int rc = room((void **)&o->turn, &o->head, &o->end, &o->size, sizeof(*o->turn));

	if (rc)
		return rc;
	size_t at = o->end;
	while (at > o->head && o->turn[at - 1].sent_ns > u->sent_ns) {
		o->turn[at] = o->turn[at - 1];
		at--;
	}
	o->turn[at] = (struct order_turn){u->sent_ns, u};
	o->end++;
	o->undecided++;
	return 0;
}

/* The requests whose window holds a turn, as far as the decision needs them. */
struct candidates {
	unsigned count;
	struct open_request *only;
	unsigned senders; /* picked up by the thread that sent upstream */
	struct open_request *picked_last; /* ... last of them before it sent */
	/* ... before it connected: an event loop connects right after a pick-up, and sends when others have been picked up since */
	struct open_request *picked_connect;
	unsigned readers; /* answered by the thread that read the response */
	struct open_request *answered_next; /* first answer after the response's first byte ... */
	struct open_request *answered_whole; /* ... after its last byte: gateways that buffer */
};

/* early: also where the answer's head left before the response came (a heartbeat, an early head). */
static bool window_holds(const struct open_request *q, const struct upturn *u, bool early)
{
	if (q->o.t3 > u->sent_ns)
		return false;
	if (!q->o.t9)
		return true;
	if (q->o.t9 < u->sent_ns)
		return false;
	return !u->answer_ns || q->o.t9 >= u->answer_ns || (early && q->o.t9_last >= u->answer_ns);
}

static void candidate_add(struct candidates *c, struct open_request *q, const struct upturn *u)
{
	c->count++;
	c->only = q;
	if (u->sender_tid && q->o.reader_tid == u->sender_tid) {
		c->senders++;
		if (!c->picked_last || q->o.t3 > c->picked_last->o.t3)
			c->picked_last = q;
		if (q->o.t3 <= u->syn_ns && (!c->picked_connect || q->o.t3 > c->picked_connect->o.t3))
			c->picked_connect = q;
	}
	if (!u->reader_tid || q->o.sender_tid != u->reader_tid || !q->o.t9)
		return;
	if (q->o.t9 >= u->t8) {
		c->readers++;
		if (!c->answered_next || q->o.t9 < c->answered_next->o.t9)
			c->answered_next = q;
	}
	if (q->o.t9 >= u->t8_last && (!c->answered_whole || q->o.t9 < c->answered_whole->o.t9))
		c->answered_whole = q;
}

typedef void (*candidate_fn)(struct candidates *c, struct open_request *q, const struct upturn *u);

static void candidates_each(const struct order *o, const struct upturn *u, bool early, candidate_fn fn, struct candidates *c)
{
	uint64_t sent = u->sent_ns;

	for (unsigned i = 0; i < ORDER_TIERS; i++) {
		const struct order_tier *t = &o->tier[i];
		if (t->head == t->end)
			continue;
		/* a window of this tier is shorter than longest, so one that began earlier has ended */
		uint64_t longest = i < 62 ? UINT64_C(2) << i : UINT64_MAX;
		for (size_t at = tier_from(t, sent > longest ? sent - longest : 0); at < t->end && t->at[at].t3 <= sent; at++)
			if (t->at[at].request && window_holds(t->at[at].request, u, early))
				fn(c, t->at[at].request, u);
	}
}

static void candidates_find(const struct order *o, const struct upturn *u, struct candidates *c)
{
	*c = (struct candidates){0};
	candidates_each(o, u, false, candidate_add, c);
	if (!c->count)
		candidates_each(o, u, true, candidate_add, c);
}

static bool answers_too(const struct candidates *c, const struct open_request *picked)
{
	return picked && (picked == c->answered_next || picked == c->answered_whole);
}

/* The owner, or NULL: ambiguous, or none. */
static struct open_request *candidates_decide(const struct candidates *c, uint8_t *joined_by)
{
	*joined_by = TIMELINE_JOIN_THREAD;
	if (c->count == 1) {
		if (c->picked_last != c->only)
			*joined_by = TIMELINE_JOIN_ORDER;
		return c->only;
	}
	if (answers_too(c, c->picked_connect))
		return c->picked_connect;
	if (answers_too(c, c->picked_last))
		return c->picked_last;
	if (c->senders == 1 && c->readers == 0)
		return c->picked_last; /* a thread for each request */
	if (c->readers == 1 && c->senders == 0)
		return c->answered_next; /* handed to another thread on the way in, not on the way out */
	return NULL;
}

static void candidate_doubt(struct candidates *c, struct open_request *q, const struct upturn *u)
{
	(void)u;
	q->doubtful = true;
	if (q == c->picked_last || q == c->picked_connect || q == c->answered_next || q == c->answered_whole)
		q->ambiguous = true;
}

/* First turn with sent_ns >= from. */
static size_t turn_from(const struct order *o, uint64_t from)
{
	size_t lo = o->head, hi = o->end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (o->turn[mid].sent_ns >= from)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void turn_take(struct order *o, size_t at)
{
	o->turn[at].turn = NULL;
	o->undecided--;
	while (o->head < o->end && !o->turn[o->head].turn)
		o->head++;
}

static void turn_give(struct open_request *owner, struct upturn *u)
{
	struct upturn **at = &owner->turns;

	while (*at && (*at)->sent_ns <= u->sent_ns)
		at = &(*at)->next;
	u->next = *at;
	*at = u;
}

void order_decide(struct order *o, const struct open_request *q, bool (*skip)(void *ctx, const struct upturn *u), void *ctx)
{
	uint64_t to_ns = q->o.t9 ? q->o.t9_last : UINT64_MAX;

	for (size_t i = turn_from(o, q->o.t3); i < o->end && o->turn[i].sent_ns <= to_ns; i++) {
		struct upturn *u = o->turn[i].turn;
		struct candidates c;
		if (!u || !window_holds(q, u, true) || skip(ctx, u))
			continue;
		candidates_find(o, u, &c);
		struct open_request *owner = candidates_decide(&c, &u->joined_by);
		turn_take(o, i);
		if (owner) {
			turn_give(owner, u);
			continue;
		}
		candidates_each(o, u, true, candidate_doubt, &c);
		upturn_free(u);
	}
}

struct upturn *order_find_turn(const struct order *o, uint64_t sent_ns, uint64_t conn, uint32_t turn_of_conn)
{
	for (size_t i = turn_from(o, sent_ns); i < o->end && o->turn[i].sent_ns == sent_ns; i++) {
		struct upturn *u = o->turn[i].turn;
		if (u && u->conn == conn && u->turn_of_conn == turn_of_conn)
			return u;
	}
	return NULL;
}

unsigned order_count(const struct order *o, uint64_t from_ns, uint64_t to_ns, bool (*count)(void *ctx, const struct upturn *u),
		     void *ctx)
{
	unsigned n = 0;

	for (size_t i = turn_from(o, from_ns); i < o->end && o->turn[i].sent_ns <= to_ns; i++)
		n += o->turn[i].turn && count(ctx, o->turn[i].turn);
	return n;
}

void order_expire(struct order *o, uint64_t end_ns, bool (*drop)(void *ctx, const struct upturn *u), void *ctx)
{
	for (size_t i = o->head; i < o->end && o->turn[i].sent_ns < end_ns; i++) {
		struct upturn *u = o->turn[i].turn;
		if (!u || u->base_ns >= end_ns || !drop(ctx, u))
			continue;
		turn_take(o, i);
		upturn_free(u);
	}
}
