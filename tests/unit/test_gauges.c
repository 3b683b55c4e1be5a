// rooms: base record probe/gauges probe/gauges_detail probe/gauges_pages probe/memory_limit probe/proc
// SPDX-License-Identifier: GPL-2.0-only
/* What this process itself holds, before and after it takes something. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/discover.h"
#include "probe/gauges_detail.h"
#include "probe/proc.h"
#include "tests/support/test.h"

static struct record_gauges look(void)
{
	struct record_gauges g = {0};
	uint32_t self = (uint32_t)getpid();

	assert_int_equal(discover_gauges(&self, 1, &g, NULL), 0);
	assert_int_equal(g.missing & ~(uint32_t)RECORD_GAUGES_NO_DISK,
			 RECORD_GAUGES_NO_PSS | RECORD_GAUGES_NO_RUNTIME); /* those are discover_pages() */
	return g;
}

static void test_descriptors_by_kind(void **state)
{
	struct record_gauges before = look(), after;
	int pipes[2], event, file, datagram;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	event = eventfd(0, EFD_CLOEXEC);
	file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	after = look();
	assert_int_equal(after.fd[RECORD_FD_PIPE], before.fd[RECORD_FD_PIPE] + 2);
	assert_int_equal(after.fd[RECORD_FD_ANON], before.fd[RECORD_FD_ANON] + 1);
	assert_int_equal(after.fd[RECORD_FD_FILE], before.fd[RECORD_FD_FILE] + 1);
	assert_int_equal(after.fd[RECORD_FD_SOCKET], before.fd[RECORD_FD_SOCKET] + 1);
	assert_int_equal(after.tcp[0], before.tcp[0] + 1);
	close(pipes[0]);
	close(pipes[1]);
	close(event);
	close(file);
	close(datagram);
}

static void connected(int *listener, int *client, int *server)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);

	*listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*listener, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(*listener, 1), 0);
	assert_int_equal(getsockname(*listener, (struct sockaddr *)&addr, &len), 0);
	*client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*client, (struct sockaddr *)&addr, len), 0);
	*server = accept(*listener, NULL, NULL);
	assert_true(*server >= 0);
}

static void test_sockets_by_state(void **state)
{
	struct record_gauges before = look(), after;
	int listener, client, server, closed, again[3];
	struct pollfd wait;

	(void)state;
	closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* never connected: an fd and nothing in the tables */
	connected(&listener, &client, &server);
	for (unsigned i = 0; i < 3; i++)
		again[i] = dup(i ? closed : client); /* more descriptors, no more sockets */
	after = look();
	assert_int_equal(after.fd[RECORD_FD_SOCKET], before.fd[RECORD_FD_SOCKET] + 7);
	assert_int_equal(after.tcp[7], before.tcp[7] + 1);
	assert_int_equal(after.tcp[1], before.tcp[1] + 2);
	assert_int_equal(after.tcp[10], before.tcp[10] + 1);
	for (unsigned i = 0; i < 3; i++)
		close(again[i]);
	assert_int_equal(send(client, "12345", 5, MSG_NOSIGNAL), 5);
	close(client);
	wait = (struct pollfd){.fd = server, .events = POLLRDHUP};
	assert_int_equal(poll(&wait, 1, 5000), 1);
	after = look();
	assert_int_equal(after.tcp[8], before.tcp[8] + 1);
	assert_int_equal(after.unread_bytes, before.unread_bytes + 5);
	close(server);
	close(listener);
	close(closed);
}

