// SPDX-License-Identifier: GPL-2.0-only
#include "session/peer_child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "session/child.h"

#define READY_NS (5 * NS_PER_S)
#define LOOK_NS (10 * NS_PER_MS)
#define STOP_NS (2 * NS_PER_S)
#define TRIES 3

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* Free now: whoever takes it in between makes the start fail, and another is tried. */
unsigned peer_child_port(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned port = 0;

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)) &&
	    !getsockname(fd, (struct sockaddr *)&address, &size))
		port = ntohs(address.sin_port);
	if (fd >= 0)
		close(fd);
	return port;
}

/* -1: nothing takes connections there. */
static int connect_to(unsigned port)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool accepts(unsigned port)
{
	int fd = connect_to(port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int ready_wait(struct peer_child *p, const char *name, const char *log_path, struct err *err)
{
	uint64_t until_ns = clock_now_ns() + READY_NS;
	char said[200];
	int status;

	while (clock_now_ns() < until_ns && !child_ended(p->pid, &status)) {
		if (accepts(p->port))
			return 0;
		clock_sleep_until(clock_now_ns() + LOOK_NS, NULL);
	}
	child_log_last_line(log_path, said, sizeof(said));
	peer_child_stop(p);
	return err_set(err, -ETIMEDOUT, "%s did not start: %s", name, said[0] ? said : "it said nothing");
}

/* port: where argv has its place, with prefix before the number. */
static int start(struct peer_child *out, char *const *argv, char *port, size_t size, const char *prefix, const char *log_path,
		 struct err *err)
{
	struct child_spec spec = {.argv = argv, .log_path = log_path};
	int ret = -EADDRINUSE;

	for (unsigned i = 0; i < TRIES && ret; i++) {
		struct err why = {0};

		out->port = peer_child_port();
		snprintf(port, size, "%s%u", prefix, out->port);
		ret = child_start(&spec, &out->pid, &why);
		if (!ret)
			ret = ready_wait(out, argv[0], log_path, &why);
		if (ret && i + 1 == TRIES)
			err_set(err, ret, "%s", why.text);
	}
	return ret;
}

int peer_child_start_redis(struct peer_child *out, const char *log_path, struct err *err)
{
	char program[256], port[16];
	char *argv[] = {"redis-server", "--port", port,    "--bind", "127.0.0.1",   "--save", "",
			"--appendonly", "no",     "--dir", "/tmp",   "--maxmemory", "64mb",   "--maxmemory-policy",
			"allkeys-lru",  NULL};

	*out = (struct peer_child){0};
	if (child_find_program("redis-server", program, sizeof(program)))
		return err_set(err, -ENOTSUP,
			       "the scenario's cache needs redis-server (Debian's package redis-server); install it, or "
			       "run against a gateway of your own");
	return start(out, argv, port, sizeof(port), "", log_path, err);
}

int peer_child_start_billing(struct peer_child *out, const char *log_path, struct err *err)
{
	char listen[40];
	char *argv[] = {"/proc/self/exe", "provider", listen, "--service-time=1ms", NULL};

	*out = (struct peer_child){0};
	return start(out, argv, listen, sizeof(listen), "--listen=127.0.0.1:", log_path, err);
}

int peer_child_clear_redis(const struct peer_child *p, struct err *err)
{
	static const char ask[] = "FLUSHALL\r\n";
	const struct timeval limit = {.tv_sec = READY_NS / NS_PER_S};
	char answer[3] = "";
	int fd = connect_to(p->port);
	bool done = fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) &&
		    send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) == sizeof(ask) - 1 &&
		    recv(fd, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer) && !memcmp(answer, "+OK", sizeof(answer));

	if (fd >= 0)
		close(fd);
	return done ? 0
		    : err_set(err, -EIO, "the run's redis-server on port %u could not be cleared: it did not answer OK", p->port);
}

void peer_child_stop(struct peer_child *p)
{
	if (p->pid > 0)
		child_stop(p->pid, SIGTERM, STOP_NS, NULL);
	p->pid = 0;
}
