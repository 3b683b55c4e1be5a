// SPDX-License-Identifier: GPL-2.0-only
// rooms: base http
/* An in-process server on a free port, spoken to by raw sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/server.h"

#define BIG_BYTES ((size_t)8 << 20)
#define PIECE_BYTES ((size_t)64 << 10)
#define OUT_FULL ((size_t)128 << 10)
#define BODY_MAX ((size_t)1 << 20)

struct fixture {
	struct loop *loop;
	struct http_listener *listener;
	struct http_server *server;
	pthread_t thread;
	unsigned port;
	char *big;
	atomic_uint requests, answered, aborted, full, drained, marks;
	_Atomic uint64_t first_mark_pos, last_mark_pos;
	struct http_stamps last; /* of the last exchange that was done; read it only when `answered` or `aborted` has moved */
};

struct later {
	struct loop_timer timer;
	struct http_exchange *x;
};

static void answer_text(struct http_exchange *x, const char *text, size_t n, bool close)
{
	struct http_head head = {.status = 200, .content_type = "text/plain", .body_bytes = (int64_t)n, .close = close};
	http_answer(x, &head, text, n);
}

static void later_fire(struct loop_timer *t)
{
	struct later *l = t->ctx;
	answer_text(l->x, "later", 5, false);
}

static void answer_later(struct fixture *f, struct http_exchange *x)
{
	struct later *l = calloc(1, sizeof(*l));
	*l = (struct later){.timer = {.fire = later_fire, .ctx = l}, .x = x};
	http_exchange_set_ctx(x, l);
	assert_int_equal(loop_timer_set(f->loop, &l->timer, clock_now_ns() + 3 * NS_PER_MS), 0);
}

/* The 8 MB in pieces, waiting for drained() whenever the out-buffer is full. The exchange's ctx counts the bytes given so far. */
static void stream_on(struct fixture *f, struct http_exchange *x)
{
	size_t given = (size_t)(uintptr_t)http_exchange_ctx(x);
	while (given < BIG_BYTES) {
		if (http_answer_full(x)) {
			http_exchange_set_ctx(x, (void *)given);
			atomic_fetch_add(&f->full, 1);
			return;
		}
		uint32_t mark = (uint32_t)(given / PIECE_BYTES);
		if (http_answer_body(x, f->big + given, PIECE_BYTES, 0, mark))
			return;
		given += PIECE_BYTES;
	}
	http_exchange_set_ctx(x, NULL);
	http_answer_end(x);
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	const char *target = http_request_target(x);
	size_t n;
	const char *body = http_request_body(x, &n);
	struct http_head chunked = {.status = 200, .content_type = "text/plain", .body_bytes = HTTP_CHUNKED};
	atomic_fetch_add(&f->requests, 1);
	if (!strcmp(target, "/echo")) {
		answer_text(x, body, n, false);
	} else if (!strcmp(target, "/field")) {
		const char *value = http_request_field(x, "x-THING");
		answer_text(x, value ? value : "none", value ? strlen(value) : 4, false);
	} else if (!strcmp(target, "/close")) {
		answer_text(x, "bye", 3, true);
	} else if (!strcmp(target, "/later")) {
		answer_later(f, x);
	} else if (!strcmp(target, "/big")) {
		answer_text(x, f->big, BIG_BYTES, false);
	} else if (!strcmp(target, "/stream")) {
		http_answer_head(x, &chunked, HTTP_MORE);
		stream_on(f, x);
	} else if (!strcmp(target, "/chunks")) {
		http_answer_head(x, &chunked, HTTP_MORE);
		http_answer_body(x, "one", 3, 0, 1);
		http_answer_body(x, "two", 3, HTTP_MORE, 2);
		http_answer_end(x);
	} else if (!strcmp(target, "/break")) {
		http_answer_head(x, &chunked, 0);
		http_answer_break(x);
	} else if (strcmp(target, "/never") != 0) {
		answer_text(x, http_request_method(x), strlen(http_request_method(x)), false);
	}
}

