// SPDX-License-Identifier: GPL-2.0-only
// rooms: base http provider
/* The provider in this process, on a free port; what it logs is compared with what a raw client received. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "provider/provider.h"
#include "record/capture.h"

#define RECORDS_MAX 64
#define EVENTS_MAX 32768

struct rig {
	struct provider_config config;
	pthread_t thread;
	volatile int stop;
	atomic_uint port;
	int ret;
	struct err err;
	pthread_mutex_t lock; /* guards all below */
	struct record_provider record[RECORDS_MAX];
	unsigned records;
	struct record_event *event;
	unsigned events, batches;
	uint64_t events_tag;
};

static void sink_provider(void *ctx, const struct record_provider *p)
{
	struct rig *r = ctx;
	pthread_mutex_lock(&r->lock);
	assert_true(r->records < RECORDS_MAX);
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

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static struct rig *rig_new(const char *service_time)
{
	struct rig *r = calloc(1, sizeof(*r));
	r->event = calloc(EVENTS_MAX, sizeof(*r->event));
	r->config =
		(struct provider_config){.listen = "127.0.0.1:0", .seed = 1, .upstream_index = 3, .log_fd = -1, .stop = &r->stop};
	r->config.sink = (struct record_sink){.ctx = r, .provider = sink_provider, .events = sink_events};
	r->config.listening = rig_listening;
	r->config.ctx = r;
	snprintf(r->config.behaviour.service_time, sizeof(r->config.behaviour.service_time), "%s", service_time);
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

static void rig_start(struct rig *r)
{
	assert_int_equal(pthread_create(&r->thread, NULL, rig_main, r), 0);
	while (!atomic_load(&r->port))
		nap();
}

static void rig_free(struct rig *r)
{
	r->stop = 1;
	pthread_join(r->thread, NULL);
	assert_int_equal(r->ret, 0);
	free(r->event);
	free(r);
}

/* The record number n (from 0) once it is there. */
static struct record_provider rig_record(struct rig *r, unsigned n)
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
			nap();
	}
	assert_true(there);
	return p;
}

/* --- the client's side ------------------------------------------------------------------------------------------------------------ */

static int client_connect(struct rig *r, int receive_bytes)
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

