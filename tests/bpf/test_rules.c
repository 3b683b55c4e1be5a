// SPDX-License-Identifier: GPL-2.0-only
// rooms: base symbol probe tests/support/probe_pair
/* The rules of the marks: what counts, what does not, and every way to lose data has a counter that moves. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdlib.h>

#include <bpf/bpf.h>

#include "base/clock.h"
#include "tests/support/paths_asked.h"
#include "tests/support/probe_pair.h"
#include "tests/support/test.h"

static void exchange(struct probe_pair *p, size_t request, size_t answer)
{
	pair_write_all(p->client, request);
	pair_read_all(p->server, request);
	pair_write_all(p->server, answer);
	pair_read_all(p->client, answer);
}

static void test_turns_are_cut_where_the_direction_flips(void **state)
{
	struct probe_pair p;

	(void)state;
	pair_open(&p, 1);
	for (int i = 0; i < 3; i++)
		exchange(&p, 10, 20);
	pair_collect(&p);
	for (uint32_t i = 0; i < 3; i++) {
		const struct wire_turn *c = pair_turn(&p, p.client_cookie, i), *s = pair_turn(&p, p.server_cookie, i);

		assert_non_null(c);
		assert_non_null(s);
		assert_int_equal(c->lane[WIRE_LANE_OUT].start_pos, 10 * i);
		assert_int_equal(c->lane[WIRE_LANE_IN].end_pos, 20 * (i + 1));
		assert_int_equal(s->lane[WIRE_LANE_READ].end_pos, 10 * (i + 1));
		assert_int_equal(s->side, WIRE_SIDE_SERVER);
		assert_int_equal(c->side, WIRE_SIDE_CLIENT);
		assert_int_equal(s->reader.tid, gettid());
		assert_int_equal(c->sender.tid, gettid());
	}
	assert_null(pair_turn(&p, p.client_cookie, 3));
	pair_close(&p);
}

/* TCP's own reading of the clock is that of this segment, however long the connection was quiet: one exchange follows the other. */
static void test_marks_have_the_time_of_their_segment(void **state)
{
	uint64_t before[8], after[8];
	struct probe_pair p;

	(void)state;
	pair_open(&p, 1);
	for (int i = 0; i < 8; i++) {
		clock_sleep_until(clock_now_ns() + 2 * NS_PER_MS, NULL);
		before[i] = clock_now_ns();
		exchange(&p, 10, 20);
		after[i] = clock_now_ns();
	}
	pair_collect(&p);
	for (uint32_t i = 0; i < 8; i++) {
		const struct wire_lane_span *c = pair_turn(&p, p.client_cookie, i)->lane;
		const struct wire_lane_span *s = pair_turn(&p, p.server_cookie, i)->lane;
		const uint64_t marks[] = {before[i],
					  c[WIRE_LANE_OUT].first_ns,
					  s[WIRE_LANE_IN].first_ns,
					  s[WIRE_LANE_READ].first_ns,
					  s[WIRE_LANE_OUT].first_ns,
					  c[WIRE_LANE_IN].first_ns,
					  c[WIRE_LANE_READ].first_ns,
					  after[i]};

		for (size_t k = 1; k < sizeof(marks) / sizeof(marks[0]); k++)
			assert_in_range(marks[k], marks[k - 1], after[i]);
	}
	pair_close(&p);
}

/* How often the records tell of this turn as ended; 0 also when a later turn of the connection came before it. */
static unsigned turn_told(const struct probe_pair *p, uint64_t cookie, uint32_t turn)
{
	uint32_t newest = 0;
	unsigned told = 0;

	for (unsigned i = 0; i < p->records; i++) {
		const struct wire_turn *t = &p->record[i].turn;

		if (t->h.kind != WIRE_KIND_TURN || t->conn != cookie)
			continue;
		if (t->turn < newest)
			return 0;
		newest = t->turn;
		told += t->turn == turn && !(t->flags & WIRE_TURN_STILL_OPEN);
	}
	return told;
}

