// rooms: base http gateway tests/support/gateway_rig record/tag
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/forward.h"
#include "tests/support/gateway_rig.h"

/* --- tests ------------------------------------------------------------------------------------------------------------------ */

static void test_plain(void **state)
{
	(void)state;
	static const struct planned plan[] = {{.part = {OK("5", "hello")}}, {.part = {OK("3", "abc")}}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};
	struct gateway_truth truth[2];

	upstream_open(&u, plan, 2);
	gateway_open(&g, u.port, "none");
	ask(g.port, POST("32", "{\"p\":\"[toll:00000000000000ab]\"}  "), &answer);
	assert_has(&answer, "HTTP/1.1 200");
	assert_has(&answer, "Content-Type: text/plain\r\n");
	assert_has(&answer, "X-Theirs: y\r\n");
	assert_has(&answer, "\r\n\r\nhello");
	ask(g.port, POST("0", ""), &answer);
	assert_has(&answer, "\r\n\r\nabc");
	assert_int_equal(gateway_close(&g, truth, 2), 2);
	assert_int_equal(truth[0].tag, 0xab);
	assert_int_equal(truth[0].upstream_turns, 1);
	assert_int_equal(truth[0].side_ns[GATEWAY_REQUEST], 0);
	assert_int_equal(truth[1].tag, 0);
	assert_int_equal(u.connections, 1); /* kept */
	assert_has(&u.seen, "POST /v1/chat/completions HTTP/1.1\r\n");
	assert_has(&u.seen, "X-Mine: yes\r\n");
	assert_has(&u.seen, "Content-Length: 32\r\n\r\n{\"p\"");
	assert_lacks(&u.seen, "X-Hop");
	assert_lacks(&u.seen, "Host: gateway");
	upstream_close(&u);
	buf_fini(&answer);
}

#define CHUNKED "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

/* Each piece reaches the client before the upstream writes the next one, byte for byte. */
static void test_stream_goes_through_as_it_arrives(void **state)
{
	(void)state;
	static const struct planned plan[] = {
		{.part = {CHUNKED "9\r\ndata: 1\n\n\r\n", "9\r\ndata: 2\n\n\r\n", "e\r\ndata: [DONE]\n\n\r\n", "0\r\n\r\n"},
		 .step = true}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};
	struct gateway_truth truth;

	upstream_open(&u, plan, 1);
	gateway_open(&g, u.port, "cpu=20us@chunk");
	int fd = connect_loopback(g.port);
	send_text(fd, POST("2", "{}"));
	assert_true(receive_until(fd, &answer, "9\r\ndata: 1\n\n\r\n"));
	assert_lacks(&answer, "data: 2");
	upstream_step(&u);
	assert_true(receive_until(fd, &answer, "9\r\ndata: 2\n\n\r\n"));
	upstream_step(&u);
	assert_true(receive_until(fd, &answer, "e\r\ndata: [DONE]\n\n\r\n"));
	upstream_step(&u);
	assert_true(receive_until(fd, &answer, NULL));
	assert_has(&answer, "[DONE]\n\n\r\n0\r\n\r\n");
	close(fd);
	assert_int_equal(gateway_close(&g, &truth, 1), 1);
	assert_int_equal(truth.chunks, 3);
	assert_true(truth.side_cpu_ns[GATEWAY_CHUNK] >= 2 * 20 * NS_PER_US); /* the end of the stream is no chunk */
	assert_int_equal(truth.side_ns[GATEWAY_RESPONSE], 0);
	upstream_close(&u);
	buf_fini(&answer);
}

static void test_truth_is_at_least_the_plant(void **state)
{
	(void)state;
	static const struct planned plan[] = {{.part = {OK("5", "hello")}}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};
	struct gateway_truth truth;

	upstream_open(&u, plan, 1);
	gateway_open(
		&g, u.port,
		"sleep=2ms@request,cpu=1ms@request,handoff@response,cpu=3ms@response,sleep=1ms@response,syscalls=10@response");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "hello");
	assert_int_equal(gateway_close(&g, &truth, 1), 1);
	assert_true(truth.side_ns[GATEWAY_REQUEST] >= 3 * NS_PER_MS);
	assert_in_range(truth.side_cpu_ns[GATEWAY_REQUEST], NS_PER_MS, truth.side_ns[GATEWAY_REQUEST] - 2 * NS_PER_MS);
	assert_true(truth.side_ns[GATEWAY_RESPONSE] >= 4 * NS_PER_MS);
	assert_in_range(truth.side_cpu_ns[GATEWAY_RESPONSE], 3 * NS_PER_MS, truth.side_ns[GATEWAY_RESPONSE] - NS_PER_MS);
	assert_int_equal(truth.side_ns[GATEWAY_CHUNK], 0);
	upstream_close(&u);
	buf_fini(&answer);
}

