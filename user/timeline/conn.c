// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* A pair in two network namespaces (veth) is as good as one in the same namespace whose connect times are this far apart. */
#define CONN_NETNS_PENALTY_NS NS_PER_S
#define EVENTS_FIRST 32
#define EVENTS_SHRINK 8 /* room this many times larger than the events in it gives half back */

int conns_init(struct conns *s)
{
	*s = (struct conns){.by_cookie = map_new(), .by_tuple = map_new()};
	return s->by_cookie && s->by_tuple ? 0 : -ENOMEM;
}

static void list_append(struct conn_list *l, struct conn *c)
{
	c->prev = l->last;
	c->next = NULL;
	*(l->last ? &l->last->next : &l->first) = c;
	l->last = c;
}

static void list_remove(struct conn_list *l, struct conn *c)
{
	*(c->prev ? &c->prev->next : &l->first) = c->next;
	*(c->next ? &c->next->prev : &l->last) = c->prev;
}

static void conn_free(struct conn *c)
{
	for (unsigned i = 0; i < WIRE_LANES; i++)
		lane_fini(&c->lane[i]);
	free(c->events.event);
	free(c);
}

static void list_free(struct conn_list *l)
{
	for (struct conn *c = l->first, *next; c; c = next) {
		next = c->next;
		conn_free(c);
	}
}

void conns_fini(struct conns *s)
{
	list_free(&s->open);
	list_free(&s->closed);
	map_free(s->by_cookie);
	map_free(s->by_tuple);
	*s = (struct conns){0};
}

struct conn *conns_find(const struct conns *s, uint64_t cookie)
{
	return map_get(s->by_cookie, cookie);
}

struct conn *conns_get(struct conns *s, uint64_t cookie)
{
	struct conn *c = map_get(s->by_cookie, cookie);

	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->cookie = cookie;
	if (map_put(s->by_cookie, cookie, c)) {
		free(c);
		return NULL;
	}
	list_append(&s->open, c);
	return c;
}

/* The connection as its client names it. */
struct tuple {
	uint8_t client_addr[16], server_addr[16];
	uint16_t client_port, server_port;
	uint32_t reserved;
};

static struct tuple conn_tuple(const struct conn *c)
{
	bool client = c->info.side == WIRE_SIDE_CLIENT;
	struct tuple t = {.client_port = client ? c->info.local_port : c->info.peer_port,
			  .server_port = client ? c->info.peer_port : c->info.local_port};

	memcpy(t.client_addr, client ? c->info.local_addr : c->info.peer_addr, sizeof(t.client_addr));
	memcpy(t.server_addr, client ? c->info.peer_addr : c->info.local_addr, sizeof(t.server_addr));
	return t;
}

static uint64_t tuple_hash(const struct tuple *t)
{
	uint64_t word[sizeof(*t) / 8], h = 0;

	_Static_assert(sizeof(*t) % 8 == 0, "hashed in words");
	memcpy(word, t, sizeof(word));
	for (unsigned i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		h = (h ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15); /* Fibonacci hashing: Knuth, vol. 3, 6.4 */
		h ^= h >> 29;
	}
	return h;
}

static void tuple_unlink(struct conns *s, struct conn *c)
{
	struct tuple t = conn_tuple(c);
	uint64_t hash = tuple_hash(&t);
	struct conn *head = map_get(s->by_tuple, hash);

	if (head != c) {
		while (head->tuple_next != c)
			head = head->tuple_next;
		head->tuple_next = c->tuple_next;
	} else if (c->tuple_next) {
		(void)map_put(s->by_tuple, hash, c->tuple_next); /* replaces: needs no memory */
	} else {
		map_remove(s->by_tuple, hash);
	}
}

void conns_close(struct conns *s, struct conn *c, uint64_t close_ns, uint64_t drop_ns)
{
	if (c->closed)
		return;
	c->closed = true;
	c->close_ns = close_ns;
	c->drop_ns = drop_ns;
	list_remove(&s->open, c);
	list_append(&s->closed, c);
}

/* When it began; for an end found open, the time before which it began. */
static uint64_t conn_birth(const struct conn *c)
{
	return c->info.established_ns ? c->info.established_ns : c->info.h.time_ns;
}

