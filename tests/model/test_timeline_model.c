// rooms: base record timeline tests/support/wires
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Simulated connections and requests, whose records arrive late and mixed up, though never out of order within one end. Each request must
 * come out exactly once, with exactly the marks that were simulated, wherever the kernel happened to cut its turns.
 */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"
#include "tests/support/wires.h"
#include "timeline/internal.h"

#define REQUESTS 6000u
#define INBOUND 12u
#define UPSTREAM_MAX 64u
#define PIECES_MAX 4u
#define ATTEMPTS_MAX 3u
#define MS UINT64_C(1000000)

struct item {
	uint64_t when, sequence;
	enum { ITEM_WIRE, ITEM_REQUEST, ITEM_PROVIDER } type;
	uint32_t bytes;
	union {
		struct wire_marks marks;
		struct wire_turn turn;
		struct wire_conn conn;
		struct wire_close close;
		struct record_request request;
		struct record_provider provider;
	} u;
};

struct expected_turn {
	uint64_t t4, t4_last, t5, t5_last, t6, t6_last, t7, t7_last, t8, t8_last;
	uint32_t gaps;
};

struct expected {
	uint64_t t1, t2, t2_last, t3, t3_last, t9, t9_last, t10, t11;
	uint32_t gaps, turns;
	struct expected_turn turn[ATTEMPTS_MAX];
	unsigned seen;
};

struct pair {
	struct end client, server;
	uint64_t client_when, server_when; /* records of one end keep their order */
	uint64_t free_at;
	uint16_t port;
	unsigned used;
};

struct world {
	struct rng rng;
	struct item *item;
	size_t items, size;
	struct pair inbound[INBOUND], upstream[UPSTREAM_MAX];
	unsigned upstreams;
	uint64_t cookie, now;
	struct expected expected[REQUESTS + 1];
	struct timeline *t;
	unsigned got;
};

static struct item *item_add(struct world *w, uint64_t event_ns, uint64_t *not_before, uint64_t delay_max)
{
	if (w->items == w->size) {
		w->size = w->size ? 2 * w->size : 1024;
		w->item = realloc(w->item, w->size * sizeof(*w->item));
		assert_non_null(w->item);
	}
	struct item *i = &w->item[w->items];
	memset(i, 0, sizeof(*i));
	i->sequence = w->items++;
	i->when = event_ns + rng_below(&w->rng, delay_max);
	if (not_before && i->when < *not_before)
		i->when = *not_before;
	if (not_before)
		*not_before = i->when;
	return i;
}

static struct pair *pair_of(struct world *w, const struct end *e, bool *client)
{
	for (unsigned i = 0; i < INBOUND + w->upstreams; i++) {
		struct pair *p = i < INBOUND ? &w->inbound[i] : &w->upstream[i - INBOUND];
		*client = e == &p->client;
		if (*client || e == &p->server)
			return p;
	}
	return NULL;
}

/* What feeds an end's records into the list. */
struct feeder {
	struct world *world;
	struct end *end;
};
static struct feeder feeders[2 * (INBOUND + UPSTREAM_MAX)];

static void collect(void *ctx, const void *record, uint32_t bytes)
{
	struct feeder *f = ctx;
	bool client;
	struct pair *p = pair_of(f->world, f->end, &client);
	struct item *i = item_add(f->world, f->world->now, client ? &p->client_when : &p->server_when, 1200 * MS);

	i->type = ITEM_WIRE;
	i->bytes = bytes;
	memcpy(&i->u, record, bytes);
}

static void pair_open(struct world *w, struct pair *p, unsigned index, bool inbound, uint64_t ns)
{
	const struct tuple_text tuple = {"127.0.0.1", p->port, "127.0.0.1", inbound ? 8080 : 9000};

	for (unsigned i = 0; i < 2; i++) {
		struct end *e = i ? &p->server : &p->client;
		feeders[2 * index + i] = (struct feeder){w, e};
		e->feed = collect;
		e->ctx = &feeders[2 * index + i];
	}
	w->now = ns;
	end_open(&p->client, NULL, ++w->cookie, inbound ? WIRE_ROLE_DRIVER : WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, &tuple, 1,
		 ns - 50, ns);
	end_open(&p->server, NULL, ++w->cookie, inbound ? WIRE_ROLE_GATEWAY : WIRE_ROLE_PROVIDER, WIRE_SIDE_SERVER, &tuple, 1,
		 ns + 5, ns + 5);
	p->used = 0;
}