/* Turns that have ended wait for more of their kind: the flush brings them in, once, and one of several marks does not overtake them. */
static void test_turns_that_wait_come_once_and_in_order(void **state)
{
	struct probe_pair p;

	(void)state;
	pair_open(&p, 1);
	exchange(&p, 10, 20);
	exchange(&p, 10, 20);
	assert_return_code(probe_poll(p.probe), 0);
	assert_null(pair_turn(&p, p.server_cookie, 0));
	pair_collect(&p);
	assert_int_equal(turn_told(&p, p.server_cookie, 0), 1);
	pair_collect(&p);
	exchange(&p, 10, 20);
	exchange(&p, 10, 20);
	pair_write_all(p.client, 10);
	pair_read_all(p.server, 4);
	pair_read_all(p.server, 6);
	pair_write_all(p.server, 20);
	pair_read_all(p.client, 20);
	for (int i = 0; i < 5; i++)
		exchange(&p, 10, 20);
	close(p.client);
	close(p.server);
	p.client = p.server = -1;
	assert_return_code(probe_poll(p.probe), 0);
	for (uint32_t i = 0; i < 10; i++) {
		const struct wire_turn *s = pair_turn(&p, p.server_cookie, i);

		assert_int_equal(turn_told(&p, p.server_cookie, i), 1);
		assert_int_equal(turn_told(&p, p.client_cookie, i), 1);
		assert_int_equal(s->lane[WIRE_LANE_READ].count, i == 4 ? 2 : 1);
		assert_int_equal(s->lane[WIRE_LANE_OUT].end_pos, 20 * (i + 1));
		assert_int_equal(s->reader.tid, gettid());
		assert_int_equal(s->sender.tgid, getpid());
		assert_in_range(s->lane[WIRE_LANE_OUT].first_ns, s->lane[WIRE_LANE_READ].last_ns, clock_now_ns());
		assert_int_equal(s->lane[WIRE_LANE_IN].last_ns, s->lane[WIRE_LANE_IN].first_ns);
	}
	pair_close(&p);
}

static void test_peek_is_no_read(void **state)
{
	struct probe_pair p;
	const struct wire_turn *s;
	char byte[16];
	uint64_t peeks;

	(void)state;
	pair_open(&p, 1);
	pair_write_all(p.client, 10);
	peeks = pair_counter(&p, WIRE_COUNT_PEEKS);
	assert_int_equal(recv(p.server, byte, 4, MSG_PEEK), 4);
	pair_collect(&p);
	s = pair_turn(&p, p.server_cookie, 0);
	assert_int_equal(s->lane[WIRE_LANE_READ].count, 0);
	assert_int_equal(pair_counter(&p, WIRE_COUNT_PEEKS), peeks + 1);
	pair_read_all(p.server, 10);
	pair_collect(&p);
	s = pair_turn(&p, p.server_cookie, 0);
	assert_int_equal(s->lane[WIRE_LANE_READ].end_pos, 10);
	pair_close(&p);
}

/* Marks after the first of a lane come as MARKS, in order, none missing: here one read of 1 byte (as Go does) and one of the rest. */
static void test_later_marks_carry_positions(void **state)
{
	struct probe_pair p;
	unsigned reads = 0;

	(void)state;
	pair_open(&p, 1);
	pair_write_all(p.client, 10);
	pair_read_all(p.server, 1);
	pair_read_all(p.server, 9);
	pair_collect(&p);
	for (unsigned i = 0; i < p.records; i++) {
		const struct wire_marks *m = &p.record[i].marks;

		if (m->h.kind != WIRE_KIND_MARKS || m->conn != p.server_cookie)
			continue;
		for (unsigned k = 0; k < m->count; k++) {
			assert_int_equal(m->mark[k].lane, WIRE_LANE_READ);
			assert_int_equal(m->mark[k].pos, 10);
			assert_int_equal(m->mark[k].tid, gettid());
			reads++;
		}
	}
	assert_int_equal(reads, 1);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->lane[WIRE_LANE_READ].first_bytes, 1);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->lane[WIRE_LANE_READ].count, 2);
	pair_close(&p);
}