int conns_open(struct conns *s, struct conn *c, const struct wire_conn *info, uint64_t grace_ns)
{
	if (c->known)
		return 0;
	c->info = *info;
	struct tuple t = conn_tuple(c);
	uint64_t hash = tuple_hash(&t);
	c->tuple_next = map_get(s->by_tuple, hash);
	if (map_put(s->by_tuple, hash, c)) {
		c->tuple_next = NULL;
		return -ENOMEM;
	}
	c->known = true;
	for (struct conn *o = c->tuple_next; o; o = o->tuple_next) {
		const struct tuple same = conn_tuple(o);
		if (o->info.side != info->side || o->info.netns != info->netns || memcmp(&same, &t, sizeof(t)) != 0)
			continue;
		/* two live sockets can't have one place: the CLOSE of the older one was lost, or comes late */
		struct conn *older = conn_birth(o) < conn_birth(c) ? o : c, *newer = older == o ? c : o;
		conns_close(s, older, conn_birth(newer), newer->info.h.time_ns + grace_ns);
	}
	return 1;
}

static void conn_drop(struct conns *s, struct conn *c)
{
	while (c->requests)
		conn_done_request(c, c->requests);
	while (c->upturns)
		conn_done_upturn(c, c->upturns);
	if (c->known)
		tuple_unlink(s, c);
	if (c->peer) {
		c->peer->peer = NULL;
		c->peer->peer_gone = true;
	}
	map_remove(s->by_cookie, c->cookie);
	list_remove(&s->closed, c);
	conn_free(c);
}

unsigned conns_expire(struct conns *s, uint64_t now_ns)
{
	unsigned unused = 0;

	while (s->closed.first && s->closed.first->drop_ns <= now_ns) {
		for (unsigned i = 0; i < WIRE_LANES; i++) {
			const struct lane *l = &s->closed.first->lane[i];
			unused += l->used_pos ? 0 : l->segment_end - l->segment_head;
		}
		conn_drop(s, s->closed.first);
	}
	return unused;
}

/* How far apart two ends are, as a distance in time; UINT64_MAX: they can't be one connection. */
static uint64_t conn_distance(const struct conn *a, const struct conn *b)
{
	bool a_open = !a->info.established_ns, b_open = !b->info.established_ns;
	uint64_t ta = conn_birth(a), tb = conn_birth(b), d;

	if ((a->closed && a->close_ns < tb) || (b->closed && b->close_ns < ta))
		return UINT64_MAX;
	if ((a_open && !b_open && tb > ta) || (b_open && !a_open && ta > tb))
		return UINT64_MAX; /* found open before the other was made */
	d = a_open && b_open ? 0 : ta > tb ? ta - tb : tb - ta;
	return d + (a->info.netns == b->info.netns ? 0 : CONN_NETNS_PENALTY_NS);
}

static struct conn *conn_best(const struct conns *s, const struct conn *c)
{
	const struct tuple wanted = conn_tuple(c);
	uint64_t best = UINT64_MAX;
	struct conn *found = NULL;

	for (struct conn *o = map_get(s->by_tuple, tuple_hash(&wanted)); o; o = o->tuple_next) {
		if (o->info.side == c->info.side || o->peer || o->peer_gone)
			continue;
		const struct tuple t = conn_tuple(o);
		uint64_t d = memcmp(&t, &wanted, sizeof(t)) == 0 ? conn_distance(c, o) : UINT64_MAX;
		if (d < best) {
			best = d;
			found = o;
		}
	}
	return found;
}

struct conn *conns_peer(struct conns *s, struct conn *c)
{
	if (c->peer || c->peer_gone || !c->known)
		return c->peer;
	struct conn *best = conn_best(s, c);
	if (!best || conn_best(s, best) != c)
		return NULL;
	c->peer = best;
	best->peer = c;
	return best;
}

void conns_prefetch(const struct conn *a, const struct conn *b)
{
	for (unsigned i = 0; i < WIRE_LANES; i++) {
		if (a)
			lane_prefetch(&a->lane[i]);
		if (b)
			lane_prefetch(&b->lane[i]);
	}
}

bool conn_is_inbound(const struct conn *c)
{
	return c->known && c->info.role == WIRE_ROLE_GATEWAY && c->info.side == WIRE_SIDE_SERVER &&
	       !(c->peer && c->peer->info.role == WIRE_ROLE_GATEWAY);
}