static void on_done(void *ctx, struct http_exchange *x, enum http_end end)
{
	struct fixture *f = ctx;
	if (!strcmp(http_request_target(x), "/later")) {
		struct later *l = http_exchange_ctx(x);
		loop_timer_cancel(f->loop, &l->timer);
		free(l);
	}
	f->last = *http_exchange_stamps(x);
	atomic_fetch_add(end == HTTP_END_ANSWERED ? &f->answered : &f->aborted, 1);
}

static void on_drained(void *ctx, struct http_exchange *x)
{
	struct fixture *f = ctx;
	atomic_fetch_add(&f->drained, 1);
	stream_on(f, x);
}

static void on_marked(void *ctx, struct http_exchange *x, uint32_t mark, uint64_t pos, uint64_t time_ns)
{
	struct fixture *f = ctx;
	(void)x;
	assert_in_range(time_ns, 1, clock_now_ns());
	if (!mark || mark == 1)
		atomic_store(&f->first_mark_pos, pos);
	atomic_store(&f->last_mark_pos, pos);
	atomic_fetch_add(&f->marks, 1);
}

static void *serve(void *arg)
{
	struct fixture *f = arg;
	loop_run(f->loop);
	http_server_free(f->server);
	return NULL;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = {0};
	struct http_listen_config listen = {.listen = "127.0.0.1:0"};
	f->big = malloc(BIG_BYTES);
	for (size_t i = 0; i < BIG_BYTES; i++)
		f->big[i] = (char)('a' + i % 23);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(http_listener_open(&f->listener, &listen, &err), 0);
	struct http_server_config config = {.listener = f->listener,
					    .body_max = BODY_MAX,
					    .out_full = OUT_FULL,
					    .callbacks = {on_request, on_done, on_drained, on_marked},
					    .ctx = f};
	assert_int_equal(http_server_new(&f->server, f->loop, &config), 0);
	f->port = http_listener_port(f->listener);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	loop_stop(f->loop);
	pthread_join(f->thread, NULL);
	http_listener_close(f->listener);
	loop_free(f->loop);
	free(f->big);
	free(f);
	return 0;
}

/* --- the client's side ------------------------------------------------------------------------------------------------------------ */

/* receive_bytes > 0: a receive buffer of about that many, so that the server's writes soon meet a full window. */
static int client_connect_small(const struct fixture *f, int receive_bytes)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct timeval limit = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	if (receive_bytes)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static int client_connect(const struct fixture *f)
{
	return client_connect_small(f, 0);
}

static void client_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until `want` bytes have come or the peer has closed. */
static void client_read(int fd, struct buf *in, size_t want)
{
	while (in->used < want) {
		assert_int_equal(buf_reserve(in, 65537), 0);
		ssize_t n = recv(fd, in->data + in->used, 65536 < want - in->used ? 65536 : want - in->used, 0);
		assert_true(n >= 0);
		if (!n)
			break;
		in->used += (size_t)n;
	}
	assert_int_equal(buf_reserve(in, 1), 0);
	in->data[in->used] = '\0';
}

#define HEAD(n) "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " #n "\r\n\r\n"

/* The next bytes are exactly `want`. */
static void client_expect(int fd, const char *want)
{
	struct buf in = {0};
	client_read(fd, &in, strlen(want));
	assert_string_equal(in.data, want);
	buf_fini(&in);
}

/* The peer answers with this status and closes. */
static void client_expect_refusal(int fd, const char *status_line)
{
	struct buf in = {0};
	client_read(fd, &in, SIZE_MAX / 4);
	assert_true(in.used > strlen(status_line));
	assert_memory_equal(in.data, status_line, strlen(status_line));
	assert_non_null(strstr(in.data, "Connection: close\r\n"));
	buf_fini(&in);
	close(fd);
}

static void wait_for(atomic_uint *counter, unsigned value)
{
	uint64_t limit_ns = clock_now_ns() + 20 * NS_PER_S;
	while (atomic_load(counter) < value && clock_now_ns() < limit_ns)
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	assert_int_equal(atomic_load(counter), value);
}

/* --- tests ------------------------------------------------------------------------------------------------------------------------ */