/* Bytes in pieces through one direction: sent by `from`, readable and read at `to`. Times of first and last, and how often `to` starved. */
struct flow {
	uint64_t sent, sent_last, readable, readable_last, read, read_last;
	uint32_t gaps;
};

static struct flow flow_bytes(struct world *w, struct end *from, struct end *to, uint64_t bytes, uint64_t at)
{
	unsigned pieces = 1 + (unsigned)rng_below(&w->rng, bytes < PIECES_MAX ? bytes : PIECES_MAX);
	struct flow f = {0};
	uint64_t read = 0;

	for (unsigned i = 0; i < pieces; i++) {
		uint64_t n = i + 1 == pieces ? bytes : 1 + rng_below(&w->rng, bytes - (pieces - i) + 1);
		bytes -= n;
		at += 1 + rng_below(&w->rng, 40000);
		uint64_t readable = at + 2;
		f.gaps += i && read < readable;
		read = (read > readable ? read : readable) + 1 + rng_below(&w->rng, 20000);
		end_mark(from, WIRE_LANE_OUT, n, at, 11);
		end_mark(to, WIRE_LANE_IN, n, readable, 0);
		end_mark(to, WIRE_LANE_READ, n, read, 22);
		if (i == 0) {
			f.sent = at;
			f.readable = readable;
			f.read = read;
		}
		f.sent_last = at;
		f.readable_last = readable;
		f.read_last = read;
		w->now = read;
		/* the kernel may cut anywhere, and take snapshots */
		if (rng_below(&w->rng, 8) == 0)
			end_turn(from, rng_below(&w->rng, 2) ? WIRE_TURN_STILL_OPEN : 0);
		if (rng_below(&w->rng, 8) == 0)
			end_turn(to, rng_below(&w->rng, 2) ? WIRE_TURN_STILL_OPEN : 0);
	}
	return f;
}

static void pair_turn(struct world *w, struct pair *p)
{
	p->used++;
	end_turn(&p->client, rng_below(&w->rng, 4) ? 0 : WIRE_TURN_STILL_OPEN);
	end_turn(&p->server, rng_below(&w->rng, 4) ? 0 : WIRE_TURN_STILL_OPEN);
}

static struct pair *upstream_at(struct world *w, uint64_t at)
{
	for (unsigned i = 0; i < w->upstreams; i++) {
		struct pair *p = &w->upstream[i];
		if (p->free_at >= at)
			continue;
		if (rng_below(&w->rng, 20) == 0 && p->free_at + 5 * MS < at) {
			/* closed and opened again with the same addresses and ports: another cookie */
			w->now = p->free_at + MS;
			end_turn(&p->client, 0);
			end_turn(&p->server, 0);
			end_close(&p->client, w->now);
			end_close(&p->server, w->now);
			pair_open(w, p, INBOUND + i, false, at - 100);
		}
		return p;
	}
	assert_true(w->upstreams < UPSTREAM_MAX);
	struct pair *p = &w->upstream[w->upstreams++];
	p->port = (uint16_t)(50000 + w->upstreams);
	pair_open(w, p, INBOUND + w->upstreams - 1, false, at - 100);
	return p;
}