void conn_wait_request(struct conn *c, struct open_request *q)
{
	struct open_request *before = c->requests_last;

	while (before && before->r.out_start_pos > q->r.out_start_pos)
		before = before->wait_prev;
	q->waits = true;
	q->wait_prev = before;
	q->wait_next = before ? before->wait_next : c->requests;
	*(before ? &before->wait_next : &c->requests) = q;
	*(q->wait_next ? &q->wait_next->wait_prev : &c->requests_last) = q;
}

void conn_done_request(struct conn *c, struct open_request *q)
{
	if (!q->waits || !c)
		return;
	q->waits = false;
	*(q->wait_prev ? &q->wait_prev->wait_next : &c->requests) = q->wait_next;
	*(q->wait_next ? &q->wait_next->wait_prev : &c->requests_last) = q->wait_prev;
}

void conn_wait_upturn(struct conn *c, struct upturn *u)
{
	struct upturn *before = c->upturns_last;

	while (before && before->p.in_start_pos > u->p.in_start_pos)
		before = before->wait_prev;
	u->waits = true;
	u->wait_prev = before;
	u->wait_next = before ? before->wait_next : c->upturns;
	*(before ? &before->wait_next : &c->upturns) = u;
	*(u->wait_next ? &u->wait_next->wait_prev : &c->upturns_last) = u;
}

void conn_done_upturn(struct conn *c, struct upturn *u)
{
	if (!u->waits || !c)
		return;
	u->waits = false;
	*(u->wait_prev ? &u->wait_prev->wait_next : &c->upturns) = u->wait_next;
	*(u->wait_next ? &u->wait_next->wait_prev : &c->upturns_last) = u->wait_prev;
}

void conn_keep_from(const struct conn *c, uint64_t *in_pos, uint64_t *out_pos)
{
	const struct conn *peer = c->peer;

	*in_pos = *out_pos = UINT64_MAX;
	if (c->requests) {
		*in_pos = c->requests->r.in_start_pos;
		*out_pos = c->requests->r.out_start_pos;
	} else if (peer && peer->requests) {
		*in_pos = peer->requests->r.out_start_pos;
		*out_pos = peer->requests->r.in_start_pos;
	} else if (c->upturns) {
		*in_pos = c->upturns->p.in_start_pos;
		*out_pos = c->upturns->p.out_start_pos;
	} else if (peer && peer->upturns) {
		*in_pos = peer->upturns->p.out_start_pos;
		*out_pos = peer->upturns->p.in_start_pos;
	}
}

int conn_events_add(struct conn_events *e, const struct record_event *event, uint32_t count)
{
	uint32_t used = e->end - e->head;

	if (e->head > 0 && count > e->size - e->end) {
		memmove(e->event, e->event + e->head, used * sizeof(*event));
		e->head = 0;
		e->end = used;
	}
	if (count > e->size - e->end) {
		uint32_t size = (used + count) * 2;
		struct record_event *grown = realloc(e->event, size * sizeof(*event));
		if (!grown)
			return -ENOMEM;
		e->event = grown;
		e->size = size;
	}
	/* batches may overtake each other: an insertion from the end keeps them by position */
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = e->end++;
		for (; at > e->head && e->event[at - 1].pos > event[i].pos; at--)
			e->event[at] = e->event[at - 1];
		e->event[at] = event[i];
	}
	return 0;
}

void conn_fit(struct conn *c)
{
	struct conn_events *e = &c->events;
	uint32_t used = e->end - e->head;

	for (unsigned i = 0; i < WIRE_LANES; i++)
		lane_fit(&c->lane[i]);
	if (e->size <= EVENTS_FIRST || used >= e->size / EVENTS_SHRINK)
		return;
	memmove(e->event, e->event + e->head, used * sizeof(*e->event));
	e->head = 0;
	e->end = used;
	struct record_event *less = realloc(e->event, e->size / 2 * sizeof(*e->event));
	if (!less)
		return;
	e->event = less;
	e->size /= 2;
}

/* First event whose pos > byte. */
static uint32_t event_after(const struct conn_events *e, uint64_t byte)
{
	uint32_t lo = e->head, hi = e->end;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (e->event[mid].pos > byte)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

uint32_t conn_events_in(const struct conn_events *e, uint64_t start_pos, uint64_t end_pos, const struct record_event **first)
{
	uint32_t from = event_after(e, start_pos), to = event_after(e, end_pos);

	*first = from < to ? &e->event[from] : NULL;
	return from < to ? to - from : 0; /* a defect record's end may lie before its start */
}