/* Both ends of two connections are this process': one end is a client of a port that is listened on, the other looks at that port. */
static void test_sockets_by_peer(void **state)
{
	uint8_t loopback[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	struct gauge_parts *parts = calloc(1, sizeof(*parts));
	uint32_t self = (uint32_t)getpid();
	int listener[2], client[2], server[2];
	struct record_gauges g;
	struct pollfd wait;

	(void)state;
	assert_non_null(parts);
	gauge_parts_init(parts);
	connected(&listener[0], &client[0], &server[0]);
	connected(&listener[1], &client[1], &server[1]);
	assert_int_equal(getsockname(listener[0], (struct sockaddr *)&addr, &len), 0);
	gauge_parts_label(parts, "db", loopback, ntohs(addr.sin_port));
	for (unsigned again = 0; again < 2; again++) { /* the second time from the begin */
		assert_int_equal(discover_gauges(&self, 1, &g, parts), 0);
		assert_string_equal(parts->of_peer[2].label, "db");
		assert_int_equal(parts->of_peer[0].tcp[1], 2);
		assert_int_equal(parts->of_peer[1].tcp[1], 1);
		assert_int_equal(parts->of_peer[2].tcp[1], 1);
		assert_int_equal(parts->processes, 1);
		assert_int_equal(parts->of_process[0].pid, self);
		assert_int_equal(parts->of_process[0].anon_bytes, g.anon_bytes + g.swap_bytes);
		assert_int_equal(parts->of_process[0].fds, g.fds);
	}
	close(server[0]); /* the client is in CLOSE_WAIT until it closes, too */
	wait = (struct pollfd){.fd = client[0], .events = POLLRDHUP};
	assert_int_equal(poll(&wait, 1, 5000), 1);
	assert_int_equal(discover_gauges(&self, 1, &g, parts), 0);
	assert_int_equal(parts->of_peer[2].tcp[8], 1);
	close(client[0]);
	close(client[1]);
	close(server[1]);
	close(listener[0]);
	close(listener[1]);
	free(parts);
}

struct look_for {
	uint64_t inode;
	struct proc_tcp s;
};

static int keep_it(void *ctx, const struct proc_tcp *s)
{
	struct look_for *l = ctx;

	if (s->inode == l->inode)
		l->s = *s;
	return s->inode == l->inode;
}

/* The line of /proc/self/net that has this inode. */
static bool printed(const char *path, uint64_t inode, struct proc_tcp *out)
{
	FILE *f = fopen(path, "r");
	char line[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = !proc_tcp_parse(line, out) && out->inode == inode;
	if (f)
		fclose(f);
	return found;
}

/* However the kernel is asked, it tells the same of each socket. */
static void test_tables_agree(void **state)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	int fd[4];
	struct stat st;

	(void)state;
	connected(&fd[0], &fd[1], &fd[2]);
	assert_int_equal(send(fd[1], "12345", 5, MSG_NOSIGNAL), 5);
	fd[3] = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd[3] >= 0)
		assert_true(!bind(fd[3], (struct sockaddr *)&any, sizeof(any)) && !listen(fd[3], 7));
	for (unsigned i = 0; i < 4 && fd[i] >= 0; i++) {
		struct look_for l = {0};
		struct proc_tcp s;

		assert_int_equal(fstat(fd[i], &st), 0);
		l.inode = st.st_ino;
		assert_int_equal(proc_tcp_each(i % 2 ? (uint32_t)getpid() : 0, keep_it, &l), 1);
		assert_true(printed(i == 3 ? "/proc/self/net/tcp6" : "/proc/self/net/tcp", st.st_ino, &s));
		assert_memory_equal(l.s.local, s.local, sizeof(s.local));
		assert_memory_equal(l.s.peer, s.peer, sizeof(s.peer));
		assert_int_equal(l.s.local_port, s.local_port);
		assert_int_equal(l.s.peer_port, s.peer_port);
		assert_int_equal(l.s.state, s.state);
		if (i != 1) /* whose five bytes are acknowledged at some moment */
			assert_int_equal(l.s.unsent_bytes, s.unsent_bytes);
		assert_int_equal(l.s.unread_bytes, s.unread_bytes);
		assert_int_equal(s.unread_bytes, i == 2 ? 5 : 0);
	}
	for (unsigned i = 0; i < 4; i++)
		if (fd[i] >= 0)
			close(fd[i]);
}

static void test_memory_by_kind(void **state)
{
	const size_t bytes = (size_t)16 << 20;
	struct record_gauges before = look(), mapped, touched;
	char *area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(area != MAP_FAILED);
	mapped = look();
	assert_true(mapped.mapped_bytes >= before.mapped_bytes + bytes);
	memset(area, 1, bytes);
	touched = look();
	assert_true(touched.anon_bytes >= mapped.anon_bytes + bytes - (1 << 20));
	munmap(area, bytes);
}

static void test_a_process_that_is_gone(void **state)
{
	uint32_t gone = 0x7fffffff;
	struct record_gauges g = {0}, zero = {0};

	(void)state;
	assert_int_equal(discover_gauges(&gone, 1, &g, NULL), -ESRCH);
	zero.missing = g.missing;
	assert_memory_equal(&g, &zero, sizeof(g));
}

/* A file open for writing, one for reading, the first one twice: its size counts, once, and the room that is left beside it. */
static void test_files_being_written(void **state)
{
	char name[] = "/tmp/toll-test-XXXXXX";
	struct record_gauges before = look(), after;
	int fd = mkstemp(name), again = dup(fd), reader = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0 && again >= 0 && reader >= 0);
	assert_int_equal(ftruncate(fd, 54321), 0);
	after = look();
	unlink(name);
	close(fd);
	close(again);
	close(reader);
	assert_int_equal(after.log_bytes, before.log_bytes + 54321);
	assert_int_equal(after.missing & RECORD_GAUGES_NO_DISK, 0);
	assert_true(after.disk_free_bytes > 0);
}

