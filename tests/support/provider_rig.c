// SPDX-License-Identifier: GPL-2.0-only
#include "tests/support/provider_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

static void sink_provider(void *ctx, const struct record_provider *p)
{
	struct rig *r = ctx;
	pthread_mutex_lock(&r->lock);
	assert_true(r->records < RIG_RECORDS_MAX);
	r->record[r->records++] = *p;
	pthread_mutex_unlock(&r->lock);
}

static void sink_events(void *ctx, const struct record_events *head, const struct record_event *events)
{
	struct rig *r = ctx;
	pthread_mutex_lock(&r->lock);
	assert_int_equal(head->first, r->events);
	assert_int_equal(head->from_driver, 0);
	assert_in_range(head->count, 1, 64);
	memcpy(r->event + r->events, events, head->count * sizeof(*events));
	r->events += head->count;
	r->events_tag = head->id;
	r->batches++;
	pthread_mutex_unlock(&r->lock);
}

static void rig_listening(void *ctx, unsigned port)
{
	struct rig *r = ctx;
	atomic_store(&r->port, port);
}

static void *rig_main(void *arg)
{
	struct rig *r = arg;
	r->ret = provider_run(&r->config, &r->err);
	return NULL;
}

void rig_nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

struct rig *rig_new(const char *service_time)
{
	struct rig *r = calloc(1, sizeof(*r));
	r->event = calloc(RIG_EVENTS_MAX, sizeof(*r->event));
	r->config = (struct provider_config){
		.listen = "127.0.0.1:0", .seed = 1, .upstream_index = 3, .log_fd = -1, .start_fd = -1, .stop = &r->stop};
	r->config.sink = (struct record_sink){.ctx = r, .provider = sink_provider, .events = sink_events};
	r->config.listening = rig_listening;
	r->config.ctx = r;
	snprintf(r->config.behaviour.service_time, sizeof(r->config.behaviour.service_time), "%s", service_time);
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void rig_start(struct rig *r)
{
	assert_int_equal(pthread_create(&r->thread, NULL, rig_main, r), 0);
	while (!atomic_load(&r->port))
		rig_nap();
}

void rig_free(struct rig *r)
{
	r->stop = 1;
	pthread_join(r->thread, NULL);
	assert_int_equal(r->ret, 0);
	free(r->event);
	free(r);
}

struct record_provider rig_record(struct rig *r, unsigned n)
{
	uint64_t limit_ns = clock_now_ns() + 20 * NS_PER_S;
	struct record_provider p = {0};
	bool there = false;
	while (!there && clock_now_ns() < limit_ns) {
		pthread_mutex_lock(&r->lock);
		there = r->records > n;
		if (there)
			p = r->record[n];
		pthread_mutex_unlock(&r->lock);
		if (!there)
			rig_nap();
	}
	assert_true(there);
	return p;
}

/* --- the client's side ------------------------------------------------------------------------------------------------------------ */

int rig_connect(struct rig *r, int receive_bytes)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atomic_load(&r->port))};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct timeval limit = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	if (receive_bytes)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

size_t rig_request_make(struct buf *out, const char *target, const char *body)
{
	out->used = 0;
	assert_int_equal(buf_printf(out, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", target, strlen(body)), 0);
	assert_int_equal(buf_append(out, body, strlen(body)), 0);
	return out->used;
}

size_t rig_ask(int fd, const char *target, const char *body)
{
	struct buf text = {0};
	size_t n = rig_request_make(&text, target, body);
	for (size_t sent = 0; sent < n;) {
		ssize_t took = send(fd, text.data + sent, n - sent, MSG_NOSIGNAL);
		assert_true(took > 0);
		sent += (size_t)took;
	}
	buf_fini(&text);
	return n;
}

void rig_read(int fd, struct buf *in, const char *tail)
{
	size_t n = strlen(tail), from = in->used;
	while (in->used - from < n || memcmp(in->data + in->used - n, tail, n) != 0) {
		assert_int_equal(buf_reserve(in, 65536), 0);
		ssize_t got = recv(fd, in->data + in->used, 65535, 0);
		assert_true(got > 0);
		in->used += (size_t)got;
		in->data[in->used] = '\0';
	}
}

size_t rig_chat(int fd, int tag, const char *more)
{
	char body[512];
	snprintf(body, sizeof(body), RIG_ASK, tag, more);
	return rig_ask(fd, "/v1/chat/completions", body);
}