static uint64_t attempt(struct world *w, uint64_t id, uint64_t at, bool last, struct expected_turn *e)
{
	struct pair *p = upstream_at(w, at);
	uint64_t in = p->client.pos[WIRE_LANE_OUT], out = p->server.pos[WIRE_LANE_OUT];
	struct flow f = flow_bytes(w, &p->client, &p->server, 1 + rng_below(&w->rng, 900), at);
	uint64_t hold = rng_below(&w->rng, 10 * MS);
	struct flow b = flow_bytes(w, &p->server, &p->client, 1 + rng_below(&w->rng, 900), f.read_last + hold);

	*e = (struct expected_turn){f.sent,     f.sent_last,     f.readable, f.readable_last, b.sent, b.sent_last,
				    b.readable, b.readable_last, b.read,     b.read_last,     b.gaps};
	p->free_at = b.read_last;
	struct item *i = item_add(w, b.sent_last, NULL, 240 * MS);
	i->type = ITEM_PROVIDER;
	i->u.provider = (struct record_provider){.tag = id,
						 .conn = p->server.cookie,
						 .in_start_pos = in,
						 .in_end_pos = p->client.pos[WIRE_LANE_OUT],
						 .out_start_pos = out,
						 .out_end_pos = p->server.pos[WIRE_LANE_OUT],
						 .request_first_ns = f.read,
						 .request_last_ns = f.read_last,
						 .answer_first_ns = b.sent,
						 .answer_last_ns = b.sent_last,
						 .http_status = last ? 200 : 500};
	w->now = b.read_last;
	pair_turn(w, p);
	return b.read_last;
}

static void request(struct world *w, struct pair *p, uint64_t id)
{
	struct expected *e = &w->expected[id];
	uint64_t out = p->client.pos[WIRE_LANE_OUT], in = p->client.pos[WIRE_LANE_IN],
		 due = p->free_at + rng_below(&w->rng, 30 * MS);
	struct flow f = flow_bytes(w, &p->client, &p->server, 1 + rng_below(&w->rng, 900), due);
	uint64_t at = f.read_last;

	e->turns = (uint32_t)rng_below(&w->rng, ATTEMPTS_MAX + 1);
	for (uint32_t i = 0; i < e->turns; i++)
		at = attempt(w, id, at + 1 + rng_below(&w->rng, 90000), i + 1 == e->turns, &e->turn[i]);
	struct flow b = flow_bytes(w, &p->server, &p->client, 1 + rng_below(&w->rng, 900), at);
	e->t1 = f.sent;
	e->t2 = f.readable;
	e->t2_last = f.readable_last;
	e->t3 = f.read;
	e->t3_last = f.read_last;
	e->gaps = f.gaps;
	e->t9 = b.sent;
	e->t9_last = b.sent_last;
	e->t10 = b.readable;
	e->t11 = b.readable_last;
	p->free_at = b.read_last;
	struct item *i = item_add(w, b.read_last, NULL, 240 * MS);
	i->type = ITEM_REQUEST;
	i->u.request = (struct record_request){.id = id,
					       .http_status = 200,
					       .flags = RECORD_TAGGED | RECORD_POSITIONS | RECORD_CONN_REUSED,
					       .due_ns = due,
					       .sent_ns = due,
					       .end_ns = b.read_last,
					       .conn = p->client.cookie,
					       .out_start_pos = out,
					       .out_end_pos = p->client.pos[WIRE_LANE_OUT],
					       .in_start_pos = in,
					       .in_end_pos = p->client.pos[WIRE_LANE_IN]};
	w->now = b.read_last;
	pair_turn(w, p);
}

static void simulate(struct world *w)
{
	for (unsigned i = 0; i < INBOUND; i++) {
		w->inbound[i].port = (uint16_t)(40000 + i);
		w->inbound[i].free_at = 1000 * MS + rng_below(&w->rng, 50 * MS);
		pair_open(w, &w->inbound[i], i, true, w->inbound[i].free_at);
	}
	for (uint64_t id = 1; id <= REQUESTS; id++) {
		struct pair *next = &w->inbound[0];
		for (unsigned i = 1; i < INBOUND; i++)
			if (w->inbound[i].free_at < next->free_at)
				next = &w->inbound[i];
		request(w, next, id);
	}
	for (unsigned i = 0; i < INBOUND + w->upstreams; i++) {
		struct pair *p = i < INBOUND ? &w->inbound[i] : &w->upstream[i - INBOUND];
		w->now = p->free_at;
		end_turn(&p->client, 0);
		end_turn(&p->server, 0);
	}
}