static void test_marks_past_the_bound_are_counted(void **state)
{
	struct probe_pair p;

	(void)state;
	pair_open(&p, 1);
	for (int i = 0; i < WIRE_MARKS_PER_TURN + 100; i++) {
		pair_write_all(p.client, 1);
		pair_read_all(p.server, 1);
		if (i % 64 == 0)
			assert_return_code(probe_poll(p.probe), 0);
	}
	pair_collect(&p);
	assert_true(pair_turn(&p, p.server_cookie, 0)->flags & WIRE_TURN_MARKS_DROPPED);
	assert_true(pair_turn(&p, p.server_cookie, 0)->marks_dropped > 0);
	assert_true(pair_counter(&p, WIRE_COUNT_MARKS_BOUND) > 0);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->lane[WIRE_LANE_READ].end_pos, WIRE_MARKS_PER_TURN + 100);
	pair_close(&p);
}

static void test_idle_connection_is_found_open(void **state)
{
	const struct wire_conn *c, *s;
	struct probe_pair p;

	(void)state;
	memset(&p, 0, sizeof(p));
	pair_open(&p, 0);
	c = pair_conn(&p, p.client_cookie);
	assert_null(c); /* nothing polled yet */
	pair_collect(&p);
	c = pair_conn(&p, p.client_cookie);
	s = pair_conn(&p, p.server_cookie);
	assert_non_null(c);
	assert_non_null(s);
	assert_int_equal(c->flags, WIRE_CONN_FOUND_OPEN);
	assert_int_equal(c->side, WIRE_SIDE_CLIENT);
	assert_int_equal(s->side, WIRE_SIDE_SERVER);
	exchange(&p, 7, 8);
	pair_collect(&p);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->lane[WIRE_LANE_IN].end_pos, 7);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->flags & WIRE_TURN_MID, 0);
	pair_close(&p);
}

/* Found with bytes unread: its turn is marked, and positions still count from the connection's first byte. */
static void test_busy_connection_is_found_mid_turn(void **state)
{
	struct probe_pair p = {.record = calloc(PAIR_RECORDS_MAX, sizeof(union any_record))};
	struct probe_pair with_probes;

	(void)state;
	p.listener = pair_listen(&p.port, 4);
	pair_connect(&p);
	pair_write_all(p.client, 100);
	pair_read_all(p.server, 100);
	pair_write_all(p.client, 11);
	pair_open(&with_probes, 1); /* finds p too */
	pair_collect(&with_probes);
	assert_int_equal(pair_conn(&with_probes, p.server_cookie)->flags, WIRE_CONN_FOUND_OPEN | WIRE_CONN_MID_TURN);
	assert_int_equal(pair_conn(&with_probes, p.server_cookie)->in_pos, 111);
	assert_int_equal(pair_conn(&with_probes, p.client_cookie)->out_pos, 111);
	pair_read_all(p.server, 11);
	pair_write_all(p.server, 5);
	pair_collect(&with_probes);
	assert_true(pair_turn(&with_probes, p.server_cookie, 0)->flags & WIRE_TURN_MID);
	assert_int_equal(pair_turn(&with_probes, p.server_cookie, 0)->lane[WIRE_LANE_READ].end_pos, 111);
	pair_close(&with_probes);
	pair_close(&p);
}

/* TCP_QUICKACK off: the handshake's last ACK waits for the first data and carries it past tcp_probe. */
static void test_data_with_the_handshakes_last_ack(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct wire_turn *s;
	struct probe_pair p;
	int fd = socket(AF_INET, SOCK_STREAM, 0), accepted, off = 0;
	uint64_t cookie;

	(void)state;
	pair_open(&p, 1);
	addr.sin_port = htons(p.port);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	pair_write_all(fd, 9);
	accepted = accept(p.listener, NULL, NULL);
	cookie = pair_cookie(accepted);
	pair_read_all(accepted, 9);
	pair_collect(&p);
	s = pair_turn(&p, cookie, 0);
	assert_non_null(s);
	assert_int_equal(s->lane[WIRE_LANE_IN].start_pos, 0);
	assert_int_equal(s->lane[WIRE_LANE_IN].end_pos, 9);
	assert_in_range(s->lane[WIRE_LANE_IN].first_ns, pair_conn(&p, cookie)->established_ns, s->lane[WIRE_LANE_READ].first_ns);
	/* sk_data_ready tells of it, tcp_probe does not */
	if (strstr(probe_paths(p.probe), "sk_data_ready"))
		assert_int_equal(pair_counter(&p, WIRE_COUNT_IN_INFERRED), 0);
	else
		assert_true(pair_counter(&p, WIRE_COUNT_IN_INFERRED) > 0);
	close(fd);
	close(accepted);
	pair_close(&p);
}

