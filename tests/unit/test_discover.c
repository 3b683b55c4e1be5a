// rooms: base probe/proc probe/docker_proxy probe/discover probe/discover_cgroup probe/gauges probe/gauges_detail probe/gauges_pages
// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "probe/discover.h"
#include "probe/docker_proxy.h"
#include "probe/proc.h"

#define CONTAINER_IP "10.91.0.2"
#define CONTAINER_PORT 8123

struct child_report {
	pid_t pid, grandchild;
	unsigned port;
};

static int listen_on(const char *ip, unsigned port, unsigned *got)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, ip, &a.sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8) ||
	    getsockname(fd, (struct sockaddr *)&a, &size))
		return -1;
	*got = ntohs(a.sin_port);
	return fd;
}

static void wait_forever(void)
{
	for (;;)
		pause();
}

/* A child listens and has a child of its own; master_closes: the listener stays with two grandchildren only. */
static void child_main(int out, bool master_closes)
{
	struct child_report r = {.pid = getpid()};
	int fd = listen_on("127.0.0.1", 0, &r.port);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "tolltest-master");
	for (int i = 0; i < (master_closes ? 2 : 1); i++) {
		r.grandchild = fork();
		if (r.grandchild == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			prctl(PR_SET_NAME, "tolltest worker) x"); /* brackets and spaces must not confuse the parser */
			if (!master_closes)
				close(fd);
			wait_forever();
		}
	}
	if (master_closes)
		close(fd);
	if (write(out, &r, sizeof(r)) != (ssize_t)sizeof(r))
		_exit(1);
	wait_forever();
}

static struct child_report child_start(bool master_closes)
{
	struct child_report r;
	int pipefd[2];

	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child_main(pipefd[1], master_closes);
	close(pipefd[1]);
	assert_int_equal(read(pipefd[0], &r, sizeof(r)), sizeof(r));
	close(pipefd[0]);
	return r;
}

/* Its own children end with it (PDEATHSIG). */
static void child_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_port_finds_owner_and_descendants(void **state)
{
	(void)state;
	struct discovered d;
	struct err err = {0};
	struct child_report r = child_start(false);

	assert_int_equal(discover_by_port("127.0.0.1", r.port, NULL, &d, &err), 0);
	assert_int_equal(d.pids, 2);
	assert_int_equal(d.pid[0], r.pid);
	assert_int_equal(d.pid[1], r.grandchild);
	assert_string_equal(d.comm, "tolltest-master");
	assert_non_null(strstr(d.exe, "test_discover"));
	assert_non_null(strstr(d.how, "and 1 child"));
	assert_string_equal(d.not_owner, "");
	assert_int_equal(discover_by_port("localhost", r.port, NULL, &d, &err), 0);
	child_stop(r.pid);
}

/* One stranger alone, to the same sockets. */
static void stranger_alone(struct proc_strangers *s, uint32_t pid, uint64_t born_ticks)
{
	free(s->at);
	s->at = calloc(1, sizeof(*s->at));
	assert_non_null(s->at);
	s->at[0] = (struct proc_stranger){.pid = pid, .born_ticks = born_ticks};
	s->count = 1;
}

static void test_strangers_are_not_looked_into_again(void **state)
{
	(void)state;
	struct proc_strangers s = {0};
	struct discovered d;
	struct err err = {0};
	struct child_report r = child_start(false), other;
	uint64_t born = 0;

	assert_int_equal(discover_by_port("127.0.0.1", r.port, &s, &d, &err), 0);
	assert_int_equal(d.pids, 2);
	assert_true(s.count > 0 && s.inodes == 1);
	for (size_t i = 0; i < s.count; i++)
		assert_int_not_equal(s.at[i].pid, r.pid);
	assert_int_equal(discover_by_port("127.0.0.1", r.port, &s, &d, &err), 0);
	assert_int_equal(d.pid[0], r.pid);
	assert_true(discover_alive((uint32_t)r.pid, &born));
	stranger_alone(&s, (uint32_t)r.pid, born);
	assert_int_equal(discover_by_port("127.0.0.1", r.port, &s, &d, &err), -ENOENT);
	stranger_alone(&s, (uint32_t)r.pid, born);
	proc_strangers_forget(&s);
	assert_int_equal(discover_by_port("127.0.0.1", r.port, &s, &d, &err), 0);
	stranger_alone(&s, (uint32_t)r.pid, born + 1); /* its number had another process then */
	assert_int_equal(discover_by_port("127.0.0.1", r.port, &s, &d, &err), 0);
	other = child_start(false);
	stranger_alone(&s, (uint32_t)other.pid, 0); /* to the sockets of the first */
	assert_true(discover_alive((uint32_t)other.pid, &s.at[0].born_ticks));
	assert_int_equal(discover_by_port("127.0.0.1", other.port, &s, &d, &err), 0);
	assert_int_equal(d.pid[0], other.pid);
	child_stop(other.pid);
	child_stop(r.pid);
	proc_strangers_fini(&s);
}

