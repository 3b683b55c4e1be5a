// SPDX-License-Identifier: GPL-2.0-only
/*
 * A slow resolver: a name server of our own on a loopback address, which takes its time, and a look-up as a C library makes it: one
 * datagram to port 53, and the thread waits for the answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/plant_tool.h"

#define NAME_SERVER_PORT 53
#define HEADER_BYTES 12
#define MESSAGE_MAX 512
#define ADDRESSES_TRIED 1024
#define TIMEOUT_S 10 /* as long as a C library tries */

struct plant_resolver {
	int server, client;
	uint64_t delay_ns;
	uint16_t id;
	pthread_t thread;
	bool started;
};

/* "upstream.toll.invalid", type A, class IN (RFC 1035, 4.1). */
static const unsigned char question[] = "\10upstream\4toll\7invalid\0\0\1\0\1";
#define QUESTION_BYTES (sizeof(question) - 1)
/* The name of the question, A, IN, 0 s to live, 127.0.0.1. */
static const unsigned char record[] = "\300\14\0\1\0\1\0\0\0\0\0\4\177\0\0\1";
#define RECORD_BYTES (sizeof(record) - 1)

static void *serve(void *arg)
{
	struct plant_resolver *r = arg;
	unsigned char m[MESSAGE_MAX];
	struct sockaddr_in peer;

	for (;;) {
		socklen_t size = sizeof(peer);
		ssize_t n = recvfrom(r->server, m, sizeof(m), 0, (struct sockaddr *)&peer, &size);
		if (n < HEADER_BYTES)
			return NULL; /* shut down: nobody else writes to this address */
		clock_sleep_until(clock_now_ns() + r->delay_ns, NULL);
		m[2] |= 0x80; /* an answer */
		m[7] = 1; /* with one record */
		memcpy(m + HEADER_BYTES + QUESTION_BYTES, record, RECORD_BYTES);
		sendto(r->server, m, HEADER_BYTES + QUESTION_BYTES + RECORD_BYTES, 0, (struct sockaddr *)&peer, size);
	}
}

static void close_resolver(void *ctx)
{
	struct plant_resolver *r = ctx;

	shutdown(r->server, SHUT_RDWR);
	if (r->started)
		pthread_join(r->thread, NULL);
	close(r->server);
	close(r->client);
	free(r);
}

/* 127.53.x.y: the first that is free, for several threads and gateways serve names. */
static int address_bind(int fd, struct sockaddr_in *at)
{
	uint32_t first = (uint32_t)getpid() * 64;
	int ret = -EADDRINUSE;

	for (uint32_t i = 0; i < ADDRESSES_TRIED && ret == -EADDRINUSE; i++) {
		at->sin_addr.s_addr = htonl(0x7f350000u | ((first + i) & 0xffff));
		ret = bind(fd, (const struct sockaddr *)at, sizeof(*at)) ? -errno : 0;
	}
	return ret;
}

static int sockets_open(struct plant_resolver *r)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(NAME_SERVER_PORT)};
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};

	r->server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r->client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (r->server < 0 || r->client < 0)
		return -errno;
	int ret = address_bind(r->server, &at);
	if (ret)
		return ret;
	if (connect(r->client, (const struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(r->client, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
		return -errno;
	return 0;
}

static int open_resolver(const struct gateway_plant *p, const struct plant_site *site, void **ctx, struct err *err)
{
	struct plant_resolver *r = calloc(1, sizeof(*r));

	(void)site;
	if (!r)
		return err_set(err, -ENOMEM, "out of memory for a plant's resolver");
	r->delay_ns = p->amount;
	*ctx = r;
	int ret = sockets_open(r);
	if (ret)
		return err_set(err, ret, "cannot serve names on port 53 of a loopback address for a plant's resolver: %s",
			       strerror(-ret));
	ret = -pthread_create(&r->thread, NULL, serve, r);
	r->started = !ret;
	if (ret)
		return err_set(err, ret, "cannot start a plant's resolver: %s", strerror(-ret));
	pthread_setname_np(r->thread, "gateway-names");
	return 0;
}

static bool is_answer(const struct plant_resolver *r, const unsigned char *m, ssize_t n)
{
	return n >= (ssize_t)(HEADER_BYTES + QUESTION_BYTES + RECORD_BYTES) && m[0] == r->id >> 8 && m[1] == (r->id & 0xff) &&
	       (m[2] & 0x80) && (m[3] & 0x0f) == 0;
}

static uint64_t run_resolver(void *ctx, const struct gateway_plant *p)
{
	struct plant_resolver *r = ctx;
	unsigned char m[MESSAGE_MAX] = {0};
	uint64_t began_ns = clock_now_ns();

	(void)p;
	r->id++;
	m[0] = (unsigned char)(r->id >> 8);
	m[1] = (unsigned char)r->id;
	m[2] = 1; /* recursion desired */
	m[5] = 1; /* one question */
	memcpy(m + HEADER_BYTES, question, QUESTION_BYTES);
	if (send(r->client, m, HEADER_BYTES + QUESTION_BYTES, 0) < 0)
		return 0;
	ssize_t n;
	do
		n = recv(r->client, m, sizeof(m), 0);
	while (n > 0 && !is_answer(r, m, n)); /* one that was given up */
	return n > 0 ? clock_now_ns() - began_ns : 0;
}
const struct plant_tool plant_resolver = {open_resolver, run_resolver, close_resolver};
