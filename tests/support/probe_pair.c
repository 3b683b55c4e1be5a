// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/probe_pair.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/paths_asked.h"
#include "tests/support/test.h"

static int keep_record(void *ctx, const void *data, uint32_t bytes)
{
	struct probe_pair *p = ctx;

	assert_in_range(bytes, sizeof(struct wire_header), sizeof(union any_record));
	if (p->records < PAIR_RECORDS_MAX)
		memcpy(&p->record[p->records++], data, bytes);
	return 0;
}

static void probes_on(struct probe_pair *p)
{
	struct probe_target self = {.pid = (uint32_t)getpid(), .role = WIRE_ROLE_GATEWAY};
	struct probe_config config = {
		.target = &self, .targets = 1, .ring_bytes = 1 << 20, .paths = paths_asked(), .record = keep_record, .ctx = p};
	struct err err = {0};

	if (probe_open(&p->probe, &config, &err))
		fail_msg("%s", err.text);
}

uint64_t pair_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t bytes = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes), 0);
	return cookie;
}

int pair_listen(uint16_t *port, int backlog)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, bytes), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &bytes), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

void pair_connect(struct probe_pair *p)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(p->port)};

	p->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(p->client, (struct sockaddr *)&addr, sizeof(addr)), 0);
	p->server = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_return_code(p->server, 0);
	p->client_cookie = pair_cookie(p->client);
	p->server_cookie = pair_cookie(p->server);
}

void pair_open(struct probe_pair *p, int probes_first)
{
	memset(p, 0, sizeof(*p));
	p->record = calloc(PAIR_RECORDS_MAX, sizeof(*p->record));
	assert_non_null(p->record);
	p->listener = pair_listen(&p->port, 16);
	if (probes_first)
		probes_on(p);
	pair_connect(p);
	if (!probes_first)
		probes_on(p);
}

void pair_close(struct probe_pair *p)
{
	probe_close(p->probe);
	close(p->client);
	close(p->server);
	close(p->listener);
	free(p->record);
}

void pair_collect(struct probe_pair *p)
{
	assert_int_equal(probe_flush(p->probe, true), 0);
	assert_return_code(probe_poll(p->probe), 0);
}

const struct wire_turn *pair_turn(const struct probe_pair *p, uint64_t cookie, uint32_t turn)
{
	const struct wire_turn *found = NULL;

	for (unsigned i = 0; i < p->records; i++) {
		const struct wire_turn *t = &p->record[i].turn;

		if (t->h.kind == WIRE_KIND_TURN && t->conn == cookie && t->turn == turn)
			found = t;
	}
	return found;
}

const struct wire_conn *pair_conn(const struct probe_pair *p, uint64_t cookie)
{
	for (unsigned i = 0; i < p->records; i++)
		if (p->record[i].h.kind == WIRE_KIND_CONN && p->record[i].conn.conn == cookie)
			return &p->record[i].conn;
	return NULL;
}

void pair_read_all(int fd, size_t n)
{
	char buf[65536];

	while (n) {
		ssize_t got = read(fd, buf, n < sizeof(buf) ? n : sizeof(buf));

		assert_true(got > 0);
		n -= (size_t)got;
	}
}

void pair_write_all(int fd, size_t n)
{
	char buf[65536];

	memset(buf, 't', sizeof(buf));
	while (n) {
		ssize_t put = write(fd, buf, n < sizeof(buf) ? n : sizeof(buf));

		assert_true(put > 0);
		n -= (size_t)put;
	}
}

uint64_t pair_counter(const struct probe_pair *p, enum wire_counter which)
{
	uint64_t counters[WIRE_COUNTERS];

	assert_int_equal(probe_counters(p->probe, counters), 0);
	return counters[which];
}