static void test_shared_listener_brings_the_parent(void **state)
{
	(void)state;
	struct discovered d;
	struct err err = {0};
	struct child_report r = child_start(true);

	assert_int_equal(discover_by_port("127.0.0.1", r.port, NULL, &d, &err), 0);
	assert_int_equal(d.pids, 3);
	assert_int_equal(d.pid[0], r.pid);
	child_stop(r.pid);
}

static void test_no_listener_names_neighbours(void **state)
{
	(void)state;
	struct discovered d;
	struct err err = {0};
	char want[16];
	unsigned port, free_port;
	int fd = listen_on("127.0.0.1", 0, &port);
	int other = listen_on("127.0.0.1", port + 1 <= 65535 ? port + 1 : 0, &free_port);

	if (other < 0) { /* taken: any other will do */
		other = listen_on("127.0.0.1", 0, &free_port);
	}
	close(other);
	assert_int_equal(discover_by_port("127.0.0.1", free_port, NULL, &d, &err), -ENOENT);
	snprintf(want, sizeof(want), "port %u", free_port);
	assert_non_null(strstr(err.text, want));
	assert_non_null(strstr(err.text, "nearest"));
	close(fd);
}

static void test_other_address_is_named(void **state)
{
	(void)state;
	struct discovered d;
	struct err err = {0};
	unsigned port;
	int fd = listen_on("127.0.0.7", 0, &port);

	assert_true(fd >= 0);
	assert_int_equal(discover_by_port("127.0.0.1", port, NULL, &d, &err), -ENOENT);
	assert_non_null(strstr(err.text, "127.0.0.7"));
	close(fd);
}

static void test_bad_host_and_port(void **state)
{
	(void)state;
	struct discovered d;
	struct err err = {0};

	assert_int_equal(discover_by_port("gateway.example", 80, NULL, &d, &err), -EINVAL);
	assert_non_null(strstr(err.text, "gateway.example"));
	memset(&err, 0, sizeof(err));
	assert_int_equal(discover_by_port("127.0.0.1", 70000, NULL, &d, &err), -EINVAL);
	assert_non_null(strstr(err.text, "70000"));
}

static void test_pid_and_comm(void **state)
{
	(void)state;
	struct discovered d;
	struct err err = {0};
	struct child_report r = child_start(false);

	assert_int_equal(discover_by_pid((uint32_t)r.pid, &d, &err), 0);
	assert_int_equal(d.pids, 2);
	assert_int_equal(discover_by_comm("tolltest-master", &d, &err), 0);
	assert_int_equal(d.pid[0], r.pid);
	child_stop(r.pid);
	assert_int_equal(discover_by_pid((uint32_t)r.pid, &d, &err), -ESRCH);
	memset(&err, 0, sizeof(err));
	assert_int_equal(discover_by_comm("tolltest-nobody", &d, &err), -ESRCH);
	assert_non_null(strstr(err.text, "tolltest-nobody"));
}

/* A pid with everything below it never contains the one who asks. */
static void test_never_ourselves(void **state)
{
	(void)state;
	struct discovered d;
	struct err err = {0};

	assert_int_equal(discover_by_pid((uint32_t)getppid(), &d, &err), 0);
	for (unsigned i = 0; i < d.pids; i++)
		assert_int_not_equal(d.pid[i], getpid());
}