static void test_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	const char *text = "POST /echo HTTP/1.1\r\nHost: a\r\nX-Thing: b\r\nContent-Length: 5\r\n\r\nhello";
	int fd = client_connect(f), on = 1;
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	for (const char *c = text; *c; c++)
		assert_int_equal(send(fd, c, 1, MSG_NOSIGNAL), 1);
	client_expect(fd, HEAD(5) "hello");
	wait_for(&f->answered, 1);
	assert_int_equal(f->last.in_start_pos, 0);
	assert_int_equal(f->last.in_end_pos, strlen(text));
	assert_int_equal(f->last.out_start_pos, 0);
	assert_int_equal(f->last.out_body_pos, strlen(HEAD(5)));
	assert_int_equal(f->last.out_end_pos, strlen(HEAD(5) "hello"));
	assert_true(f->last.request_first_ns <= f->last.request_last_ns);
	assert_true(f->last.request_last_ns <= f->last.answer_first_ns);
	assert_true(f->last.answer_first_ns <= f->last.answer_last_ns);
	close(fd);
}

static void test_keep_alive_positions(void **state)
{
	struct fixture *f = *state;
	const char *text = "POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nok";
	int fd = client_connect(f);
	for (unsigned turn = 0; turn < 3; turn++) {
		client_send(fd, text);
		client_expect(fd, HEAD(2) "ok");
		wait_for(&f->answered, turn + 1);
		assert_int_equal(f->last.in_start_pos, turn * strlen(text));
		assert_int_equal(f->last.in_end_pos, (turn + 1) * strlen(text));
		assert_int_equal(f->last.out_start_pos, turn * strlen(HEAD(2) "ok"));
		assert_int_equal(f->last.out_end_pos, (turn + 1) * strlen(HEAD(2) "ok"));
	}
	close(fd);
}

static void test_fields(void **state)
{
	struct fixture *f = *state;
	int fd = client_connect(f);
	client_send(fd, "GET /field HTTP/1.1\r\nA: 1\r\nx-thing: some value\r\nEmpty:\r\n\r\n");
	client_expect(fd, HEAD(10) "some value");
	client_send(fd, "GET /field HTTP/1.1\r\nx-thing:\r\n\r\n");
	client_expect(fd, HEAD(0));
	client_send(fd, "GET /field HTTP/1.1\r\n\r\n");
	client_expect(fd, HEAD(4) "none");
	client_send(fd, "DELETE /m HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n");
	client_expect(fd, HEAD(6) "DELETE");
	close(fd);
}

