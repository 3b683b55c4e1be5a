// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/wires.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <string.h>

static void addr_of(const char *text, uint8_t out[16])
{
	struct in_addr v4;

	memset(out, 0, 16);
	if (inet_pton(AF_INET, text, &v4) == 1) {
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &v4, 4);
		return;
	}
	int ok = inet_pton(AF_INET6, text, out);
	assert(ok == 1);
	(void)ok;
}

static void feed(const struct end *e, const void *record, uint32_t bytes)
{
	if (e->feed)
		e->feed(e->ctx, record, bytes);
	else
		timeline_wire(e->t, record, bytes);
}

static struct wire_conn conn_record(const struct end *e, const struct tuple_text *tuple, uint32_t netns, uint64_t now_ns)
{
	struct wire_conn r = {.h = {.kind = WIRE_KIND_CONN, .size = sizeof(r), .time_ns = now_ns},
			      .conn = e->cookie,
			      .role = e->role,
			      .side = e->side,
			      .netns = netns};
	bool client = e->side == WIRE_SIDE_CLIENT;

	addr_of(tuple->client, client ? r.local_addr : r.peer_addr);
	addr_of(tuple->server, client ? r.peer_addr : r.local_addr);
	r.local_port = client ? tuple->client_port : tuple->server_port;
	r.peer_port = client ? tuple->server_port : tuple->client_port;
	return r;
}

static void end_init(struct end *e, struct timeline *t, uint64_t cookie, uint8_t role, uint8_t side)
{
	void (*to)(void *ctx, const void *record, uint32_t bytes) = t ? NULL : e->feed;
	void *ctx = t ? NULL : e->ctx;

	memset(e, 0, sizeof(*e));
	e->t = t;
	e->feed = to;
	e->ctx = ctx;
	e->cookie = cookie;
	e->role = role;
	e->side = side;
}

void end_open(struct end *e, struct timeline *t, uint64_t cookie, uint8_t role, uint8_t side, const struct tuple_text *tuple,
	      uint32_t netns, uint64_t syn_ns, uint64_t established_ns)
{
	end_init(e, t, cookie, role, side);
	if (!established_ns)
		return;
	struct wire_conn r = conn_record(e, tuple, netns, established_ns);
	r.syn_ns = syn_ns;
	r.established_ns = established_ns;
	feed(e, &r, sizeof(r));
}

void end_found_open(struct end *e, struct timeline *t, uint64_t cookie, uint8_t role, uint8_t side,
		    const struct tuple_text *tuple, uint64_t now_ns, uint64_t in_pos, uint64_t out_pos, uint8_t flags)
{
	end_init(e, t, cookie, role, side);
	struct wire_conn r = conn_record(e, tuple, 1, now_ns);
	r.flags = (uint8_t)(WIRE_CONN_FOUND_OPEN | flags);
	r.in_pos = e->pos[WIRE_LANE_IN] = e->pos[WIRE_LANE_READ] = in_pos;
	r.out_pos = e->pos[WIRE_LANE_OUT] = out_pos;
	memcpy(e->turn_start, e->pos, sizeof(e->pos));
	feed(e, &r, sizeof(r));
}

void end_mark(struct end *e, uint8_t lane, uint64_t bytes, uint64_t ns, uint32_t tid)
{
	assert(e->marks[lane] < WIRES_MARKS_MAX);
	e->pos[lane] += bytes;
	e->mark[lane][e->marks[lane]++] = (struct wire_mark){
		.time_ns = ns, .pos = e->pos[lane], .tid = tid, .lane = lane, .flags = tid ? WIRE_MARK_THREAD : 0};
}

static void send_marks(struct end *e)
{
	struct wire_marks m = {.conn = e->cookie, .turn = e->turn};

	for (unsigned lane = 0; lane < WIRE_LANES; lane++) {
		uint32_t from = e->sent[lane] ? e->sent[lane] : 1;
		for (uint32_t i = from; i < e->marks[lane]; i++) {
			m.mark[m.count++] = e->mark[lane][i];
			if (m.count < WIRE_MARKS_MAX)
				continue;
			m.h = (struct wire_header){
				.kind = WIRE_KIND_MARKS, .size = sizeof(m), .time_ns = e->mark[lane][i].time_ns};
			feed(e, &m, sizeof(m));
			m.count = 0;
		}
		e->sent[lane] = e->marks[lane];
	}
	if (!m.count)
		return;
	uint16_t size = (uint16_t)(offsetof(struct wire_marks, mark) + m.count * sizeof(m.mark[0]));
	m.h = (struct wire_header){.kind = WIRE_KIND_MARKS, .size = size, .time_ns = m.mark[m.count - 1].time_ns};
	feed(e, &m, size);
}

static void span_of(const struct end *e, unsigned lane, struct wire_lane_span *s)
{
	uint32_t n = e->marks[lane];

	if (!n)
		return;
	*s = (struct wire_lane_span){.first_ns = e->mark[lane][0].time_ns,
				     .last_ns = e->mark[lane][n - 1].time_ns,
				     .start_pos = e->turn_start[lane],
				     .end_pos = e->pos[lane],
				     .first_bytes = (uint32_t)(e->mark[lane][0].pos - e->turn_start[lane]),
				     .count = n};
}

static void next_turn(struct end *e)
{
	e->turn++;
	memcpy(e->turn_start, e->pos, sizeof(e->pos));
	memset(e->marks, 0, sizeof(e->marks));
	memset(e->sent, 0, sizeof(e->sent));
}

void end_turn(struct end *e, uint16_t flags)
{
	struct wire_turn r = {.h = {.kind = WIRE_KIND_TURN, .size = sizeof(r)},
			      .conn = e->cookie,
			      .turn = e->turn,
			      .flags = flags,
			      .role = e->role,
			      .side = e->side};

	send_marks(e);
	for (unsigned lane = 0; lane < WIRE_LANES; lane++)
		span_of(e, lane, &r.lane[lane]);
	r.reader.tid = e->marks[WIRE_LANE_READ] ? e->mark[WIRE_LANE_READ][0].tid : 0;
	r.sender.tid = e->marks[WIRE_LANE_OUT] ? e->mark[WIRE_LANE_OUT][0].tid : 0;
	feed(e, &r, sizeof(r));
	if (!(flags & WIRE_TURN_STILL_OPEN))
		next_turn(e);
}

void end_lose(struct end *e)
{
	next_turn(e);
}

void end_close(struct end *e, uint64_t ns)
{
	const struct wire_close r = {
		.h = {.kind = WIRE_KIND_CLOSE, .size = sizeof(r), .time_ns = ns}, .conn = e->cookie, .turns = e->turn};

	feed(e, &r, sizeof(r));
}

void end_accept(struct end *e, uint64_t ns, uint32_t tid)
{
	const struct wire_accept r = {
		.h = {.kind = WIRE_KIND_ACCEPT, .size = sizeof(r), .time_ns = ns}, .conn = e->cookie, .tid = tid};

	feed(e, &r, sizeof(r));
}