static struct gauge_pages pages_of(const char *smaps)
{
	struct gauge_pages pages = {.pss_bytes = 0};
	FILE *file = fmemopen((char *)(uintptr_t)smaps, strlen(smaps), "r"); /* "r" does not write */

	assert_non_null(file);
	gauge_pages_read(file, &pages);
	fclose(file);
	return pages;
}

#define MAPPING(range, mode, inode, name, kib)                                                                                   \
	range " " mode " 00000000 00:00 " inode "    " name "\nPss:   1 kB\nAnonymous:   " kib " kB\n"
#define NATIVE_MAPPINGS                                                                                                          \
	MAPPING("00400000-00500000", "r-xp", "77", "/usr/bin/node", "0")                                                         \
	MAPPING("1d8fa000-1fde2000", "rw-p", "0", "[heap]", "100") MAPPING("7f7a5c000000-7f7a5c07d000", "rw-p", "0", "", "40")

/* Node's pages at random places, one of them where Go's arenas might be; Go's; neither. */
static void test_heaps_of_runtimes(void **state)
{
	static const char v8_pages[] = MAPPING("ea807600000-ea807640000", "rw-p", "0", "", "256")
		MAPPING("c1b51640000-c1b51680000", "rw-p", "0", "", "200")
			MAPPING("b51e3680000-b51e36c0000", "rw-p", "0", "[anon:v8]", "250")
				MAPPING("2c10484c0000-2c1049404000", "rw-p", "0", "", "1000");
	static const char go_arenas[] = MAPPING("c000000000-c000400000", "rw-p", "0", "", "300")
		MAPPING("c004000000-c008000000", "rw-p", "0", "[anon: Go: heap]", "500");
	char all[4096];

	(void)state;
	snprintf(all, sizeof(all), "%s%s", NATIVE_MAPPINGS, v8_pages);
	struct gauge_pages p = pages_of(all);
	assert_int_equal(p.runtimes, RECORD_RUNTIME_V8);
	assert_int_equal(p.runtime_bytes, 1706 * 1024);
	assert_int_equal(p.native_bytes, 140 * 1024);
	assert_int_equal(p.pss_bytes, 7 * 1024);
	snprintf(all, sizeof(all), "%s%s", NATIVE_MAPPINGS, go_arenas);
	p = pages_of(all);
	assert_int_equal(p.runtimes, RECORD_RUNTIME_GO);
	assert_int_equal(p.runtime_bytes, 800 * 1024);
	assert_int_equal(p.native_bytes, 140 * 1024);
	p = pages_of(NATIVE_MAPPINGS);
	assert_int_equal(p.runtimes, 0);
	assert_int_equal(p.native_bytes, 140 * 1024);
}

static void test_network_and_pss(void **state)
{
	struct record_gauges before = look(), after;
	uint32_t self = (uint32_t)getpid();
	int listener, client, server;
	struct gauge_pages pages;
	char bytes[1000] = "";

	(void)state;
	connected(&listener, &client, &server);
	assert_int_equal(send(client, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	after = look();
	close(listener);
	close(client);
	close(server);
	assert_true(after.network_bytes >= before.network_bytes + 2 * sizeof(bytes)); /* by loopback: sent and received */
	discover_pages(&self, 1, &pages);
	assert_true(pages.pss_bytes > 0 && pages.pss_bytes <= after.rss_bytes + (1 << 20));
	assert_int_equal(pages.runtimes, 0);
	assert_in_range(pages.native_bytes, after.anon_bytes / 2, after.anon_bytes + (8 << 20));
}

static void test_memory_limit(void **state)
{
	(void)state;
	assert_true(discover_memory_limit((uint32_t)getpid()) >= (uint64_t)16 << 20);
	assert_true(discover_memory_limit((uint32_t)getpid()) <=
		    (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptors_by_kind),    cmocka_unit_test(test_sockets_by_state),
		cmocka_unit_test(test_sockets_by_peer),        cmocka_unit_test(test_memory_by_kind),
		cmocka_unit_test(test_a_process_that_is_gone), cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_files_being_written),    cmocka_unit_test(test_heaps_of_runtimes),
		cmocka_unit_test(test_network_and_pss),        cmocka_unit_test(test_tables_agree),
	};

	return cmocka_run_group_tests_name("gauges", tests, NULL, NULL);
}