static void test_chunked_request(void **state)
{
	int fd = client_connect(*state);
	client_send(fd, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	client_send(fd, "4;ext=1\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n");
	client_expect(fd, HEAD(7) "abcdefg");
	client_send(fd, "GET /m HTTP/1.1\r\n\r\n");
	client_expect(fd, HEAD(3) "GET");
	close(fd);
}

static void test_chunked_answer_and_marks(void **state)
{
	struct fixture *f = *state;
	const char *head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
	int fd = client_connect(f);
	client_send(fd, "GET /chunks HTTP/1.1\r\n\r\n");
	client_expect(fd, head);
	client_expect(fd, "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
	wait_for(&f->marks, 2);
	assert_int_equal(atomic_load(&f->first_mark_pos), strlen(head) + strlen("3\r\none"));
	assert_int_equal(atomic_load(&f->last_mark_pos), strlen(head) + strlen("3\r\none\r\n3\r\ntwo"));
	client_send(fd, "HEAD /chunks HTTP/1.1\r\n\r\n");
	client_expect(fd, head);
	client_send(fd, "HEAD /m HTTP/1.1\r\n\r\nGET /m HTTP/1.1\r\n\r\n");
	client_expect(fd, HEAD(4) HEAD(3) "GET");
	close(fd);
}

static void test_http10(void **state)
{
	int fd = client_connect(*state);
	client_send(fd, "GET /m HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_expect(fd,
		      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nGET");
	client_send(fd, "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	struct buf in = {0};
	client_read(fd, &in, SIZE_MAX / 4); /* no chunks there: the body ends with the connection */
	assert_string_equal(in.data, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nonetwo");
	buf_fini(&in);
	close(fd);
}

static void test_continue(void **state)
{
	struct fixture *f = *state;
	int fd = client_connect(f);
	client_send(fd, "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	client_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	client_send(fd, "yes");
	client_expect(fd, HEAD(3) "yes");
	wait_for(&f->answered, 1);
	assert_int_equal(f->last.out_start_pos, strlen("HTTP/1.1 100 Continue\r\n\r\n")); /* the 100 is not of the answer */
	/* A client that does not wait is not told to go on. */
	client_send(fd, "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nno");
	client_expect(fd, HEAD(2) "no");
	client_send(fd, "POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n");
	client_expect_refusal(fd, "HTTP/1.1 413 ");
}

static void test_pipelined(void **state)
{
	struct fixture *f = *state;
	int fd = client_connect(f);
	client_send(fd, "GET /later HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\ntwo"
			"GET /m HTTP/1.1\r\n\r\nGET /close HTTP/1.1\r\n\r\nGET /never HTTP/1.1\r\n\r\n");
	client_expect(fd, HEAD(5) "later" HEAD(3) "two" HEAD(3) "GET");
	client_expect(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye");
	char c;
	assert_int_equal(recv(fd, &c, 1, 0), 0); /* closed without a reset: what lay behind is dropped */
	assert_int_equal(atomic_load(&f->requests), 4);
	close(fd);
}

static void test_garbage(void **state)
{
	static const char *const bad[] = {"\x16\x03\x01\x02garbage\r\n\r\n",
					  "NONSENSE / HTTP/1.1\r\n\r\n",
					  "GET / HTTP/9.9.9\r\n\r\n",
					  "GET /x HTTP/1.1\r\nno colon here\r\n\r\n",
					  "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
					  "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
					  "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
					  "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = client_connect(f);
		client_send(fd, bad[i]);
		client_expect_refusal(fd, "HTTP/1.1 400 ");
	}
	int fd = client_connect(f);
	client_send(fd, "GET / HTTP/2.0\r\n\r\n");
	client_expect_refusal(fd, "HTTP/1.1 505 ");
	assert_int_equal(atomic_load(&f->requests), 0);
}

/* Random bytes and mutated requests: refused or served, never a crash; the server answers afterwards. */
static void test_random_bytes(void **state)
{
	struct fixture *f = *state;
	unsigned seed = (unsigned)clock_now_ns();
	print_message("seed %u\n", seed);
	for (int i = 0; i < 300; i++) {
		char text[] = "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
		int fd = client_connect(f);
		for (int k = 0; k < 3; k++)
			text[(size_t)rand_r(&seed) % (sizeof(text) - 1)] = (char)rand_r(&seed);
		assert_int_equal(send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), sizeof(text) - 1);
		close(fd);
	}
	int fd = client_connect(f);
	client_send(fd, "GET /m HTTP/1.1\r\n\r\n");
	client_expect(fd, HEAD(3) "GET");
	close(fd);
}

static void test_oversize(void **state)
{
	struct fixture *f = *state;
	char *head = malloc(70000);
	memset(head, 'x', 70000);
	memcpy(head, "GET /", 5);
	head[69999] = '\0';
	int fd = client_connect(f);
	client_send(fd, head);
	client_expect_refusal(fd, "HTTP/1.1 431 ");
	free(head);
	/* A chunked body has no announced length: it is cut when it grows past the bound, and the client reads why. */
	fd = client_connect(f);
	client_send(fd, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n");
	for (size_t sent = 0; sent < BODY_MAX + PIECE_BYTES; sent += PIECE_BYTES)
		assert_int_equal(send(fd, f->big, PIECE_BYTES, MSG_NOSIGNAL), PIECE_BYTES);
	client_expect_refusal(fd, "HTTP/1.1 413 ");
	/* Just within the bound. */
	fd = client_connect(f);
	client_send(fd, "POST /echo HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n");
	assert_int_equal(send(fd, f->big, BODY_MAX, MSG_NOSIGNAL), BODY_MAX);
	struct buf in = {0};
	client_read(fd, &in, strlen(HEAD(1048576)) + BODY_MAX);
	assert_memory_equal(in.data + strlen(HEAD(1048576)), f->big, BODY_MAX);
	buf_fini(&in);
	close(fd);
}

static void test_peer_leaves(void **state)
{
	struct fixture *f = *state;
	int fd = client_connect(f);
	client_send(fd, "GET /never HTTP/1.1\r\n\r\n");
	wait_for(&f->requests, 1);
	close(fd);
	wait_for(&f->aborted, 1);
	/* In the middle of a large answer, with unread data: a reset. */
	fd = client_connect(f);
	client_send(fd, "GET /stream HTTP/1.1\r\n\r\n");
	char some[1000];
	assert_int_equal(recv(fd, some, sizeof(some), MSG_WAITALL), sizeof(some));
	close(fd);
	wait_for(&f->aborted, 2);
	/* In the middle of a request: nobody is told. */
	fd = client_connect(f);
	client_send(fd, "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
	close(fd);
	fd = client_connect(f);
	client_send(fd, "GET /break HTTP/1.1\r\n\r\n");
	struct buf in = {0};
	client_read(fd, &in, SIZE_MAX / 4);
	wait_for(&f->aborted, 3);
	assert_int_equal(atomic_load(&f->answered), 0);
	buf_fini(&in);
	close(fd);
}

/* A slow reader: its window is full long before 8 MB. */
static void test_back_pressure(void **state)
{
	struct fixture *f = *state;
	int fd = client_connect_small(f, 65536);
	client_send(fd, "GET /big HTTP/1.1\r\n\r\n");
	wait_for(&f->requests, 1);
	struct buf in = {0};
	client_read(fd, &in, strlen(HEAD(8388608)) + BIG_BYTES);
	assert_memory_equal(in.data + strlen(HEAD(8388608)), f->big, BIG_BYTES);
	in.used = 0;
	client_send(fd, "GET /stream HTTP/1.1\r\nConnection: close\r\n\r\n");
	wait_for(&f->full, 1); /* the writer waits for us */
	assert_true(atomic_load(&f->marks) < BIG_BYTES / PIECE_BYTES);
	assert_int_equal(atomic_load(&f->drained), 0);
	client_read(fd, &in, SIZE_MAX / 4);
	wait_for(&f->answered, 2);
	assert_int_equal(atomic_load(&f->marks), BIG_BYTES / PIECE_BYTES);
	assert_true(atomic_load(&f->drained) > 0);
	const char *tail = "\r\n0\r\n\r\n";
	assert_memory_equal(in.data + in.used - strlen(tail), tail, strlen(tail));
	/* Every position counts from the connection's first byte, so that of the first answer is in them. */
	uint64_t start = strlen(HEAD(8388608)) + BIG_BYTES;
	assert_int_equal(f->last.out_end_pos - start, in.used);
	assert_int_equal(atomic_load(&f->last_mark_pos) - start, in.used - strlen(tail));
	buf_fini(&in);
	close(fd);
}

static void test_port_taken(void **state)
{
	struct fixture *f = *state;
	struct http_listener *l;
	struct err err = {0};
	char text[32], port[8];
	snprintf(port, sizeof(port), "%u", f->port);
	snprintf(text, sizeof(text), "127.0.0.1:%s", port);
	struct http_listen_config config = {.listen = text};
	assert_int_equal(http_listener_open(&l, &config, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, port));
	struct http_listen_config wrong = {.listen = "nonsense"};
	err = (struct err){0};
	assert_int_equal(http_listener_open(&l, &wrong, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nonsense"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_byte_by_byte),
		TEST(test_keep_alive_positions),
		TEST(test_fields),
		TEST(test_chunked_request),
		TEST(test_chunked_answer_and_marks),
		TEST(test_http10),
		TEST(test_continue),
		TEST(test_pipelined),
		TEST(test_garbage),
		TEST(test_random_bytes),
		TEST(test_oversize),
		TEST(test_peer_leaves),
		TEST(test_back_pressure),
		TEST(test_port_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