/* After a half-close the FIN is no byte, and data still flows the other way past tcp_probe (not ESTABLISHED any more). */
static void test_half_close(void **state)
{
	struct probe_pair p;
	char byte;

	(void)state;
	pair_open(&p, 1);
	pair_write_all(p.client, 10);
	shutdown(p.client, SHUT_WR);
	pair_read_all(p.server, 10);
	assert_int_equal(read(p.server, &byte, 1), 0);
	pair_write_all(p.server, 20);
	pair_read_all(p.client, 20);
	pair_collect(&p);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->lane[WIRE_LANE_IN].end_pos, 10);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->lane[WIRE_LANE_READ].end_pos, 10);
	assert_int_equal(pair_turn(&p, p.client_cookie, 0)->lane[WIRE_LANE_IN].end_pos, 20);
	assert_int_equal(pair_turn(&p, p.client_cookie, 0)->lane[WIRE_LANE_READ].end_pos, 20);
	pair_close(&p);
}

static void test_close_ends_turn_and_connection(void **state)
{
	struct probe_pair p;
	unsigned closes = 0;

	(void)state;
	pair_open(&p, 1);
	exchange(&p, 3, 4);
	close(p.client);
	close(p.server);
	p.client = p.server = -1;
	assert_return_code(probe_poll(p.probe), 0);
	for (unsigned i = 0; i < p.records; i++)
		closes += p.record[i].h.kind == WIRE_KIND_CLOSE && p.record[i].close.turns == 1;
	assert_int_equal(closes, 2);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->flags & WIRE_TURN_STILL_OPEN, 0);
	pair_close(&p);
}

static void test_refused_connect(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct probe_pair p;
	uint16_t port;
	unsigned refused = 0;
	int fd = socket(AF_INET, SOCK_STREAM, 0), gone = pair_listen(&port, 1);

	(void)state;
	close(gone);
	pair_open(&p, 1);
	addr.sin_port = htons(port);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), -1);
	assert_return_code(probe_poll(p.probe), 0);
	for (unsigned i = 0; i < p.records; i++) {
		const struct wire_connect_failed *f = &p.record[i].failed;

		if (f->h.kind == WIRE_KIND_CONNECT_FAILED && f->peer_port == port && f->err == ECONNREFUSED)
			refused++;
	}
	assert_int_equal(refused, 1);
	close(fd);
	pair_close(&p);
}

/* A segment that the peer dropped is sent again: one mark, and the repetition is counted apart. */
static void test_retransmit_is_no_second_leaving(void **state)
{
	struct sock_filter drop[] = {{BPF_RET | BPF_K, 0, 0, 0}};
	struct sock_fprog program = {.len = 1, .filter = drop};
	uint64_t until = clock_now_ns() + 5 * NS_PER_S;
	const struct wire_turn *c;
	struct probe_pair p;
	int none = 0;

	(void)state;
	pair_open(&p, 1);
	assert_int_equal(setsockopt(p.server, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	pair_write_all(p.client, 40);
	while (!pair_counter(&p, WIRE_COUNT_RETRANSMITS) && clock_now_ns() < until)
		clock_sleep_until(clock_now_ns() + 10 * NS_PER_MS, NULL);
	assert_int_equal(setsockopt(p.server, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)), 0);
	pair_read_all(p.server, 40);
	pair_collect(&p);
	c = pair_turn(&p, p.client_cookie, 0);
	assert_int_equal(c->lane[WIRE_LANE_OUT].count, 1);
	assert_int_equal(c->lane[WIRE_LANE_OUT].end_pos, 40);
	assert_true(c->retransmits > 0);
	assert_int_equal(pair_turn(&p, p.server_cookie, 0)->lane[WIRE_LANE_IN].count, 1);
	assert_true(pair_turn(&p, p.server_cookie, 0)->lane[WIRE_LANE_IN].first_ns >
		    c->lane[WIRE_LANE_OUT].first_ns + 100 * NS_PER_MS);
	pair_close(&p);
}

/* The side that closes first answers from a timewait minisock, a listener's SYN-ACK comes from a request minisock: neither is a mark. */
static void test_minisocks_make_no_marks(void **state)
{
	struct probe_pair p;
	unsigned marks = 0;

	(void)state;
	pair_open(&p, 1);
	for (int i = 0; i < 20; i++) {
		close(p.client);
		close(p.server);
		pair_connect(&p);
	}
	pair_collect(&p);
	for (unsigned i = 0; i < p.records; i++)
		marks += p.record[i].h.kind == WIRE_KIND_TURN;
	assert_int_equal(marks, 0);
	pair_close(&p);
}

/* The same two ports again in one run: two connections, two cookies, positions from 0. */
static void test_port_reuse(void **state)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in to = from;
	socklen_t bytes = sizeof(from);
	struct linger hard = {.l_onoff = 1};
	uint64_t cookie[2];
	struct probe_pair p;
	int one = 1;

	(void)state;
	pair_open(&p, 1);
	to.sin_port = htons(p.port);
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), accepted;

		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* RST: no TIME_WAIT */
		assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&from, &bytes), 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
		accepted = accept(p.listener, NULL, NULL);
		cookie[i] = pair_cookie(fd);
		pair_write_all(fd, 6);
		pair_read_all(accepted, 6);
		close(fd);
		close(accepted);
	}
	pair_collect(&p);
	assert_int_not_equal(cookie[0], cookie[1]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pair_conn(&p, cookie[i])->local_port, ntohs(from.sin_port));
		assert_int_equal(pair_turn(&p, cookie[i], 0)->lane[WIRE_LANE_OUT].end_pos, 6);
	}
	pair_close(&p);
}

