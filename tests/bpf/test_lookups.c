// SPDX-License-Identifier: GPL-2.0-only
// rooms: base symbol probe tests/support/probe_threads
/* Name look-ups of the gateway, in a network namespace of their own: port 53 is free there. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/probe_threads.h"
#include "tests/support/test.h"

#define ANSWER_AFTER_NS (3 * NS_PER_MS)

static int server = -1;

static bool own_network(const char *test)
{
	struct ifreq lo = {.ifr_name = "lo"};
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(53), .sin6_addr = IN6ADDR_ANY_INIT};
	int none = 0;

	if (unshare(CLONE_NEWNET)) {
		printf("skip %s: no network namespace of our own: %s\n", test, strerror(errno));
		return false;
	}
	server = socket(AF_INET6, SOCK_DGRAM, 0);
	assert_int_equal(ioctl(server, SIOCGIFFLAGS, &lo), 0);
	lo.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(server, SIOCSIFFLAGS, &lo), 0);
	assert_int_equal(setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &none, sizeof(none)), 0);
	assert_int_equal(bind(server, (struct sockaddr *)&any, sizeof(any)), 0);
	return true;
}

/* Takes a query and, after a while, answers it. */
static void serve_one(void)
{
	struct sockaddr_in6 from;
	socklen_t bytes = sizeof(from);
	char text[64];
	ssize_t n = recvfrom(server, text, sizeof(text), 0, (struct sockaddr *)&from, &bytes);

	assert_true(n > 0);
	clock_sleep_until(clock_now_ns() + ANSWER_AFTER_NS, NULL);
	assert_int_equal(sendto(server, text, (size_t)n, 0, (struct sockaddr *)&from, bytes), n);
}

static int ask(int family, bool connected, unsigned queries)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(53), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr *to = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t bytes = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, SOCK_DGRAM, 0);

	if (connected)
		assert_int_equal(connect(fd, to, bytes), 0);
	for (unsigned i = 0; i < queries; i++)
		assert_int_equal(connected ? send(fd, "query", 5, 0) : sendto(fd, "query", 5, 0, to, bytes), 5);
	return fd;
}

/* Looks at the look-ups told since the record `from`; returns how many, unanswered ones counted apart. */
static unsigned lookups(const struct thread_rig *r, unsigned from, unsigned *unanswered)
{
	unsigned n = 0;

	*unanswered = 0;
	for (unsigned i = from; i < r->records; i++) {
		const struct wire_lookup *l = &r->record[i].lookup;

		if (l->h.kind != WIRE_KIND_LOOKUP)
			continue;
		n++;
		*unanswered += !l->end_ns;
		if (l->end_ns)
			assert_true(l->end_ns - l->start_ns > ANSWER_AFTER_NS && l->end_ns < clock_now_ns());
	}
	return n;
}

static void test_lookups(void **state)
{
	char text[64];
	unsigned unanswered;
	struct thread_rig r;
	bool answers;

	(void)state;
	if (!rig_open(&r, __func__, (struct thread_rig_config){0}))
		skip();
	answers = strstr(probe_paths(r.probe), "sk_data_ready") != NULL;
	for (int way = 0; way < 4; way++) {
		unsigned from = r.records, queries = 1 + (unsigned)way % 2;
		int fd = ask(way < 2 ? AF_INET : AF_INET6, way % 2, queries);

		for (unsigned i = 0; i < queries; i++) {
			serve_one();
			assert_int_equal(recv(fd, text, sizeof(text), 0), 5);
		}
		rig_collect(&r);
		assert_int_equal(lookups(&r, from, &unanswered), queries);
		assert_int_equal(unanswered, answers ? 0 : queries);
		close(fd);
	}
	rig_close(&r);
}

static void run_ask(struct rig_thread *self)
{
	(void)self;
	close(ask(AF_INET, true, 1));
}

/* A thread that ends without an answer, and a port that is no name server's. */
static void test_no_answer_and_no_query(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(5353), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct rig_thread asks = {.run = run_ask};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned unanswered;
	struct thread_rig r;

	(void)state;
	if (!rig_open(&r, __func__, (struct thread_rig_config){0}))
		skip();
	assert_int_equal(sendto(fd, "no query", 8, 0, (struct sockaddr *)&to, sizeof(to)), 8);
	rig_thread_start(&asks);
	rig_thread_join(&asks);
	for (uint64_t until_ns = clock_now_ns() + 5 * NS_PER_S; !rig_lives(&r, WIRE_THREAD_EXIT, NULL);) {
		assert_true(clock_now_ns() < until_ns);
		rig_collect(&r);
	}
	assert_int_equal(lookups(&r, 0, &unanswered), 1);
	assert_int_equal(unanswered, 1);
	close(fd);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_no_answer_and_no_query),
	};

	if (!own_network("test_lookups"))
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