static size_t request_make(struct buf *out, const char *target, const char *body)
{
	out->used = 0;
	assert_int_equal(buf_printf(out, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", target, strlen(body)), 0);
	assert_int_equal(buf_append(out, body, strlen(body)), 0);
	return out->used;
}

static size_t client_ask(int fd, const char *target, const char *body)
{
	struct buf text = {0};
	size_t n = request_make(&text, target, body);
	for (size_t sent = 0; sent < n;) {
		ssize_t took = send(fd, text.data + sent, n - sent, MSG_NOSIGNAL);
		assert_true(took > 0);
		sent += (size_t)took;
	}
	buf_fini(&text);
	return n;
}

/* Reads until the bytes end with `tail`; they stay in `in` behind what was there. */
static void client_read(int fd, struct buf *in, const char *tail)
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

#define ASK "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello [toll:00000000000000a%d]\"}]%s}"

static size_t client_chat(int fd, int tag, const char *more)
{
	char body[512];
	snprintf(body, sizeof(body), ASK, tag, more);
	return client_ask(fd, "/v1/chat/completions", body);
}

/* --- tests ------------------------------------------------------------------------------------------------------------------------ */

static void test_tag(void **state)
{
	(void)state;
	char tag[PROVIDER_TAG_BYTES + 1], text[128];
	provider_format_tag(tag, UINT64_C(0x0123456789abcdef));
	assert_string_equal(tag, "[toll:0123456789abcdef]");
	snprintf(text, sizeof(text), "[toll:00000000000000ff] x %s [toll:zzz] [toll:0123456789abcde]", tag);
	assert_int_equal(provider_find_tag(text, strlen(text)), UINT64_C(0x0123456789abcdef));
	assert_int_equal(provider_find_tag(tag, PROVIDER_TAG_BYTES), UINT64_C(0x0123456789abcdef));
	assert_int_equal(provider_find_tag(tag, PROVIDER_TAG_BYTES - 1), 0);
	assert_int_equal(provider_find_tag("", 0), 0);
	assert_int_equal(provider_find_tag("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 30), 0);
}

static void test_plain(void **state)
{
	(void)state;
	struct rig *r = rig_new("2ms");
	struct buf in = {0};
	uint64_t sent = 0, received = 0;
	rig_start(r);
	int fd = client_connect(r, 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		uint64_t turn_sent = client_chat(fd, (int)turn + 1, ",\"max_tokens\":3");
		in.used = 0;
		client_read(fd, &in, "}}");
		struct record_provider p = rig_record(r, turn);
		assert_int_equal(p.tag, 0xa1 + turn);
		assert_int_not_equal(p.conn, 0);
		assert_int_equal(p.in_start_pos, sent);
		assert_int_equal(p.in_end_pos, sent + turn_sent);
		assert_int_equal(p.out_start_pos, received);
		assert_int_equal(p.out_end_pos, received + in.used);
		assert_int_equal(p.out_body_pos, received + (size_t)(strstr(in.data, "\r\n\r\n") + 4 - in.data));
		assert_int_equal(p.planned_hold_ns, 2 * NS_PER_MS);
		assert_true(p.answer_first_ns - p.request_last_ns >= p.planned_hold_ns);
		assert_true(p.request_first_ns <= p.request_last_ns);
		assert_true(p.answer_first_ns <= p.answer_last_ns);
		assert_int_equal(p.http_status, 200);
		assert_int_equal(p.flags, 0);
		assert_int_equal(p.upstream_index, 3);
		assert_int_equal(p.tls_end_ns, 0);
		sent += turn_sent;
		received += in.used;
	}
	close(fd);
	buf_fini(&in);
	rig_free(r);
}

static void test_pauses(void **state)
{
	(void)state;
	struct rig *r = rig_new("0");
	struct buf in = {0};
	r->config.behaviour.pause_ns = 2 * NS_PER_MS;
	r->config.behaviour.head_pause_ns = 3 * NS_PER_MS;
	rig_start(r);
	int fd = client_connect(r, 0);
	client_chat(fd, 1, "");
	client_read(fd, &in, "\r\n\r\n"); /* the head comes alone */
	size_t head = in.used;
	client_read(fd, &in, "}}");
	struct record_provider p = rig_record(r, 0);
	assert_int_equal(p.out_body_pos, head);
	assert_int_equal(p.out_end_pos, in.used);
	assert_true(p.answer_last_ns - p.answer_first_ns >= 5 * NS_PER_MS);
	client_chat(fd, 2, ",\"stream\":true,\"max_tokens\":4");
	client_read(fd, &in, "0\r\n\r\n");
	p = rig_record(r, 1);
	assert_true(r->event[0].time_ns - p.answer_first_ns >= 3 * NS_PER_MS);
	assert_true(r->event[2].time_ns - p.answer_first_ns >= 5 * NS_PER_MS); /* the pause lies in the middle */
	close(fd);
	buf_fini(&in);
	rig_free(r);
}

#define EVENT_BYTES_MAX 1024

/* In the next bytes only: the sanitizer measures the whole rest of the text at each strstr(). */
static const char *find_near(const struct buf *in, const char *at, const char *key)
{
	size_t left = (size_t)(in->data + in->used - at);
	return memmem(at, left < EVENT_BYTES_MAX ? left : EVENT_BYTES_MAX, key, strlen(key));
}

/* Each logged position is the byte after an event with content, in order, in exactly what the client received. */
static void events_check(struct rig *r, const struct buf *in, unsigned tokens)
{
	static const char key[] = "\"delta\":{\"content\":\"";
	const char *at = in->data;
	assert_int_equal(r->events, tokens);
	for (unsigned k = 0; k < tokens; k++) {
		at = find_near(in, at, key);
		assert_non_null(at);
		at = find_near(in, at, "\n\n");
		assert_non_null(at);
		assert_int_equal(r->event[k].pos, at + 2 - in->data);
		assert_int_not_equal(r->event[k].time_ns, 0);
		if (k)
			assert_true(r->event[k].time_ns >= r->event[k - 1].time_ns);
	}
	assert_null(find_near(in, at, key));
}

static void stream_check(struct rig *r, unsigned tokens)
{
	struct buf in = {0};
	char more[96];
	rig_start(r);
	int fd = client_connect(r, 0);
	snprintf(more, sizeof(more), ",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":%u", tokens);
	size_t sent = client_chat(fd, 7, more);
	client_read(fd, &in, "data: [DONE]\n\n\r\n0\r\n\r\n");
	struct record_provider p = rig_record(r, 0);
	assert_int_equal(p.tag, 0xa7);
	assert_int_equal(r->events_tag, 0xa7);
	assert_int_equal(p.in_end_pos, sent);
	assert_int_equal(p.out_end_pos, in.used);
	assert_int_equal(p.chunks, tokens);
	assert_int_equal(p.flags, RECORD_PROVIDER_STREAM);
	assert_int_equal(r->batches, (tokens + 63) / 64);
	assert_non_null(strstr(in.data, "\"role\":\"assistant\""));
	assert_non_null(strstr(in.data, "\"finish_reason\":\"stop\""));
	assert_non_null(strstr(in.data, "\"completion_tokens\":"));
	events_check(r, &in, tokens);
	close(fd);
	buf_fini(&in);
	rig_free(r);
}

static void test_stream(void **state)
{
	(void)state;
	struct rig *r = rig_new("1ms");
	strcpy(r->config.behaviour.inter_token_time, "100us");
	stream_check(r, 150);
	stream_check(rig_new("0"), 200); /* all due at once */
	stream_check(rig_new("0"), 1);
}

static void test_head_early(void **state)
{
	(void)state;
	struct rig *r = rig_new("3ms");
	r->config.behaviour.head_early = true;
	struct buf in = {0};
	rig_start(r);
	int fd = client_connect(r, 0);
	client_chat(fd, 1, ",\"stream\":true,\"max_tokens\":2");
	client_read(fd, &in, "\r\n\r\n");
	size_t head = in.used;
	client_read(fd, &in, "\r\n0\r\n\r\n");
	struct record_provider p = rig_record(r, 0);
	assert_int_equal(p.out_body_pos, head);
	assert_true(r->event[0].time_ns - p.request_last_ns >= 3 * NS_PER_MS);
	assert_true(p.answer_first_ns < r->event[0].time_ns);
	events_check(r, &in, 2);
	close(fd);
	buf_fini(&in);
	rig_free(r);
}

/* A reader that sleeps until the provider's buffers are full: nothing is lost, and the positions still fit. */
static void test_slow_reader(void **state)
{
	(void)state;
	struct rig *r = rig_new("0");
	struct buf in = {0};
	rig_start(r);
	int fd = client_connect(r, 65536);
	client_chat(fd, 1, ",\"stream\":true,\"max_tokens\":30000");
	unsigned before = UINT_MAX, now = 0;
	while (now != before || !now) { /* until the provider makes no progress any more */
		before = now;
		for (int i = 0; i < 50; i++)
			nap();
		pthread_mutex_lock(&r->lock);
		now = r->events;
		pthread_mutex_unlock(&r->lock);
	}
	client_read(fd, &in, "data: [DONE]\n\n\r\n0\r\n\r\n");
	struct record_provider p = rig_record(r, 0);
	assert_int_equal(p.out_end_pos, in.used);
	events_check(r, &in, 30000);
	close(fd);
	buf_fini(&in);
	rig_free(r);
}

static void test_abort(void **state)
{
	(void)state;
	struct rig *r = rig_new("1h");
	strcpy(r->config.behaviour.first_token_time, "0");
	strcpy(r->config.behaviour.inter_token_time, "1h");
	struct buf in = {0};
	rig_start(r);
	int fd = client_connect(r, 0);
	client_chat(fd, 1, ",\"stream\":true,\"max_tokens\":5");
	client_read(fd, &in, "\n\n\r\n");
	close(fd);
	struct record_provider p = rig_record(r, 0);
	assert_int_equal(p.flags, RECORD_PROVIDER_STREAM | RECORD_PROVIDER_ABORTED);
	assert_int_equal(p.chunks, 1);
	assert_int_equal(p.out_end_pos, in.used);
	fd = client_connect(r, 0);
	client_chat(fd, 2, "");
	close(fd); /* during the hold: no byte was answered */
	p = rig_record(r, 1);
	assert_int_equal(p.flags, RECORD_PROVIDER_ABORTED);
	assert_int_equal(p.http_status, 0);
	assert_int_equal(p.answer_first_ns, 0);
	fd = client_connect(r, 0);
	client_chat(fd, 3, "");
	while (p.tag != 0xa3) { /* one that is open when the provider is stopped */
		nap();
		r->stop = 1;
		pthread_mutex_lock(&r->lock);
		p = r->record[r->records - 1];
		pthread_mutex_unlock(&r->lock);
		if (r->ret)
			break;
	}
	assert_int_equal(p.flags, RECORD_PROVIDER_ABORTED);
	close(fd);
	buf_fini(&in);
	rig_free(r);
}

/* 900 kB of prompt full of escapes; what counts stands behind it. */
static void test_large_body(void **state)
{
	(void)state;
	struct rig *r = rig_new("0");
	struct buf body = {0}, in = {0};
	rig_start(r);
	int fd = client_connect(r, 0);
	assert_int_equal(
		buf_printf(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"\\\\\"},{\"role\":\"user\",\"content\":\""),
		0);
	static const char piece[] = "so \\\"he\\\" said [toll:not a tag] \\\\";
	while (body.used < 900000)
		assert_int_equal(buf_append(&body, piece, sizeof(piece) - 1), 0);
	assert_int_equal(buf_printf(&body, "[toll:00000000000000b1]\"}],\"model\":\"a\\\"b\",\"stream\":true,\"max_tokens\":2}"),
			 0);
	size_t sent = client_ask(fd, "/v1/chat/completions", body.data);
	client_read(fd, &in, "\r\n0\r\n\r\n");
	struct record_provider p = rig_record(r, 0);
	assert_int_equal(p.tag, 0xb1);
	assert_int_equal(p.in_end_pos, sent);
	assert_int_equal(p.chunks, 2);
	assert_non_null(strstr(in.data, "\"model\":\"a\\\"b\""));
	close(fd);
	buf_fini(&body);
	buf_fini(&in);
	rig_free(r);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct {
		const char *target, *body, *status;
	} rows[] = {
		{"/nope", "{}", "HTTP/1.1 404 "},
		{"/v1/models", "", "HTTP/1.1 405 "},
		{"/v1/chat/completions", "{\"messages\":", "HTTP/1.1 400 "},
		{"/v1/chat/completions", "[]", "HTTP/1.1 400 "},
		{"/v1/chat/completions", "{\"messages\":5}", "HTTP/1.1 400 "},
		{"/v1/messages", "", "HTTP/1.1 400 "},
		{"/v1/embeddings", "{\"input\":[]}", "HTTP/1.1 400 "},
		{"/v1/embeddings", "{\"input\":[\"a\",\"b\"]}", "HTTP/1.1 200 "},
		{"/v1/messages?beta=true", "{\"messages\":[],\"max_tokens\":1}", "HTTP/1.1 200 "},
	};
	struct rig *r = rig_new("1us");
	rig_start(r);
	int fd = client_connect(r, 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = {0};
		client_ask(fd, rows[i].target, rows[i].body);
		client_read(fd, &in, "}");
		while (strstr(in.data, "\r\n\r\n") == NULL)
			client_read(fd, &in, "}");
		assert_memory_equal(in.data, rows[i].status, strlen(rows[i].status));
		struct record_provider p = rig_record(r, i);
		assert_int_equal(p.http_status, atoi(rows[i].status + 9));
		buf_fini(&in);
	}
	close(fd);
	rig_free(r);
}

static void test_cannot_run(void **state)
{
	(void)state;
	struct rig *r = rig_new("0");
	rig_start(r);
	struct provider_config second = r->config;
	char listen[32], port[16];
	struct err err = {0};
	snprintf(port, sizeof(port), "%u", atomic_load(&r->port));
	snprintf(listen, sizeof(listen), "127.0.0.1:%s", port);
	second.listen = listen;
	assert_int_equal(provider_run(&second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.text, port));
	err = (struct err){0};
	strcpy(second.behaviour.inter_token_time, "often");
	assert_int_equal(provider_run(&second, &err), -EINVAL);
	assert_non_null(strstr(err.text, "often"));
	rig_free(r);
}

/* --- the arrival log -------------------------------------------------------------------------------------------------------------- */

static void test_log(void **state)
{
	(void)state;
	struct rig *r = rig_new("0");
	struct buf in = {0}, log = {0};
	int pipe_fd[2];
	assert_int_equal(pipe(pipe_fd), 0);
	r->config.log_fd = pipe_fd[1];
	r->config.threads = 2;
	rig_start(r);
	int fd = client_connect(r, 0);
	client_chat(fd, 1, "");
	client_read(fd, &in, "}}");
	client_chat(fd, 2, ",\"stream\":true,\"max_tokens\":100");
	client_read(fd, &in, "\r\n0\r\n\r\n");
	size_t want = 3 * 8 + 2 * sizeof(struct record_provider) + 2 * (8 + sizeof(struct record_events)) - 8 +
		      100 * sizeof(struct record_event);
	while (log.used < want) { /* flushed within 50 ms, without our stopping it */
		assert_int_equal(buf_reserve(&log, 65536), 0);
		ssize_t n = read(pipe_fd[0], log.data + log.used, 65536);
		assert_true(n > 0);
		log.used += (size_t)n;
	}
	assert_int_equal(log.used, want);
	static const uint32_t types[] = {CAPTURE_PROVIDER, CAPTURE_EVENTS, CAPTURE_EVENTS, CAPTURE_PROVIDER};
	static const uint32_t sizes[] = {136, 32 + 64 * 16, 32 + 36 * 16, 136};
	size_t at = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t frame[2];
		memcpy(frame, log.data + at, sizeof(frame));
		assert_int_equal(frame[0], types[i]);
		assert_int_equal(frame[1], sizes[i]);
		at += sizeof(frame) + frame[1];
	}
	close(pipe_fd[0]); /* the reader goes: the provider answers on */
	client_chat(fd, 3, ",\"max_tokens\":3");
	in.used = 0;
	client_read(fd, &in, "}}");
	close(fd);
	rig_free(r);
	close(pipe_fd[1]);
	buf_fini(&in);
	buf_fini(&log);
}

/* --- TLS -------------------------------------------------------------------------------------------------------------------------- */

struct certificate {
	char dir[64], cert[96], key[96];
};

static void certificate_make(struct certificate *c)
{
	strcpy(c->dir, "/tmp/toll-provider-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	snprintf(c->cert, sizeof(c->cert), "%s/cert.pem", c->dir);
	snprintf(c->key, sizeof(c->key), "%s/key.pem", c->dir);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	FILE *f = fopen(c->cert, "w");
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	f = fopen(c->key, "w");
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void certificate_remove(const struct certificate *c)
{
	unlink(c->cert);
	unlink(c->key);
	rmdir(c->dir);
}

/* Reads application bytes until they end with `tail`; notes the ciphertext position behind each record that ended an event. */
static void tls_read(SSL *ssl, BIO *bio, struct buf *in, const char *tail, uint64_t *pos, unsigned *records)
{
	size_t n = strlen(tail);
	in->used = 0;
	while (in->used < n || memcmp(in->data + in->used - n, tail, n) != 0) {
		assert_int_equal(buf_reserve(in, 20000), 0);
		int got = SSL_read(ssl, in->data + in->used, 20000);
		assert_true(got > 0);
		in->used += (size_t)got;
		in->data[in->used] = '\0';
		pos[(*records)++] = BIO_number_read(bio);
	}
}

static void tls_check(struct rig *r, int version)
{
	struct buf in = {0}, text = {0};
	static uint64_t pos[256];
	unsigned records = 0, first_events = r->events;
	char body[256];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	SSL *ssl = SSL_new(ctx);
	int fd = client_connect(r, 0);
	BIO *bio = BIO_new_socket(fd, BIO_NOCLOSE);
	SSL_set_bio(ssl, bio, bio);
	assert_int_equal(SSL_connect(ssl), 1);
	uint64_t shaken_out = BIO_number_written(bio);
	for (unsigned turn = 0; turn < 2; turn++) {
		unsigned n = r->records;
		uint64_t before = BIO_number_written(bio);
		snprintf(body, sizeof(body), ASK, 5, turn ? "" : ",\"stream\":true,\"max_tokens\":4");
		size_t bytes = request_make(&text, "/v1/chat/completions", body);
		assert_int_equal(SSL_write(ssl, text.data, (int)bytes), bytes);
		tls_read(ssl, bio, &in, turn ? "}}" : "\r\n0\r\n\r\n", pos, &records);
		struct record_provider p = rig_record(r, n);
		assert_int_equal(p.tag, 0xa5);
		assert_int_equal(p.in_start_pos, before);
		assert_int_equal(p.in_end_pos, BIO_number_written(bio));
		assert_int_equal(p.out_end_pos, BIO_number_read(bio));
		assert_int_equal(p.tls_end_in_pos, shaken_out);
		assert_int_not_equal(p.tls_end_ns, 0);
		assert_true(p.tls_end_ns <= p.request_first_ns);
		if (!turn) {
			assert_int_equal(p.out_start_pos, p.tls_end_out_pos);
			assert_int_equal(r->events - first_events, 4);
		}
	}
	for (unsigned k = 0; k < 4; k++) { /* each token in a record of its own, the last one with the end */
		unsigned i = 0;
		while (i < records && pos[i] != r->event[first_events + k].pos)
			i++;
		assert_true(i < records);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	buf_fini(&in);
	buf_fini(&text);
}

static void test_tls(void **state)
{
	(void)state;
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct certificate c;
	certificate_make(&c);
	for (unsigned i = 0; i < 2; i++) {
		struct rig *r = rig_new("1ms");
		strcpy(r->config.behaviour.inter_token_time, "1ms");
		r->config.tls_cert = c.cert;
		r->config.tls_key = c.key;
		rig_start(r);
		int fd = client_connect(r, 0); /* plain HTTP to a TLS port: closed, nothing else happens */
		client_chat(fd, 1, "");
		char byte;
		while (recv(fd, &byte, 1, 0) > 0)
			;
		close(fd);
		tls_check(r, versions[i]);
		rig_free(r);
	}
	struct rig *r = rig_new("0");
	r->config.tls_cert = c.cert;
	struct err err = {0};
	assert_int_equal(provider_run(&r->config, &err), -EINVAL);
	r->config.tls_key = "/nonexistent/key.pem";
	err = (struct err){0};
	assert_int_equal(provider_run(&r->config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/nonexistent/key.pem"));
	free(r->event);
	free(r);
	certificate_remove(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tag),        cmocka_unit_test(test_plain),      cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_stream),     cmocka_unit_test(test_head_early), cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_abort),      cmocka_unit_test(test_large_body), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_cannot_run), cmocka_unit_test(test_log),        cmocka_unit_test(test_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