/* A worker forked later is the gateway's too, and so are its connections. */
static void test_child_inherits_the_role(void **state)
{
	unsigned forks = 0, exits = 0, conns = 0;
	struct probe_pair p;
	pid_t child;

	(void)state;
	pair_open(&p, 1);
	child = fork();
	if (!child) {
		struct probe_pair mine = p;

		pair_connect(&mine);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	assert_return_code(probe_poll(p.probe), 0);
	for (unsigned i = 0; i < p.records; i++) {
		const union any_record *r = &p.record[i];

		forks += r->h.kind == WIRE_KIND_PROCESS && r->process.event == WIRE_PROCESS_FORK &&
			 r->process.tgid_in_ns == (uint32_t)child;
		exits += r->h.kind == WIRE_KIND_PROCESS && r->process.event == WIRE_PROCESS_EXIT &&
			 r->process.tgid_in_ns == (uint32_t)child;
		conns += r->h.kind == WIRE_KIND_CONN && r->conn.side == WIRE_SIDE_CLIENT && r->conn.role == WIRE_ROLE_GATEWAY;
	}
	assert_int_equal(forks, 1);
	assert_int_equal(exits, 1);
	assert_int_equal(conns, 2);
	pair_close(&p);
}

/* Accept queue full, SYN sent again: counted, and the connection carries the flag. */
static void test_full_listen_queue(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uint64_t until = clock_now_ns() + 10 * NS_PER_S, cookie = 0;
	int fd[8], full;
	struct probe_pair p;
	uint16_t port;

	(void)state;
	pair_open(&p, 1);
	full = pair_listen(&port, 1);
	addr.sin_port = htons(port);
	for (int i = 0; i < 8; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fd[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	while (!pair_counter(&p, WIRE_COUNT_LISTEN_FULL) && clock_now_ns() < until)
		clock_sleep_until(clock_now_ns() + 20 * NS_PER_MS, NULL);
	assert_true(pair_counter(&p, WIRE_COUNT_LISTEN_FULL) > 0);
	/* take all that knocked: the late ones are flagged */
	while (!cookie && clock_now_ns() < until) {
		int got = accept4(full, NULL, NULL, SOCK_NONBLOCK);

		if (got >= 0)
			close(got);
		assert_return_code(probe_poll(p.probe), 0);
		for (unsigned i = 0; i < p.records; i++)
			if (p.record[i].h.kind == WIRE_KIND_CONN && p.record[i].conn.flags & WIRE_CONN_LISTEN_FULL)
				cookie = p.record[i].conn.conn;
	}
	assert_int_not_equal(cookie, 0);
	for (int i = 0; i < 8; i++)
		close(fd[i]);
	close(full);
	pair_close(&p);
}

static int ignore_record(void *ctx, const void *data, uint32_t bytes)
{
	(void)ctx, (void)data, (void)bytes;
	return 0;
}

/* Several sockets listen on one port, and one of them goes: connections of the others are watched as before. */
static void test_listeners_that_share_a_port(void **state)
{
	int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), first, one = 1;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(addr);
	struct probe_pair p;

	(void)state;
	pair_open(&p, 1);
	first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(other, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
	assert_int_equal(bind(first, (struct sockaddr *)&addr, bytes), 0);
	assert_int_equal(getsockname(first, (struct sockaddr *)&addr, &bytes), 0);
	assert_int_equal(bind(other, (struct sockaddr *)&addr, bytes), 0);
	assert_int_equal(listen(first, 4), 0);
	assert_int_equal(listen(other, 4), 0);
	close(other);
	close(p.client);
	close(p.server);
	close(p.listener);
	p.listener = first;
	p.port = ntohs(addr.sin_port);
	pair_connect(&p);
	exchange(&p, 10, 20);
	pair_collect(&p);
	assert_non_null(pair_turn(&p, p.server_cookie, 0));
	assert_int_equal(pair_conn(&p, p.server_cookie)->side, WIRE_SIDE_SERVER);
	pair_close(&p);
}

/* Entries of a map of ours, by the name that the kernel knows it by; -1: there is no such map. */
static int map_entries(const char *name)
{
	for (int fd = 3; fd < 256; fd++) {
		struct bpf_map_info info = {0};
		uint32_t bytes = sizeof(info);
		int entries = 0;
		uint64_t key, next;

		if (bpf_obj_get_info_by_fd(fd, &info, &bytes) || info.type != BPF_MAP_TYPE_HASH || strcmp(info.name, name))
			continue;
		for (bool more = !bpf_map_get_next_key(fd, NULL, &next); more; more = !bpf_map_get_next_key(fd, &key, &next)) {
			key = next;
			entries++;
		}
		return entries;
	}
	return -1;
}

/* Where no kernel frees the state of sockets for us: what was watched is forgotten when it is closed. */
static void test_closed_sockets_leave_nothing_in_the_hash(void **state)
{
	struct paths asked = paths_asked();
	struct probe_pair p;
	int before;

	(void)state;
	pair_open(&p, 1);
	before = map_entries("sockets_hash");
	if (asked.impl[PATH_SOCKETS] == PATH_SOCKETS_HASH)
		assert_true(before > 0);
	for (int i = 0; i < 20; i++) {
		close(p.client);
		close(p.server);
		pair_connect(&p);
	}
	assert_int_equal(map_entries("sockets_hash"), before);
	pair_close(&p);
}

/* A child that has no room among the targets is not watched, and that is told. */
static void test_targets_past_the_bound_are_counted(void **state)
{
	struct probe_target self = {.pid = (uint32_t)getpid(), .role = WIRE_ROLE_GATEWAY};
	struct probe_config config = {.target = &self,
				      .targets = 1,
				      .targets_max = 1,
				      .ring_bytes = 1 << 16,
				      .paths = paths_asked(),
				      .record = ignore_record};
	struct probe_pair p = {.client = -1, .server = -1, .listener = -1};
	struct err err = {0};
	pid_t child;

	(void)state;
	assert_int_equal(probe_open(&p.probe, &config, &err), 0);
	assert_int_equal(pair_counter(&p, WIRE_COUNT_TARGETS_FULL), 0);
	child = fork();
	if (!child)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(pair_counter(&p, WIRE_COUNT_TARGETS_FULL), 1);
	probe_close(p.probe);
}

/* Keys for TCP's MD5 option are charged to the socket as its BPF storage is: until there is room for neither. */
static bool fill_option_memory(int fd)
{
	struct tcp_md5sig key = {.tcpm_keylen = TCP_MD5SIG_MAXKEYLEN};
	struct sockaddr_in *to = (struct sockaddr_in *)&key.tcpm_addr;

	to->sin_family = AF_INET;
	for (uint32_t i = 1; i < 100000; i++) {
		to->sin_addr.s_addr = htonl(0x0a000000 + i);
		if (setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof(key)))
			return errno == ENOMEM;
	}
	return false;
}

#define LISTENERS 4160 /* more than the kernel side knows ports */

/* Ports that somebody listens on, and for which there is no room: told as a refused socket is. */
static void test_listeners_past_the_bound_are_counted(void **state)
{
	struct rlimit before, enough = {.rlim_cur = LISTENERS + 256, .rlim_max = LISTENERS + 256};
	int *fd = calloc(LISTENERS, sizeof(*fd));
	struct probe_pair p;
	unsigned made = 0;
	uint16_t port;

	(void)state;
	assert_non_null(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	if (before.rlim_max > enough.rlim_max)
		enough.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &enough), 0);
	pair_open(&p, 1);
	while (made < LISTENERS / 2)
		fd[made++] = pair_listen(&port, 1);
	assert_int_equal(pair_counter(&p, WIRE_COUNT_STORAGE_REFUSED), 0);
	while (made < LISTENERS)
		fd[made++] = pair_listen(&port, 1);
	assert_true(pair_counter(&p, WIRE_COUNT_STORAGE_REFUSED) > 0);
	while (made)
		close(fd[--made]);
	free(fd);
	pair_close(&p);
	setrlimit(RLIMIT_NOFILE, &before);
}

/* The kernel gives a socket no storage: it is not seen, and that is told. */
static void test_refused_storage_is_counted(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct probe_pair p;

	(void)state;
	pair_open(&p, 1);
	/* Linux 5.10 has no storage of sockets for these programs: a hash is their best way too */
	if (map_entries("sockets_hash") > 0 || !fill_option_memory(fd)) {
		printf("skip test_refused_storage_is_counted: no storage of the socket's own here, or no TCP MD5 keys to fill it "
		       "up\n");
		close(fd);
		pair_close(&p);
		skip();
	}
	addr.sin_port = htons(p.port);
	assert_int_equal(pair_counter(&p, WIRE_COUNT_STORAGE_REFUSED), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_true(pair_counter(&p, WIRE_COUNT_STORAGE_REFUSED) > 0);
	pair_collect(&p);
	assert_null(pair_conn(&p, pair_cookie(fd)));
	close(fd);
	pair_close(&p);
}

static void test_full_ring_is_counted(void **state)
{
	struct probe_target self = {.pid = (uint32_t)getpid(), .role = WIRE_ROLE_GATEWAY};
	struct probe_config config = {.target = &self, .targets = 1, .ring_bytes = 4096, .record = ignore_record};
	struct probe_pair p = {.record = calloc(PAIR_RECORDS_MAX, sizeof(union any_record))};
	struct err err = {0};

	(void)state;
	p.listener = pair_listen(&p.port, 4);
	pair_connect(&p);
	assert_int_equal(probe_open(&p.probe, &config, &err), 0);
	for (int i = 0; i < 200; i++)
		exchange(&p, 10, 10);
	assert_true(pair_counter(&p, WIRE_COUNT_RING_FULL) > 0);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns_are_cut_where_the_direction_flips),
		cmocka_unit_test(test_marks_have_the_time_of_their_segment),
		cmocka_unit_test(test_turns_that_wait_come_once_and_in_order),
		cmocka_unit_test(test_peek_is_no_read),
		cmocka_unit_test(test_later_marks_carry_positions),
		cmocka_unit_test(test_marks_past_the_bound_are_counted),
		cmocka_unit_test(test_idle_connection_is_found_open),
		cmocka_unit_test(test_busy_connection_is_found_mid_turn),
		cmocka_unit_test(test_data_with_the_handshakes_last_ack),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_close_ends_turn_and_connection),
		cmocka_unit_test(test_refused_connect),
		cmocka_unit_test(test_retransmit_is_no_second_leaving),
		cmocka_unit_test(test_minisocks_make_no_marks),
		cmocka_unit_test(test_port_reuse),
		cmocka_unit_test(test_child_inherits_the_role),
		cmocka_unit_test(test_full_listen_queue),
		cmocka_unit_test(test_listeners_that_share_a_port),
		cmocka_unit_test(test_listeners_past_the_bound_are_counted),
		cmocka_unit_test(test_closed_sockets_leave_nothing_in_the_hash),
		cmocka_unit_test(test_targets_past_the_bound_are_counted),
		cmocka_unit_test(test_refused_storage_is_counted),
		cmocka_unit_test(test_full_ring_is_counted),
	};

	return run_on_all_paths(tests);
}
