// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/fake_postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/test.h"

#define MESSAGE_MAX 1024

struct client {
	struct fake_postgres *server;
	int fd;
};

static bool take(int fd, void *data, size_t bytes)
{
	char *at = data;

	while (bytes) {
		ssize_t n = recv(fd, at, bytes, 0);

		if (n <= 0)
			return false;
		at += n;
		bytes -= (size_t)n;
	}
	return true;
}

static bool give(int fd, const void *data, size_t bytes)
{
	return send(fd, data, bytes, MSG_NOSIGNAL) == (ssize_t)bytes;
}

/* A message's rest into body; its bytes, or -1. */
static int rest(int fd, char body[MESSAGE_MAX])
{
	uint32_t size;

	if (!take(fd, &size, sizeof(size)))
		return -1;
	size = ntohl(size) - 4;
	return size < MESSAGE_MAX && take(fd, body, size) ? (int)size : -1;
}

static void pause_while(struct fake_postgres *s)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	while (atomic_load(&s->hold) && !atomic_load(&s->stop))
		nanosleep(&ms, NULL);
}

/* Two columns of text: "tenant", "12.5". */
static bool answer(struct client *c, bool known)
{
	/* a column: name, table, attribute, type (25: text), size, modifier, format */
#define COLUMN(name) name "\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
	static const char head[] = "2\0\0\0\4T\0\0\0\x2e\0\2" COLUMN("a") COLUMN("b");
	static const char row[] = "D\0\0\0\x18\0\2\0\0\0\6tenant\0\0\0\4"
				  "12.5";
	static const char none[] = "C\0\0\0\xdSELECT 0", one[] = "C\0\0\0\xdSELECT 1";

	if (!give(c->fd, head, sizeof(head) - 1))
		return false;
	if (known && !give(c->fd, row, sizeof(row) - 1))
		return false;
	return known ? give(c->fd, one, sizeof(one)) : give(c->fd, none, sizeof(none));
}

static bool has(const char *body, int bytes, const char *text)
{
	return text && memmem(body, (size_t)bytes, text, strlen(text));
}

/* One message of the client's after its start. */
static bool serve(struct client *c, bool *known)
{
	static const char ready[] = "Z\0\0\0\5I", parsed[] = "1\0\0\0\4";
	struct fake_postgres *s = c->server;
	char type, body[MESSAGE_MAX];
	int bytes = take(c->fd, &type, 1) ? rest(c->fd, body) : -1;

	if (bytes < 0)
		return false;
	switch (type) {
	case 'P':
		return give(c->fd, parsed, sizeof(parsed) - 1);
	case 'B':
		atomic_fetch_add(&s->asked, 1);
		*known = !has(body, bytes, s->unknown_digest);
		return !atomic_load(&s->breaks);
	case 'E':
		pause_while(s);
		return answer(c, *known);
	case 'S':
		return give(c->fd, ready, sizeof(ready) - 1);
	default:
		return type != 'X';
	}
}

static void *client_run(void *arg)
{
	static const char welcome[] = "R\0\0\0\x8\0\0\0\0Z\0\0\0\5I";
	struct client *c = arg;
	char body[MESSAGE_MAX];
	bool known = true;
	int one = 1;

	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (rest(c->fd, body) >= 0 && !atomic_load(&c->server->mute) && give(c->fd, welcome, sizeof(welcome) - 1))
		while (serve(c, &known))
			;
	while (atomic_load(&c->server->mute) && take(c->fd, body, 1))
		;
	shutdown(c->fd, SHUT_RDWR);
	atomic_fetch_add(&c->server->gone, 1);
	free(c);
	return NULL;
}

static void *accept_run(void *arg)
{
	struct fake_postgres *s = arg;

	for (;;) {
		int fd = accept(s->listen_fd, NULL, NULL);
		unsigned i = atomic_load(&s->connections);
		struct client *c = malloc(sizeof(*c));

		if (fd < 0 || i == FAKE_POSTGRES_CONNS_MAX || !c) {
			free(c);
			return NULL;
		}
		*c = (struct client){.server = s, .fd = fd};
		s->fd[i] = fd;
		assert_int_equal(pthread_create(&s->thread[i], NULL, client_run, c), 0);
		atomic_fetch_add(&s->connections, 1);
	}
}

void fake_postgres_start(struct fake_postgres *s)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	s->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(s->listen_fd, FAKE_POSTGRES_CONNS_MAX), 0);
	assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&address, &size), 0);
	s->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&s->acceptor, NULL, accept_run, s), 0);
}

void fake_postgres_stop(struct fake_postgres *s)
{
	atomic_store(&s->stop, true);
	shutdown(s->listen_fd, SHUT_RDWR);
	pthread_join(s->acceptor, NULL);
	close(s->listen_fd);
	for (unsigned i = 0; i < atomic_load(&s->connections); i++) {
		shutdown(s->fd[i], SHUT_RDWR);
		pthread_join(s->thread[i], NULL);
		close(s->fd[i]);
	}
}