#define SLEEPERS 20

/* How many have an answer; *last: the one of them that was sent last, *first: the one without that was sent first. */
static unsigned count_answered(const int fd[SLEEPERS], int *last, int *first)
{
	struct pollfd p[SLEEPERS];
	unsigned count = 0;

	for (int i = 0; i < SLEEPERS; i++)
		p[i] = (struct pollfd){.fd = fd[i], .events = POLLIN};
	assert_true(poll(p, SLEEPERS, WAIT_MS) >= 0);
	*last = -1;
	*first = SLEEPERS;
	for (int i = 0; i < SLEEPERS; i++) {
		if (p[i].revents)
			*last = i;
		else if (*first == SLEEPERS)
			*first = i;
		count += p[i].revents != 0;
	}
	return count;
}

/* A sleep is a timer: while half of the requests sleep for an hour, the one worker answers those that came later. */
static void test_sleeps_do_not_block_the_thread(void **state)
{
	(void)state;
	static const struct planned plan[] = {{.part = {OK("5", "hello")}, .hang_up = true},
					      {.part = {OK("5", "hello")}, .hang_up = true},
					      {.part = {OK("5", "hello")}, .hang_up = true},
					      {.part = {OK("5", "hello")}, .hang_up = true}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	int fd[SLEEPERS], last = -1, first = 0;

	upstream_open(&u, plan, 4);
	gateway_open(&g, u.port, "sleep=1h@request/2");
	for (int i = 0; i < SLEEPERS; i++) {
		fd[i] = connect_loopback(g.port);
		send_text(fd[i], POST("2", "{}"));
	}
	while (count_answered(fd, &last, &first) < 3)
		;
	assert_true(first < last);
	for (int i = 0; i < SLEEPERS; i++)
		close(fd[i]);
	gateway_close(&g, NULL, 0);
	upstream_close(&u);
}

static void test_one_in_n(void **state)
{
	(void)state;
	static const struct planned plan[] = {{.part = {OK("5", "hello")}}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};
	struct gateway_truth truth[101];
	unsigned planted = 0;

	upstream_open(&u, plan, 1);
	g.config.cache = true;
	gateway_open(&g, u.port, "syscalls=5@request/2");
	for (int i = 0; i < 100; i++)
		ask(g.port, POST("2", "{}"), &answer);
	assert_int_equal(gateway_close(&g, truth, 101), 100);
	for (int i = 0; i < 100; i++)
		planted += truth[i].side_ns[GATEWAY_REQUEST] > 0;
	assert_in_range(planted, 25, 75); /* seeded: the same each time */
	upstream_close(&u);
	buf_fini(&answer);
}

static void test_cache_tells_bodies_apart(void **state)
{
	(void)state;
	static const struct planned plan[] = {{.part = {OK("1", "a")}},
					      {.part = {OK("1", "b")}},
					      {.part = {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"}},
					      {.part = {CHUNKED "1\r\nc\r\n0\r\n\r\n"}}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};

	upstream_open(&u, plan, 4);
	g.config.cache = true;
	gateway_open(&g, u.port, "none");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "\r\n\r\na");
	ask(g.port, POST("2", "[]"), &answer);
	assert_has(&answer, "\r\n\r\nb");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "\r\n\r\na");
	assert_has(&answer, "X-Theirs: y\r\n");
	ask(g.port, POST("1", "3"), &answer);
	assert_has(&answer, "HTTP/1.1 500");
	ask(g.port, POST("1", "3"), &answer); /* a failure is not kept, a stream is */
	assert_has(&answer, "1\r\nc\r\n");
	ask(g.port, POST("1", "3"), &answer);
	assert_has(&answer, "text/event-stream");
	assert_has(&answer, "Content-Length: 1\r\n");
	assert_int_equal(u.requests, 4);
	gateway_close(&g, NULL, 0);
	upstream_close(&u);
	buf_fini(&answer);
}

static void test_retries(void **state)
{
	(void)state;
	static const struct planned plan[] = {
		{.part = {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"}},
		{.no_answer = true},
		{.part = {"HTTP/1.1 429 Slow down\r\nContent-Length: 900\r\n\r\nno"}},
		{.part = {OK("5", "hello")}},
		{.part = {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nn1"}},
		{.part = {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nn2"}},
		{.part = {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nn3"}},
		{.part = {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nn4"}},
	};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};
	struct gateway_truth truth[2];

	upstream_open(&u, plan, 8);
	g.config.retries = 3;
	gateway_open(&g, u.port, "none");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "HTTP/1.1 200");
	assert_has(&answer, "hello");
	assert_int_equal(u.requests, 4);
	ask(g.port, POST("2", "{}"), &answer); /* the last failure is passed on */
	assert_has(&answer, "HTTP/1.1 503");
	assert_has(&answer, "\r\n\r\nn4");
	assert_int_equal(gateway_close(&g, truth, 2), 2);
	assert_int_equal(truth[0].upstream_turns, 4);
	assert_int_equal(truth[1].upstream_turns, 4);
	upstream_close(&u);
	buf_fini(&answer);
}

/* A kept connection that the upstream has ended costs another connection, not an error, even without --retries. */
static void test_stale_connection(void **state)
{
	(void)state;
	static const struct planned plan[] = {{.part = {OK("1", "a")}, .hang_up = true}, {.part = {OK("1", "b")}}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};

	upstream_open(&u, plan, 2);
	gateway_open(&g, u.port, "none");
	ask(g.port, POST("2", "{}"), &answer);
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "\r\n\r\nb");
	assert_int_equal(u.connections, 2);
	gateway_close(&g, NULL, 0);
	upstream_close(&u);
	buf_fini(&answer);
}

static void test_upstream_refused(void **state)
{
	(void)state;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};
	struct gateway_truth truth;
	unsigned port;

	close(listen_loopback(&port));
	g.config.retries = 2;
	gateway_open(&g, port, "none");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "HTTP/1.1 502");
	assert_has(&answer, "refused");
	assert_int_equal(gateway_close(&g, &truth, 1), 1);
	assert_int_equal(truth.upstream_turns, 3);
	buf_fini(&answer);
}

static void test_bad_answers(void **state)
{
	(void)state;
	static const struct planned plan[] = {
		{.part = {"this is no HTTP\r\n\r\n"}, .hang_up = true},
		{.no_answer = true},
		{.part = {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"}, .hang_up = true},
		{.part = {"HTTP/1.1 200 OK\r\n\r\nto the end"}, .hang_up = true},
		{.part = {"HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};

	upstream_open(&u, plan, 5);
	gateway_open(&g, u.port, "none");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "HTTP/1.1 502");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "HTTP/1.1 502");
	ask(g.port, POST("2", "{}"), &answer); /* too late for a status: broken off */
	assert_has(&answer, "HTTP/1.1 200");
	assert_has(&answer, "Content-Length: 100\r\n");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "to the end");
	assert_has(&answer, "chunked");
	ask(g.port, POST("2", "{}"), &answer);
	assert_has(&answer, "HTTP/1.1 200");
	assert_lacks(&answer, "X-Early");
	gateway_close(&g, NULL, 0);
	upstream_close(&u);
	buf_fini(&answer);
}

static void test_client_leaves(void **state)
{
	(void)state;
	static const struct planned plan[] = {{.part = {CHUNKED "1\r\na\r\n"}}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};

	upstream_open(&u, plan, 1);
	gateway_open(&g, u.port, "none");
	int fd = connect_loopback(g.port);
	send_text(fd, POST("2", "{}"));
	assert_true(receive_until(fd, &answer, "1\r\na\r\n"));
	close(fd);
	for (int waited = 0; !u.peer_left && waited < WAIT_MS; waited++)
		clock_sleep_until(clock_now_ns() + NS_PER_MS, NULL);
	assert_true(u.peer_left); /* the upstream sees that nobody wants the rest */
	assert_int_equal(gateway_close(&g, NULL, 0), 1);
	upstream_close(&u);
	buf_fini(&answer);
}

#define FLOOD_BYTES (64 << 20)

/*
 * A client that does not read stops the upstream, not before the kernel's buffers are full but long before the gateway holds
 * it all.
 */
static void test_slow_client_holds_the_upstream(void **state)
{
	(void)state;
	static const struct planned plan[] = {
		{.part = {"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n"}, .flood = FLOOD_BYTES}};
	struct upstream u;
	struct gateway_thread g = {.port = 0};
	struct buf answer = {0};

	upstream_open(&u, plan, 1);
	gateway_open(&g, u.port, "none");
	int fd = connect_loopback(g.port);
	send_text(fd, POST("2", "{}"));
	size_t before = 0;
	for (int same = 0; same < 50; same = u.flooded == before && before ? same + 1 : 0) {
		before = u.flooded;
		clock_sleep_until(clock_now_ns() + 2 * NS_PER_MS, NULL);
	}
	assert_true(before < FLOOD_BYTES / 2);
	char part[65536];
	size_t got = 0;
	for (ssize_t n; (n = recv(fd, part, sizeof(part), 0)) > 0;)
		got += (size_t)n;
	assert_true(got > FLOOD_BYTES); /* head and body */
	assert_int_equal(u.flooded, FLOOD_BYTES);
	close(fd);
	gateway_close(&g, NULL, 0);
	upstream_close(&u);
	buf_fini(&answer);
}

/* The gateway ends while plants run, here and in the helper thread: nothing is left behind (the sanitizer looks). */
static void test_stop_in_the_middle(void **state)
{
	(void)state;
	static const char *const plants[] = {"sleep=1h@request", "handoff@request,sleep=1h@request"};
	unsigned port;
	int listener = listen_loopback(&port);

	for (int i = 0; i < 4; i++) {
		struct gateway_thread g = {.port = 0};
		gateway_open(&g, port, plants[i % 2]);
		int fd = connect_loopback(g.port);
		send_text(fd, POST("2", "{}"));
		if (i >= 2)
			close(fd);
		gateway_close(&g, NULL, 0);
		if (i < 2)
			close(fd);
	}
	close(listener);
}

/* Who sees it listen may look for its processes: plants, some of which have one, are made before. Here both would fail. */
static void test_it_listens_when_its_plants_are_there(void **state)
{
	(void)state;
	volatile int stop = 1;
	char listen[32], truth[32];
	unsigned port;
	int listener = listen_loopback(&port), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct gateway_config config = {.listen = listen, .upstream = "http://127.0.0.1:9", .truth_path = truth, .stop = &stop};
	struct err err = {0};

	snprintf(listen, sizeof(listen), "127.0.0.1:%u", port);
	snprintf(truth, sizeof(truth), "/proc/self/fd/%d", null); /* plants put their files beside it */
	assert_int_equal(gateway_plants_parse("fsync=1MiB@request", &config.plants, NULL), 0);
	assert_true(gateway_run(&config, &err) < 0);
	assert_non_null(strstr(err.text, "plant"));
	close(null);
	close(listener);
}

static void test_bad_config(void **state)
{
	(void)state;
	static const char *const urls[] = {"127.0.0.1:9",   "http://", "http://h:x", "http://h:70000",
					   "http://h/path", "ftp://h", "http://[::1"};
	volatile int stop = 1;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct err err = {0};
		struct gateway_config c = {.listen = "127.0.0.1:0", .upstream = urls[i], .stop = &stop};
		assert_int_equal(gateway_run(&c, &err), -EINVAL);
		assert_non_null(strstr(err.text, urls[i]));
	}
	struct err err = {0};
	struct gateway_config c = {
		.listen = "127.0.0.1:0", .upstream = "http://127.0.0.1:9", .stop = &stop, .truth_path = "/no/such/file"};
	assert_int_equal(gateway_run(&c, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_stream_goes_through_as_it_arrives),
		cmocka_unit_test(test_truth_is_at_least_the_plant),
		cmocka_unit_test(test_sleeps_do_not_block_the_thread),
		cmocka_unit_test(test_one_in_n),
		cmocka_unit_test(test_cache_tells_bodies_apart),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_stale_connection),
		cmocka_unit_test(test_upstream_refused),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_client_leaves),
		cmocka_unit_test(test_slow_client_holds_the_upstream),
		cmocka_unit_test(test_stop_in_the_middle),
		cmocka_unit_test(test_it_listens_when_its_plants_are_there),
		cmocka_unit_test(test_bad_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
