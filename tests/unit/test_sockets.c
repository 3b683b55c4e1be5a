// rooms: base record timeline attribution tests/support/wires
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "attribution/sockets.h"
#include "attribution/unread.h"
#include "tests/support/test.h"
#include "tests/support/wires.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static const struct tuple_text inbound = {"127.0.0.1", 40000, "127.0.0.1", 8080};
static const struct tuple_text upstream = {"127.0.0.1", 50000, "127.0.0.1", 9000};

static void feed(void *ctx, const void *record, uint32_t bytes)
{
	(void)bytes;
	assert_int_equal(sockets_wire(ctx, record), 0);
}

static void open_end(struct sockets *s, struct end *e, uint64_t cookie, uint8_t side, const struct tuple_text *tuple,
		     uint64_t syn_ns)
{
	*e = (struct end){.feed = feed, .ctx = s};
	end_open(e, NULL, cookie, WIRE_ROLE_GATEWAY, side, tuple, 1, syn_ns, syn_ns + 50000);
}

/* A call and its answer: read so long after it was readable. */
static void call_at(struct end *e, uint64_t at, uint64_t unread_ns)
{
	end_mark(e, WIRE_LANE_OUT, 100, at, 7);
	end_mark(e, WIRE_LANE_IN, 200, at + MS, 0);
	end_mark(e, WIRE_LANE_READ, 200, at + MS + unread_ns, 7);
	end_turn(e, 0);
}

static const struct sockets_peer *peer(const struct sockets *s, unsigned i)
{
	const struct sockets_peer *peers;

	assert_true(sockets_peers(s, &peers) > i);
	return &peers[i];
}

static void test_kept_connection(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	struct end e;

	open_end(s, &e, 1, WIRE_SIDE_CLIENT, &upstream, S);
	for (unsigned i = 0; i < 30; i++)
		call_at(&e, S + 10 * MS * (i + 1), 4000);
	end_close(&e, 2 * S);
	assert_int_equal(sockets_finish(s), 0);
	const struct sockets_peer *p = peer(s, 0);
	assert_int_equal(p->port, 9000);
	assert_int_equal(p->opened, 1);
	assert_int_equal(p->used, 1);
	assert_int_equal(p->turns, 30);
	assert_int_equal(hist_count(p->connect), 1);
	assert_int_equal(hist_max(p->connect), 50000);
	assert_int_equal(hist_count(p->unread), 30);
	assert_int_equal(hist_max(p->unread), 4000);
	assert_true(sockets_turns_per_connection(p) == 30.0);
	assert_false(sockets_opens_per_request(p));
	assert_false(p->inner);
	assert_int_equal(sockets_upstream(s)->turns, 30);
	sockets_free(s);
}

static void test_connection_for_each_request(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();

	for (uint16_t i = 0; i < 12; i++) {
		const struct tuple_text t = {"127.0.0.1", (uint16_t)(50000 + i), "127.0.0.1", 9000};
		struct end e;

		open_end(s, &e, 10 + i, WIRE_SIDE_CLIENT, &t, S + i * 10 * MS);
		call_at(&e, S + i * 10 * MS + MS, 1000);
		end_close(&e, S + i * 10 * MS + 5 * MS);
	}
	assert_int_equal(sockets_finish(s), 0);
	const struct sockets_peer *p = peer(s, 0);
	assert_int_equal(p->opened, 12);
	assert_true(sockets_turns_per_connection(p) == 1.0);
	assert_true(sockets_opens_per_request(p));
	sockets_free(s);
}

/* A TLS handshake is a turn of its own: what was joined decides, not turns. */
static void test_joined_requests_decide(void **state)
{
	(void)state;
	struct sockets_peer p = {.opened = 50, .used = 50, .turns = 150, .requests = 50};

	assert_true(sockets_opens_per_request(&p));
	p.requests = 0;
	assert_false(sockets_opens_per_request(&p));
	p = (struct sockets_peer){.opened = 5, .used = 5, .turns = 5, .requests = 5};
	assert_false(sockets_opens_per_request(&p)); /* too few to tell */
}

