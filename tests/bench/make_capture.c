// rooms: base record session/run_meta session/run_meta_json scenario/criteria scenario/metrics scenario/fault timeline attribution leak report
// SPDX-License-Identifier: GPL-2.0-only
/*
 * make_capture FILE REQUESTS RATE: a capture of that many requests at RATE a second over 64 connections, each with the four turns, the
 * driver's and the provider's record that a real one has; figures vary from request to request. For benches of the analysis.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "record/capture.h"
#include "session/run_meta.h"

#define START_NS (UINT64_C(5000) * NS_PER_S)
#define CONNECTIONS 64u
#define REQUEST_BYTES 400u
#define ANSWER_BYTES 700u
#define TICKS_PER_S 50u
#define RATE_MAX 1000000u

enum { DRIVER = 1000, INBOUND = 2000, UPSTREAM = 3000, PROVIDER = 4000 };

static void write_frame(struct capture_writer *w, enum capture_frame type, const void *data, size_t bytes)
{
	if (!capture_write(w, type, data, (uint32_t)bytes))
		return;
	fprintf(stderr, "make_capture: the file cannot be written\n");
	exit(1);
}

static void write_meta(struct capture_writer *w, uint64_t requests, uint64_t every_ns)
{
	struct run_meta m = {.command = "run", .scenario = "bench/analysis", .provider_is_ours = true, .open_loop = true};

	m.start_ns = START_NS;
	m.start_unix_s = 1795319402;
	m.ended = m.complete = true;
	m.due = requests;
	m.classes = m.stages = 1;
	snprintf(m.class_[0].name, sizeof(m.class_[0].name), "chat");
	snprintf(m.stage[0].name, sizeof(m.stage[0].name), "hold");
	m.stage[0].duration_ns = requests * every_ns;
	char *text = run_meta_encode(&m);
	write_frame(w, CAPTURE_META, text, strlen(text));
	free(text);
}

static void write_conn(struct capture_writer *w, uint64_t cookie, uint8_t role, uint8_t side, uint16_t client, uint16_t server)
{
	static const uint8_t loopback[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
	struct wire_conn c = {
		.h = {.kind = WIRE_KIND_CONN, .size = sizeof(c), .time_ns = START_NS - NS_PER_MS},
		.conn = cookie,
		.role = role,
		.side = side,
		.netns = 1,
		.local_port = side == WIRE_SIDE_CLIENT ? client : server,
		.peer_port = side == WIRE_SIDE_CLIENT ? server : client,
		.syn_ns = START_NS - 2 * NS_PER_MS,
		.established_ns = START_NS - NS_PER_MS,
	};

	memcpy(c.local_addr, loopback, sizeof(loopback));
	memcpy(c.peer_addr, loopback, sizeof(loopback));
	write_frame(w, CAPTURE_WIRE, &c, sizeof(c));
}

static void write_connections(struct capture_writer *w)
{
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		write_conn(w, DRIVER + i, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, (uint16_t)(40000 + i), 8080);
		write_conn(w, INBOUND + i, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, (uint16_t)(40000 + i), 8080);
		write_conn(w, UPSTREAM + i, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, (uint16_t)(50000 + i), 9000);
		write_conn(w, PROVIDER + i, WIRE_ROLE_PROVIDER, WIRE_SIDE_SERVER, (uint16_t)(50000 + i), 9000);
	}
}

struct one {
	uint64_t number;
	uint32_t turn; /* of its connections */
	unsigned conn;
	uint64_t t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, end;
};

static struct one draw(struct rng *r, uint64_t i, uint64_t every_ns)
{
	struct one o = {.number = i, .turn = (uint32_t)(i / CONNECTIONS), .conn = (unsigned)(i % CONNECTIONS)};

	o.t0 = START_NS + i * every_ns;
	o.t1 = o.t0 + 15000 + rng_below(r, 10000);
	o.t2 = o.t1 + 2500;
	o.t3 = o.t2 + 4000 + rng_below(r, 20000);
	o.t4 = o.t3 + 8000 + rng_below(r, 9000);
	o.t5 = o.t4 + 2500;
	o.t6 = o.t5 + 300000 + rng_below(r, 1500000);
	o.t7 = o.t6 + 2500;
	o.t8 = o.t7 + 3000 + rng_below(r, 12000);
	o.t9 = o.t8 + 5000 + rng_below(r, 8000);
	o.t10 = o.t9 + 2500;
	o.end = o.t10 + 20000 + rng_below(r, 9000);
	return o;
}

static struct wire_lane_span span(uint64_t ns, uint64_t start, uint32_t bytes)
{
	return (struct wire_lane_span){
		.first_ns = ns, .last_ns = ns, .start_pos = start, .end_pos = start + bytes, .first_bytes = bytes, .count = 1};
}