static void test_cgroup(void **state)
{
	(void)state;
	struct discovered d;
	struct err err = {0};

	assert_int_equal(discover_by_cgroup("no/such/group", &d, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no/such/group"));

	/* a directory of our own stands for a cgroup: all that is read are its cgroup.procs */
	char dir[] = "/tmp/toll-test-cgroup-XXXXXX", sub[64], file[96];
	struct child_report r = child_start(false);
	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/inner", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	const char *where[] = {dir, sub};
	const pid_t who[] = {r.grandchild, r.pid};
	for (int i = 0; i < 2; i++) {
		snprintf(file, sizeof(file), "%s/cgroup.procs", where[i]);
		FILE *f = fopen(file, "w");
		assert_non_null(f);
		fprintf(f, "0\n%d\n", who[i]);
		fclose(f);
	}
	memset(&err, 0, sizeof(err));
	assert_int_equal(discover_by_cgroup(dir, &d, &err), 0);
	assert_int_equal(d.pids, 2);
	assert_int_equal(d.pid[0], r.pid); /* parents first, wherever they were found */
	assert_int_equal(d.pid[1], r.grandchild);
	child_stop(r.pid);
	for (int i = 1; i >= 0; i--) {
		snprintf(file, sizeof(file), "%s/cgroup.procs", where[i]);
		unlink(file);
		rmdir(where[i]);
	}
}

static void test_gauges_grow(void **state)
{
	(void)state;
	struct record_gauges before, after;
	uint32_t self = (uint32_t)getpid();
	uint64_t first, born;
	char ns[64];

	assert_int_equal(discover_gauges(&self, 1, &before, NULL), 0);
	assert_int_equal(before.processes, 1);
	assert_int_equal(before.threads, 1);
	uint64_t start = clock_thread_cpu_ns();
	while (clock_thread_cpu_ns() - start < 5 * NS_PER_MS)
		;
	size_t bytes = 8 << 20;
	char *memory = malloc(bytes);
	assert_non_null(memory);
	memset(memory, 1, bytes);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(discover_gauges(&self, 1, &after, NULL), 0);
	assert_true(after.cpu_ns >= before.cpu_ns + 5 * NS_PER_MS);
	assert_true(after.anon_bytes >= before.anon_bytes + bytes / 2);
	assert_int_equal(after.fds, before.fds + 1);
	close(fd);
	free(memory);
	uint32_t gone[2] = {self, 4194303};
	assert_int_equal(discover_gauges(gone, 2, &after, NULL), 0);
	assert_int_equal(after.processes, 1);
	assert_int_equal(discover_gauges(gone + 1, 1, &after, NULL), -ESRCH);
	assert_true(discover_alive(self, &born));
	assert_true(discover_alive(1, &first) && first < born);
	assert_false(discover_alive(4194303, &born));
	assert_int_equal(born, 0);
	/* a container's process is known here by the number that the host gave it */
	assert_int_equal(discover_pid_here(4242, 7),
			 proc_link(self, "ns/pid", ns, sizeof(ns)) || strcmp(ns, "pid:[4026531836]") ? 7 : 4242);
}

static int count_states(void *ctx, const struct proc_tcp *s)
{
	unsigned *count = ctx;

	count[s->state]++;
	return 0;
}

/* The connections of others come and go meanwhile: listeners are all that the short list holds. */
static void assert_listeners_alone(void)
{
	unsigned count[32] = {0}, listeners[32] = {0};

	assert_int_equal(proc_tcp_each(0, count_states, count), 0);
	assert_true(count[PROC_TCP_LISTEN] >= 1);
	assert_true(count[PROC_TCP_ESTABLISHED] >= 2);
	assert_int_equal(proc_tcp_listeners(0, count_states, listeners), 0);
	assert_true(listeners[PROC_TCP_LISTEN] >= 1);
	for (unsigned i = 0; i < 32; i++)
		assert_true(i == PROC_TCP_LISTEN || !listeners[i]);
}

static void test_socket_owner(void **state)
{
	(void)state;
	unsigned port;
	char comm[32];
	uint32_t pid;
	struct sockaddr_in a;
	socklen_t size = sizeof(a);
	int listener = listen_on("127.0.0.1", 0, &port);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(client, (struct sockaddr *)&a, &size), 0);
	int server = accept(listener, NULL, NULL);
	assert_int_equal(discover_socket_owner(ntohs(a.sin_port), (uint16_t)port, comm, sizeof(comm), &pid), 0);
	assert_int_equal(pid, getpid());
	assert_listeners_alone();
	assert_int_equal(discover_socket_owner(1, 1, comm, sizeof(comm), &pid), -ENOENT);
	close(server);
	close(client);
	close(listener);
}

static void test_parse_stat_and_tcp(void **state)
{
	(void)state;
	struct proc_entry e;
	struct proc_tcp s;
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(proc_stat_parse("12 (a b) c) S 7 1 1 0 -1 4194304 1 2 3 4 30 12 0 0 20 0 9 0 100\n", &e), 0);
	assert_int_equal(e.pid, 12);
	assert_int_equal(e.ppid, 7);
	assert_int_equal(e.ticks, 42);
	assert_int_equal(e.threads, 9);
	assert_int_equal(e.born_ticks, 100);
	assert_string_equal(e.comm, "a b) c");
	assert_int_equal(proc_stat_parse("12 a b c", &e), -EPROTO);
	const char *v4 =
		"   0: 0100007F:1F90 0200007F:C001 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100\n";
	assert_int_equal(proc_tcp_parse(v4, &s), 0);
	assert_int_equal(s.local_port, 8080);
	assert_int_equal(s.peer_port, 0xc001);
	assert_int_equal(s.state, PROC_TCP_LISTEN);
	assert_int_equal(s.inode, 12345);
	inet_ntop(AF_INET6, s.local, text, sizeof(text));
	assert_string_equal(text, "::ffff:127.0.0.1");
	const char *v6 = "   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 "
			 "00:00000000 "
			 "00000000     0        0 77 1 0 100\n";
	assert_int_equal(proc_tcp_parse(v6, &s), 0);
	inet_ntop(AF_INET6, s.local, text, sizeof(text));
	assert_string_equal(text, "::1");
	assert_int_equal(proc_tcp_parse("  sl  local_address rem_address   st tx_queue\n", &s), -EPROTO);
}

static void test_docker_proxy_parse(void **state)
{
	(void)state;
	struct docker_proxy p;
	static const char usual[] = "/usr/bin/docker-proxy\0-proto\0tcp\0-host-ip\0"
				    "0.0.0.0\0-host-port\0"
				    "8080\0-container-ip\0"
				    "172.17.0.2\0-container-port\0"
				    "80\0-use-listen-fd";
	static const char joined[] = "docker-proxy\0--container-ip=fd00::2\0--container-port=8000";
	static const char no_port[] = "docker-proxy\0-container-ip\0"
				      "172.17.0.2\0-container-port";
	static const char bad_ip[] = "docker-proxy\0-container-ip\0x\0-container-port\0"
				     "80";

	assert_int_equal(docker_proxy_parse(usual, sizeof(usual), &p), 0);
	assert_string_equal(p.ip, "172.17.0.2");
	assert_int_equal(p.port, 80);
	assert_int_equal(p.addr[15], 2);
	assert_int_equal(docker_proxy_parse(joined, sizeof(joined), &p), 0);
	assert_string_equal(p.ip, "fd00::2");
	assert_int_equal(p.port, 8000);
	assert_int_equal(docker_proxy_parse(no_port, sizeof(no_port), &p), -EINVAL);
	assert_int_equal(docker_proxy_parse(bad_ip, sizeof(bad_ip), &p), -EINVAL);
	assert_int_equal(docker_proxy_parse("", 0, &p), -EINVAL);
	assert_int_equal(docker_proxy_parse("docker-proxy", 12, &p), -EINVAL); /* no NUL at the end: cut off */
}

/* --- a stand-in for Docker: a network namespace with an address and a listener of its own, and a process called docker-proxy  */

static int add_address(const char *ip)
{
	struct ifreq r = {.ifr_name = "lo:0"};
	struct sockaddr_in *a = (struct sockaddr_in *)&r.ifr_addr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	a->sin_family = AF_INET;
	inet_pton(AF_INET, ip, &a->sin_addr);
	int ret = ioctl(fd, SIOCSIFADDR, &r);
	memset(&r, 0, sizeof(r));
	strcpy(r.ifr_name, "lo");
	r.ifr_flags = IFF_UP;
	if (!ret)
		ret = ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
	return ret;
}

static void container_main(int out)
{
	struct child_report r = {.pid = getpid()};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "tolltest-inside");
	if (unshare(CLONE_NEWNET) || add_address(CONTAINER_IP) || listen_on("0.0.0.0", CONTAINER_PORT, &r.port) < 0)
		r.pid = 0;
	if (write(out, &r, sizeof(r)) != (ssize_t)sizeof(r))
		_exit(1);
	wait_forever();
}