/* The oldest byte of each read counts, whatever came in one piece. */
static void test_unread_by_position(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	struct end e;

	open_end(s, &e, 1, WIRE_SIDE_SERVER, &inbound, S);
	end_mark(&e, WIRE_LANE_IN, 100, S + MS, 0); /* lies until the second read */
	end_mark(&e, WIRE_LANE_READ, 40, S + MS + 1000, 7);
	end_mark(&e, WIRE_LANE_IN, 100, S + 2 * MS, 0);
	end_mark(&e, WIRE_LANE_READ, 160, S + 3 * MS, 7);
	end_mark(&e, WIRE_LANE_OUT, 10, S + 4 * MS, 7);
	end_turn(&e, 0);
	assert_int_equal(hist_count(sockets_inbound(s)->unread), 1);
	assert_int_equal(hist_max(sockets_inbound(s)->unread), 2 * MS);
	sockets_free(s);
}

static void test_dropped_marks_give_no_figure(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	struct end e;

	open_end(s, &e, 1, WIRE_SIDE_SERVER, &inbound, S);
	end_mark(&e, WIRE_LANE_IN, 100, S + MS, 0);
	end_mark(&e, WIRE_LANE_READ, 100, S + 9 * MS, 7);
	end_turn(&e, WIRE_TURN_MARKS_DROPPED);
	assert_int_equal(hist_count(sockets_inbound(s)->unread), 0);
	assert_int_equal(sockets_inbound(s)->unread_untold, 1);
	assert_int_equal(sockets_inbound(s)->turns, 1);
	sockets_free(s);
}

/* A snapshot is no turn of its own, unless the turn never comes. */
static void test_snapshots(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	struct end e;

	open_end(s, &e, 1, WIRE_SIDE_CLIENT, &upstream, S);
	end_mark(&e, WIRE_LANE_OUT, 100, S + MS, 7);
	end_mark(&e, WIRE_LANE_IN, 100, S + 2 * MS, 0);
	end_mark(&e, WIRE_LANE_READ, 100, S + 2 * MS + 500, 7);
	end_turn(&e, WIRE_TURN_STILL_OPEN);
	end_mark(&e, WIRE_LANE_IN, 100, S + 3 * MS, 0);
	end_mark(&e, WIRE_LANE_READ, 100, S + 3 * MS + 700, 7);
	end_turn(&e, WIRE_TURN_STILL_OPEN);
	assert_int_equal(peer(s, 0)->turns, 0);
	end_turn(&e, 0);
	assert_int_equal(peer(s, 0)->turns, 1);
	assert_int_equal(hist_max(peer(s, 0)->unread), 700);
	end_mark(&e, WIRE_LANE_OUT, 100, S + 5 * MS, 7);
	end_turn(&e, WIRE_TURN_STILL_OPEN);
	assert_int_equal(sockets_finish(s), 0);
	assert_int_equal(peer(s, 0)->turns, 2);
	sockets_free(s);
}

static void test_only_the_measured_part(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	struct end e;

	sockets_start(s, 2 * S);
	open_end(s, &e, 1, WIRE_SIDE_CLIENT, &upstream, S);
	call_at(&e, S + MS, 1000);
	call_at(&e, 2 * S + MS, 1000);
	assert_int_equal(peer(s, 0)->opened, 0);
	assert_int_equal(peer(s, 0)->used, 1);
	assert_int_equal(peer(s, 0)->turns, 1);
	sockets_free(s);
}

static void test_accept_queue(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	struct end e;

	open_end(s, &e, 1, WIRE_SIDE_SERVER, &inbound, S);
	end_accept(&e, S + 50000 + 3 * MS, 7);
	assert_int_equal(hist_count(sockets_inbound(s)->connect), 1);
	assert_int_equal(hist_max(sockets_inbound(s)->connect), 3 * MS);
	sockets_free(s);
}

static void test_failed_connects(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	struct wire_connect_failed f = {.h = {WIRE_KIND_CONNECT_FAILED, sizeof(f), 0, S},
					.role = WIRE_ROLE_GATEWAY,
					.peer_port = 9000,
					.err = ECONNREFUSED};

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(sockets_wire(s, &f), 0);
	f.err = ETIMEDOUT;
	assert_int_equal(sockets_wire(s, &f), 0);
	f.role = WIRE_ROLE_DRIVER;
	assert_int_equal(sockets_wire(s, &f), 0);
	f.role = WIRE_ROLE_GATEWAY;
	for (uint32_t err = 200; err < 220; err++) { /* more kinds than are kept apart */
		f.err = err;
		assert_int_equal(sockets_wire(s, &f), 0);
	}
	const struct sockets_peer *p = peer(s, 0);
	assert_int_equal(p->failed, 26);
	assert_int_equal(p->error[0].err, ECONNREFUSED);
	assert_int_equal(p->error[0].count, 5);
	assert_int_equal(p->error[1].err, ETIMEDOUT);
	assert_int_equal(p->error[SOCKETS_ERRORS_MAX - 1].err, 0);
	uint64_t sum = 0;
	for (unsigned i = 0; i < SOCKETS_ERRORS_MAX; i++)
		sum += p->error[i].count;
	assert_int_equal(sum, 26);
	sockets_free(s);
}

