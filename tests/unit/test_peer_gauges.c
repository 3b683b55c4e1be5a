// rooms: base record probe/discover probe/discover_cgroup probe/docker_proxy probe/gauges probe/gauges_detail probe/gauges_pages probe/proc session/peer_gauges
// SPDX-License-Identifier: GPL-2.0-only
/* CPU and memory of a peer on this host: this process is the peer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/peer_gauges.h"
#include "tests/support/test.h"

#define TAKEN_BYTES ((size_t)16 << 20)
#define BURNT_NS (60 * NS_PER_MS)

static int listen_here(char address[64])
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	snprintf(address, 64, "127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}

static void test_this_process(void **state)
{
	struct peer_gauges g;
	char address[64];
	int fd = listen_here(address);

	(void)state;
	peer_gauges_init(&g, address);
	peer_gauges_sample(&g, NS_PER_S);
	assert_true(g.seen.measured);
	assert_int_equal(g.seen.processes_max, 1);
	assert_int_equal(g.seen.cpu_ns, 0);
	uint64_t memory = g.seen.memory_initial_bytes;
	assert_true(memory > 0);
	char *taken = malloc(TAKEN_BYTES);
	memset(taken, 1, TAKEN_BYTES);
	for (uint64_t from_ns = clock_thread_cpu_ns(); clock_thread_cpu_ns() < from_ns + BURNT_NS;)
		;
	pid_t child = fork(); /* one that came since */
	if (child == 0)
		for (;;)
			pause();
	peer_gauges_sample(&g, 3 * NS_PER_S);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(g.seen.processes_max, 2);
	assert_int_equal(taken[TAKEN_BYTES - 1], 1);
	free(taken);
	assert_int_equal(g.seen.span_ns, 2 * NS_PER_S);
	assert_true(g.seen.cpu_ns >= BURNT_NS && g.seen.cpu_ns < 2 * NS_PER_S);
	assert_int_equal(g.seen.memory_initial_bytes, memory);
	assert_true(g.seen.memory_peak_bytes >= memory + TAKEN_BYTES);
	close(fd);
}

static void test_not_here(void **state)
{
	struct peer_gauges g;

	(void)state;
	peer_gauges_init(&g, "192.0.2.1:5432"); /* RFC 5737: nobody's */
	peer_gauges_sample(&g, NS_PER_S);
	assert_false(g.seen.measured);
	peer_gauges_init(&g, "nonsense");
	peer_gauges_sample(&g, NS_PER_S);
	assert_false(g.seen.measured);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_this_process),
		cmocka_unit_test(test_not_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
