/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/gateway_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- sockets ---------------------------------------------------------------------------------------------------------------- */

int listen_loopback(unsigned *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

int connect_loopback(unsigned port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

bool receive_until(int fd, struct buf *b, const char *mark)
{
	char part[4096];

	for (;;) {
		if (mark && b->used && strstr(b->data, mark))
			return true;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, WAIT_MS) != 1)
			return false;
		ssize_t n = recv(fd, part, sizeof(part), 0);
		if (n <= 0)
			return !mark;
		if (buf_append(b, part, (size_t)n) || buf_append(b, "", 1))
			return false;
		b->used--;
	}
}

/* --- the upstream: one thread, one connection at a time, its answers written down beforehand -------------------------------- */

/* Head and body by Content-Length. False: the connection ended. */
static bool read_request(int fd, struct buf *seen)
{
	struct buf b = {0};
	const char *length;
	size_t want = 0;

	bool ok = receive_until(fd, &b, "\r\n\r\n");
	if (ok) {
		length = strcasestr(b.data, "content-length: ");
		want = (size_t)(strstr(b.data, "\r\n\r\n") - b.data) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0);
	}
	while (ok && b.used < want) {
		char part[4096];
		ssize_t n = recv(fd, part, sizeof(part), 0);
		ok = n > 0 && !buf_append(&b, part, (size_t)n);
	}
	if (ok)
		ok = !buf_append(seen, b.data, b.used) && !buf_append(seen, "", 1);
	if (ok)
		seen->used--;
	buf_fini(&b);
	return ok;
}

static bool answer_planned(struct upstream *u, int fd, const struct planned *p)
{
	char byte;

	for (unsigned i = 0; i < PARTS_MAX && p->part[i]; i++) {
		if (i && p->step && read(u->step[0], &byte, 1) != 1)
			return false;
		if (send(fd, p->part[i], strlen(p->part[i]), MSG_NOSIGNAL) < 0)
			u->peer_left = true;
	}
	char flood[4096];
	memset(flood, 'f', sizeof(flood));
	for (size_t left = p->flood; left;) {
		ssize_t n = send(fd, flood, left < sizeof(flood) ? left : sizeof(flood), MSG_NOSIGNAL);
		if (n < 0)
			return false;
		left -= (size_t)n;
		u->flooded += (size_t)n;
	}
	return !p->hang_up && !p->no_answer;
}

static void *upstream_thread(void *arg)
{
	struct upstream *u = arg;

	while (u->requests < u->planned) {
		int fd = accept(u->listener, NULL, NULL);
		if (fd < 0)
			break;
		u->connections++;
		while (u->requests < u->planned && read_request(fd, &u->seen)) {
			const struct planned *p = &u->plan[u->requests];
			u->requests++;
			if (!answer_planned(u, fd, p))
				break;
		}
		if (u->requests == u->planned) { /* the last connection stays until the peer has gone */
			struct buf rest = {0};
			receive_until(fd, &rest, NULL);
			u->peer_left = true;
			buf_fini(&rest);
		}
		close(fd);
	}
	return NULL;
}

void upstream_open(struct upstream *u, const struct planned *plan, unsigned planned)
{
	*u = (struct upstream){.plan = plan, .planned = planned};
	u->listener = listen_loopback(&u->port);
	assert_int_equal(pipe(u->step), 0);
	assert_int_equal(pthread_create(&u->thread, NULL, upstream_thread, u), 0);
}

void upstream_step(struct upstream *u)
{
	assert_int_equal(write(u->step[1], "x", 1), 1);
}

void upstream_close(struct upstream *u)
{
	shutdown(u->listener, SHUT_RDWR);
	pthread_join(u->thread, NULL);
	close(u->listener);
	close(u->step[0]);
	close(u->step[1]);
	buf_fini(&u->seen);
}

/* --- the gateway in a thread ------------------------------------------------------------------------------------------------ */

static void tell_port(void *ctx, unsigned port)
{
	struct gateway_thread *g = ctx;

	if (write(g->port_pipe[1], &port, sizeof(port)) != (ssize_t)sizeof(port))
		g->ret = -EIO;
}

static void *run_gateway(void *arg)
{
	struct gateway_thread *g = arg;

	g->ret = gateway_run(&g->config, &g->err);
	return NULL;
}

void gateway_open(struct gateway_thread *g, unsigned upstream_port, const char *plants)
{
	g->stop = 0;
	snprintf(g->upstream, sizeof(g->upstream), "http://127.0.0.1:%u", upstream_port);
	strcpy(g->truth, "/tmp/toll-test-truth-XXXXXX");
	close(mkstemp(g->truth));
	g->config.listen = "127.0.0.1:0";
	g->config.upstream = g->upstream;
	g->config.truth_path = g->truth;
	g->config.stop = &g->stop;
	g->config.listening = tell_port;
	g->config.ctx = g;
	assert_int_equal(gateway_plants_parse(plants, &g->config.plants, NULL), 0);
	assert_int_equal(pipe(g->port_pipe), 0);
	assert_int_equal(pthread_create(&g->thread, NULL, run_gateway, g), 0);
	assert_int_equal(read(g->port_pipe[0], &g->port, sizeof(g->port)), sizeof(g->port));
}

size_t gateway_close(struct gateway_thread *g, struct gateway_truth *truth, size_t room)
{
	struct buf b = {0};

	g->stop = 1;
	pthread_join(g->thread, NULL);
	assert_int_equal(g->ret, 0);
	close(g->port_pipe[0]);
	close(g->port_pipe[1]);
	assert_int_equal(buf_read_file(&b, g->truth, 1 << 20), 0);
	unlink(g->truth);
	assert_int_equal(b.used % sizeof(*truth), 0);
	size_t rows = b.used / sizeof(*truth);
	if (truth && rows)
		memcpy(truth, b.data, (rows < room ? rows : room) * sizeof(*truth));
	buf_fini(&b);
	return rows;
}

void ask(unsigned port, const char *request, struct buf *answer)
{
	int fd = connect_loopback(port);

	answer->used = 0;
	send_text(fd, request);
	assert_true(receive_until(fd, answer, NULL));
	close(fd);
}

void assert_has(const struct buf *b, const char *text)
{
	if (!b->used || !strstr(b->data, text))
		fail_msg("expected \"%s\" in \"%s\"", text, b->used ? b->data : "");
}

void assert_lacks(const struct buf *b, const char *text)
{
	if (b->used && strcasestr(b->data, text))
		fail_msg("\"%s\" should not be in \"%s\"", text, b->data);
}