/* The gateway calls itself: no upstream. */
static void test_inner_hops(void **state)
{
	(void)state;
	static const struct tuple_text hop = {"127.0.0.1", 50001, "127.0.0.1", 8081};
	struct sockets *s = sockets_new();
	struct end client, server, other;

	open_end(s, &client, 1, WIRE_SIDE_CLIENT, &hop, S);
	open_end(s, &server, 2, WIRE_SIDE_SERVER, &hop, S);
	open_end(s, &other, 3, WIRE_SIDE_CLIENT, &upstream, S);
	call_at(&client, S + MS, 1000);
	call_at(&other, S + MS, 1000);
	assert_int_equal(sockets_finish(s), 0);
	assert_true(peer(s, 0)->inner);
	assert_false(peer(s, 1)->inner);
	assert_int_equal(sockets_upstream(s)->turns, 1);
	sockets_free(s);
}

static void test_full_send_buffers(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	struct wire_syscalls c = {.h = {WIRE_KIND_SYSCALLS, sizeof(c), 0, S}, .count = 3};
	struct wire_off_cpu o = {.h = {WIRE_KIND_OFF_CPU, sizeof(o), 0, S + 5 * MS},
				 .out_ns = S,
				 .runnable_ns = S + 4 * MS,
				 .syscall = SYS_sendto};

	assert_false(sockets_sends(s)->calls_seen);
	c.call[0] = (struct wire_syscall){.enter_ns = S, .nr = SYS_sendto, .flags = WIRE_SYSCALL_SHORT, .result = 10};
	c.call[1] = (struct wire_syscall){.enter_ns = S, .nr = SYS_sendmsg, .result = -EAGAIN};
	c.call[2] = (struct wire_syscall){.enter_ns = S, .nr = SYS_recvfrom, .result = -EAGAIN};
	assert_int_equal(sockets_wire(s, &c), 0);
	assert_int_equal(sockets_wire(s, &o), 0);
	o.syscall = SYS_epoll_wait;
	assert_int_equal(sockets_wire(s, &o), 0);
	o.syscall = SYS_write;
	o.flags = WIRE_OFF_IOWAIT; /* a disk */
	assert_int_equal(sockets_wire(s, &o), 0);
	const struct sockets_sends *sends = sockets_sends(s);
	assert_true(sends->calls_seen && sends->waits_seen);
	assert_int_equal(sends->short_, 1);
	assert_int_equal(sends->would_block, 1);
	assert_int_equal(hist_count(sends->blocked), 1);
	assert_int_equal(hist_max(sends->blocked), 4 * MS);
	sockets_free(s);
}

/* Others' sockets, and records of connections that nobody has named. */
static void test_only_the_gateways(void **state)
{
	(void)state;
	struct sockets *s = sockets_new();
	const struct sockets_peer *peers;
	struct end e = {.feed = feed, .ctx = s};

	end_open(&e, NULL, 1, WIRE_ROLE_DRIVER, WIRE_SIDE_CLIENT, &inbound, 1, S, S + 50000);
	call_at(&e, S + MS, 1000);
	end_close(&e, 2 * S);
	assert_int_equal(sockets_finish(s), 0);
	assert_int_equal(sockets_peers(s, &peers), 0);
	assert_int_equal(sockets_inbound(s)->turns, 0);
	sockets_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_connection),
		cmocka_unit_test(test_connection_for_each_request),
		cmocka_unit_test(test_joined_requests_decide),
		cmocka_unit_test(test_unread_by_position),
		cmocka_unit_test(test_dropped_marks_give_no_figure),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_only_the_measured_part),
		cmocka_unit_test(test_accept_queue),
		cmocka_unit_test(test_failed_connects),
		cmocka_unit_test(test_inner_hops),
		cmocka_unit_test(test_full_send_buffers),
		cmocka_unit_test(test_only_the_gateways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