static void check(void *ctx, const struct whole_request *q)
{
	struct world *w = ctx;
	struct expected *e = &w->expected[q->driver.id];

	w->got++;
	assert_int_equal(e->seen++, 0);
	assert_string_equal(timeline_unmatched_name((enum timeline_unmatched)q->unmatched), "matched");
	assert_int_equal(q->t1, e->t1);
	assert_int_equal(q->t2, e->t2);
	assert_int_equal(q->t2_last, e->t2_last);
	assert_int_equal(q->t3, e->t3);
	assert_int_equal(q->t3_last, e->t3_last);
	assert_int_equal(q->t9, e->t9);
	assert_int_equal(q->t9_last, e->t9_last);
	assert_int_equal(q->t10, e->t10);
	assert_int_equal(q->t11, e->t11);
	assert_int_equal(q->gaps, e->gaps);
	assert_int_equal(q->upstreams, e->turns);
	assert_int_equal(q->cache_hit, e->turns == 0);
	assert_false(q->order_violation);
	assert_false(q->inexact);
	for (uint32_t i = 0; i < e->turns; i++) {
		const struct whole_upstream *u = &q->upstream[i];
		const struct expected_turn *x = &e->turn[i];
		const uint64_t got[] = {u->t4,      u->t4_last, u->t5,      u->t5_last, u->t6,
					u->t6_last, u->t7,      u->t7_last, u->t8,      u->t8_last};
		const uint64_t wanted[] = {x->t4,      x->t4_last, x->t5,      x->t5_last, x->t6,
					   x->t6_last, x->t7,      x->t7_last, x->t8,      x->t8_last};
		assert_memory_equal(got, wanted, sizeof(got));
		assert_int_equal(u->gaps, x->gaps);
		assert_int_equal(u->answered, i + 1 == e->turns);
	}
}

static int by_time(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* What is held: entries of lanes, things that wait. */
static size_t footprint(const struct timeline *t)
{
	size_t n = t->held.count + map_count(t->tags) + t->order.undecided;
	const struct conn_list *const list[] = {&t->conns.open, &t->conns.closed};

	for (unsigned i = 0; i < PENDING_STAGES; i++)
		n += t->request[i].count + t->provider[i].count;
	for (unsigned i = 0; i < 2; i++)
		for (const struct conn *c = list[i]->first; c; c = c->next)
			for (unsigned k = 0; k < WIRE_LANES; k++)
				n += c->lane[k].mark_size + c->lane[k].segment_size;
	return n;
}

static void feed_item(struct world *w, const struct item *i)
{
	int rc = i->type == ITEM_WIRE      ? timeline_wire(w->t, &i->u, i->bytes)
		 : i->type == ITEM_REQUEST ? timeline_request(w->t, &i->u.request)
					   : timeline_provider(w->t, &i->u.provider);

	assert_int_equal(rc, 0);
}

static void test_every_request_once_with_its_marks(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct timeline_config config = {.provider_is_ours = true, .whole = check, .ctx = w};
	size_t early = 0, late = 0;

	(void)state;
	rng_init(&w->rng, test_seed(), 0);
	simulate(w);
	qsort(w->item, w->items, sizeof(*w->item), by_time);
	w->t = timeline_new(&config);
	for (size_t i = 0; i < w->items; i++) {
		feed_item(w, &w->item[i]);
		if (i % 16)
			continue;
		assert_int_equal(timeline_tick(w->t, w->item[i].when), 0);
		size_t now = footprint(w->t);
		if (i < w->items / 2)
			early = now > early ? now : early;
		else
			late = now > late ? now : late;
	}
	assert_int_equal(timeline_finish(w->t), 0);
	assert_int_equal(w->got, REQUESTS);
	const struct timeline_stats *s = timeline_stats(w->t);
	assert_int_equal(s->requests, REQUESTS);
	assert_int_equal(s->whole, REQUESTS);
	assert_int_equal(s->provider_unclaimed, 0);
	assert_int_equal(s->evicted, 0);
	/* twice the run does not hold twice as much */
	assert_in_range(late, 0, early + early / 2);
	timeline_free(w->t);
	free(w->item);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_request_once_with_its_marks)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