static void write_turn(struct capture_writer *w, const struct one *o, unsigned first, uint8_t role, uint8_t side,
		       const uint64_t in_read_out_ns[3])
{
	bool serves = side == WIRE_SIDE_SERVER;
	uint64_t request = (uint64_t)o->turn * REQUEST_BYTES, answer = (uint64_t)o->turn * ANSWER_BYTES;
	struct wire_turn t = {
		.h = {.kind = WIRE_KIND_TURN, .size = sizeof(t), .time_ns = in_read_out_ns[2]},
		.conn = first + o->conn,
		.turn = o->turn,
		.role = role,
		.side = side,
	};

	t.lane[WIRE_LANE_IN] = span(in_read_out_ns[0], serves ? request : answer, serves ? REQUEST_BYTES : ANSWER_BYTES);
	t.lane[WIRE_LANE_READ] = span(in_read_out_ns[1], serves ? request : answer, serves ? REQUEST_BYTES : ANSWER_BYTES);
	t.lane[WIRE_LANE_OUT] = span(in_read_out_ns[2], serves ? answer : request, serves ? ANSWER_BYTES : REQUEST_BYTES);
	write_frame(w, CAPTURE_WIRE, &t, sizeof(t));
}

static void write_provider(struct capture_writer *w, const struct one *o)
{
	uint64_t request = (uint64_t)o->turn * REQUEST_BYTES, answer = (uint64_t)o->turn * ANSWER_BYTES;
	struct record_provider p = {
		.tag = o->number + 1,
		.conn = PROVIDER + o->conn,
		.in_start_pos = request,
		.in_end_pos = request + REQUEST_BYTES,
		.out_start_pos = answer,
		.out_end_pos = answer + ANSWER_BYTES,
		.out_body_pos = answer + 100,
		.request_first_ns = o->t5 + 2000,
		.request_last_ns = o->t5 + 2000,
		.answer_first_ns = o->t6 - 1000,
		.answer_last_ns = o->t6,
		.http_status = 200,
	};

	write_frame(w, CAPTURE_PROVIDER, &p, sizeof(p));
}

static void write_driver(struct capture_writer *w, const struct one *o)
{
	uint64_t request = (uint64_t)o->turn * REQUEST_BYTES, answer = (uint64_t)o->turn * ANSWER_BYTES;
	struct record_request d = {
		.id = o->number + 1,
		.http_status = 200,
		.flags = RECORD_CONN_REUSED | RECORD_TAGGED | RECORD_POSITIONS,
		.due_ns = o->t0,
		.sent_ns = o->t1 - 1000,
		.first_byte_ns = o->t10 + 4000,
		.end_ns = o->end,
		.conn = DRIVER + o->conn,
		.out_start_pos = request,
		.out_end_pos = request + REQUEST_BYTES,
		.in_start_pos = answer,
		.in_end_pos = answer + ANSWER_BYTES,
		.in_body_pos = answer + 100,
		.tokens = 20,
	};

	write_frame(w, CAPTURE_REQUEST, &d, sizeof(d));
}

static void write_request(struct capture_writer *w, const struct one *o, uint64_t tick_every)
{
	write_turn(w, o, PROVIDER, WIRE_ROLE_PROVIDER, WIRE_SIDE_SERVER, (uint64_t[]){o->t5, o->t5 + 1500, o->t6});
	write_turn(w, o, UPSTREAM, WIRE_ROLE_GATEWAY, WIRE_SIDE_CLIENT, (uint64_t[]){o->t7, o->t8, o->t4});
	write_turn(w, o, INBOUND, WIRE_ROLE_GATEWAY, WIRE_SIDE_SERVER, (uint64_t[]){o->t2, o->t3, o->t9});
	write_turn(w, o, DRIVER, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, (uint64_t[]){o->t10, o->t10 + 15000, o->t1});
	write_provider(w, o);
	write_driver(w, o);
	if (o->number % tick_every)
		return;
	uint64_t now_ns = o->t0 + 3 * NS_PER_MS;
	write_frame(w, CAPTURE_TICK, &now_ns, sizeof(now_ns));
}

int main(int argc, char **argv)
{
	uint64_t requests = argc == 4 ? strtoull(argv[2], NULL, 10) : 0, rate = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
	uint64_t every_ns = rate && rate <= RATE_MAX ? NS_PER_S / rate : 0;
	struct capture_writer *w;
	struct capture_end totals;
	struct err err = {0};
	struct rng r;

	if (!requests || !every_ns || capture_writer_open(&w, argv[1], CAPTURE_FULL, 0, &err)) {
		fprintf(stderr, "make_capture FILE REQUESTS RATE%s%s\n", every_ns ? ": " : "", err.text);
		return 2;
	}
	rng_init(&r, 1, 0);
	write_meta(w, requests, every_ns);
	write_connections(w);
	for (uint64_t i = 0; i < requests; i++) {
		struct one o = draw(&r, i, every_ns);
		write_request(w, &o, rate > TICKS_PER_S ? rate / TICKS_PER_S : 1);
	}
	return capture_writer_close(w, &totals, &err) ? 1 : 0;
}