/* This program again, as docker-proxy: the kernel takes a process' name from the path it was started by. */
static void proxy_main(int out, const char *link)
{
	char out_text[16], port_text[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(out_text, sizeof(out_text), "%d", out);
	snprintf(port_text, sizeof(port_text), "%d", CONTAINER_PORT);
	execl(link, link, "-container-ip", CONTAINER_IP, "-container-port", port_text, out_text, NULL);
	_exit(127);
}

static int act_as_docker_proxy(const char *out_text)
{
	struct child_report r = {.pid = getpid()};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (listen_on("127.0.0.1", 0, &r.port) < 0 || write(atoi(out_text), &r, sizeof(r)) != (ssize_t)sizeof(r))
		return 1;
	wait_forever();
	return 0;
}

static pid_t start_piped(void (*container)(int out), const char *link, struct child_report *r)
{
	int pipefd[2];

	assert_int_equal(pipe(pipefd), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0 && container)
		container(pipefd[1]);
	else if (pid == 0)
		proxy_main(pipefd[1], link);
	close(pipefd[1]);
	assert_int_equal(read(pipefd[0], r, sizeof(*r)), sizeof(*r));
	close(pipefd[0]);
	return pid;
}

static void test_docker_proxy_is_followed(void **state)
{
	(void)state;
	struct child_report inside, proxy;
	struct discovered d;
	struct err err = {0};
	char dir[] = "/tmp/toll-test-proxy-XXXXXX", link[64];

	pid_t container = start_piped(container_main, NULL, &inside);
	if (!inside.pid) {
		child_stop(container);
		printf("skip test_docker_proxy_is_followed: no permission to make a network namespace\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	snprintf(link, sizeof(link), "%s/docker-proxy", dir);
	assert_int_equal(symlink("/proc/self/exe", link), 0);
	pid_t stand_in = start_piped(NULL, link, &proxy);
	struct discovered direct;
	assert_int_equal(discover_by_container(CONTAINER_IP, CONTAINER_PORT, &direct, &err), 0);
	assert_int_equal(direct.pid[0], inside.pid);
	assert_int_equal(discover_by_container(CONTAINER_IP, CONTAINER_PORT + 1, &direct, &err), -ENOENT);
	assert_int_equal(discover_by_container("gateway", CONTAINER_PORT, &direct, &err), -EINVAL);
	int ret = discover_by_port("127.0.0.1", proxy.port, NULL, &d, &err);
	child_stop(container);
	if (!ret) { /* with the container gone the proxy leads nowhere, and that is said */
		struct discovered nowhere;
		assert_int_equal(discover_by_port("127.0.0.1", proxy.port, NULL, &nowhere, &err), -ENOENT);
		assert_non_null(strstr(err.text, CONTAINER_IP));
	}
	child_stop(stand_in);
	unlink(link);
	rmdir(dir);
	assert_int_equal(ret, 0);
	assert_int_equal(d.pids, 1);
	assert_int_equal(d.pid[0], inside.pid);
	assert_string_equal(d.comm, "tolltest-inside");
	assert_non_null(strstr(d.not_owner, "docker-proxy"));
	assert_non_null(strstr(d.how, CONTAINER_IP));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_finds_owner_and_descendants),
		cmocka_unit_test(test_strangers_are_not_looked_into_again),
		cmocka_unit_test(test_shared_listener_brings_the_parent),
		cmocka_unit_test(test_no_listener_names_neighbours),
		cmocka_unit_test(test_other_address_is_named),
		cmocka_unit_test(test_bad_host_and_port),
		cmocka_unit_test(test_pid_and_comm),
		cmocka_unit_test(test_never_ourselves),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_gauges_grow),
		cmocka_unit_test(test_socket_owner),
		cmocka_unit_test(test_parse_stat_and_tcp),
		cmocka_unit_test(test_docker_proxy_parse),
		cmocka_unit_test(test_docker_proxy_is_followed),
	};

	if (argc == 6)
		return act_as_docker_proxy(argv[5]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
