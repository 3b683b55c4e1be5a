// SPDX-License-Identifier: GPL-2.0-only
// rooms: base http provider tests/support/provider_rig record/tag record/said
/* What the provider logs is compared with what a raw client received. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "provider/faults.h"
#include "record/capture.h"
#include "record/tag.h"
#include "tests/support/provider_rig.h"

/* --- tests ------------------------------------------------------------------------------------------------------------------------ */

static void test_tag(void **state)
{
	(void)state;
	char tag[TAG_BYTES + 1], text[128];
	tag_format(tag, UINT64_C(0x0123456789abcdef));
	assert_string_equal(tag, "[toll:0123456789abcdef]");
	snprintf(text, sizeof(text), "[toll:00000000000000ff] x %s [toll:zzz] [toll:0123456789abcde]", tag);
	assert_int_equal(tag_find(text, strlen(text)), UINT64_C(0x0123456789abcdef));
	assert_int_equal(tag_find(tag, TAG_BYTES), UINT64_C(0x0123456789abcdef));
	assert_int_equal(tag_find(tag, TAG_BYTES - 1), 0);
	assert_int_equal(tag_find("", 0), 0);
	assert_int_equal(tag_find("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 30), 0);
}

static void test_plain(void **state)
{
	(void)state;
	struct rig *r = rig_new("2ms");
	struct buf in = {0};
	uint64_t sent = 0, received = 0;
	rig_start(r);
	int fd = rig_connect(r, 0);
	for (unsigned turn = 0; turn < 2; turn++) {
		uint64_t turn_sent = rig_chat(fd, (int)turn + 1, ",\"max_tokens\":3");
		in.used = 0;
		rig_read(fd, &in, "}}");
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
	int fd = rig_connect(r, 0);
	rig_chat(fd, 1, "");
	rig_read(fd, &in, "\r\n\r\n"); /* the head comes alone */
	size_t head = in.used;
	rig_read(fd, &in, "}}");
	struct record_provider p = rig_record(r, 0);
	assert_int_equal(p.out_body_pos, head);
	assert_int_equal(p.out_end_pos, in.used);
	assert_true(p.answer_last_ns - p.answer_first_ns >= 5 * NS_PER_MS);
	rig_chat(fd, 2, ",\"stream\":true,\"max_tokens\":4");
	rig_read(fd, &in, "0\r\n\r\n");
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
	int fd = rig_connect(r, 0);
	snprintf(more, sizeof(more), ",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":%u", tokens);
	size_t sent = rig_chat(fd, 7, more);
	rig_read(fd, &in, "data: [DONE]\n\n\r\n0\r\n\r\n");
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
	int fd = rig_connect(r, 0);
	rig_chat(fd, 1, ",\"stream\":true,\"max_tokens\":2");
	rig_read(fd, &in, "\r\n\r\n");
	size_t head = in.used;
	rig_read(fd, &in, "\r\n0\r\n\r\n");
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
	int fd = rig_connect(r, 65536);
	rig_chat(fd, 1, ",\"stream\":true,\"max_tokens\":30000");
	unsigned before = UINT_MAX, now = 0;
	while (now != before || !now) { /* until the provider makes no progress any more */
		before = now;
		for (int i = 0; i < 50; i++)
			rig_nap();
		pthread_mutex_lock(&r->lock);
		now = r->events;
		pthread_mutex_unlock(&r->lock);
	}
	rig_read(fd, &in, "data: [DONE]\n\n\r\n0\r\n\r\n");
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
	int fd = rig_connect(r, 0);
	rig_chat(fd, 1, ",\"stream\":true,\"max_tokens\":5");
	rig_read(fd, &in, "\n\n\r\n");
	close(fd);
	struct record_provider p = rig_record(r, 0);
	assert_int_equal(p.flags, RECORD_PROVIDER_STREAM | RECORD_PROVIDER_ABORTED);
	assert_int_equal(p.chunks, 1);
	assert_int_equal(p.out_end_pos, in.used);
	fd = rig_connect(r, 0);
	rig_chat(fd, 2, "");
	close(fd); /* during the hold: no byte was answered */
	p = rig_record(r, 1);
	assert_int_equal(p.flags, RECORD_PROVIDER_ABORTED);
	assert_int_equal(p.http_status, 0);
	assert_int_equal(p.answer_first_ns, 0);
	fd = rig_connect(r, 0);
	rig_chat(fd, 3, "");
	while (p.tag != 0xa3) { /* one that is open when the provider is stopped */
		rig_nap();
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
	int fd = rig_connect(r, 0);
	assert_int_equal(
		buf_printf(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"\\\\\"},{\"role\":\"user\",\"content\":\""),
		0);
	static const char piece[] = "so \\\"he\\\" said [toll:not a tag] \\\\";
	while (body.used < 900000)
		assert_int_equal(buf_append(&body, piece, sizeof(piece) - 1), 0);
	assert_int_equal(buf_printf(&body, "[toll:00000000000000b1]\"}],\"model\":\"a\\\"b\",\"stream\":true,\"max_tokens\":2}"),
			 0);
	size_t sent = rig_ask(fd, "/v1/chat/completions", body.data);
	rig_read(fd, &in, "\r\n0\r\n\r\n");
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
	int fd = rig_connect(r, 0);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf in = {0};
		rig_ask(fd, rows[i].target, rows[i].body);
		rig_read(fd, &in, "}");
		while (strstr(in.data, "\r\n\r\n") == NULL)
			rig_read(fd, &in, "}");
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

/* --- faults ----------------------------------------------------------------------------------------------------------------------- */

/* An answer that is whole and says nothing of the end that follows it. */
static void test_close(void **state)
{
	(void)state;
	struct rig *r = rig_new("0");
	struct buf in = {0};
	char byte;
	r->config.behaviour.fault[0] = (struct fault){.kind = FAULT_CLOSE, .share = 1.0, .until_ns = UINT64_MAX};
	r->config.behaviour.faults = 1;
	rig_start(r);
	for (int stream = 0; stream < 2; stream++) {
		int fd = rig_connect(r, 0);
		rig_chat(fd, 1, stream ? ",\"stream\":true,\"max_tokens\":2" : "");
		in.used = 0;
		rig_read(fd, &in, stream ? "\r\n0\r\n\r\n" : "}}");
		assert_memory_equal(in.data, "HTTP/1.1 200 ", 13);
		assert_null(strcasestr(in.data, "connection:"));
		assert_int_equal(read(fd, &byte, 1), 0);
		assert_int_equal(rig_record(r, (unsigned)stream).flags & RECORD_PROVIDER_ABORTED, 0);
		close(fd);
	}
	buf_fini(&in);
	rig_free(r);
}

/* From 2 s until 3 s, and every 10 s again. */
static void test_again_and_again(void **state)
{
	(void)state;
	struct plan_provider plan = {.faults = 1,
				     .fault = {{.kind = FAULT_HANG,
						.share = 1.0,
						.from_ns = 2 * NS_PER_S,
						.until_ns = 3 * NS_PER_S,
						.every_ns = 10 * NS_PER_S}}};
	static const bool hangs[10] = {[2] = true};
	struct faults f;
	struct rng rng;
	rng_init(&rng, 1, 0);
	faults_init(&f, &plan);
	faults_start(&f, 5 * NS_PER_S);
	for (unsigned half_s = 0; half_s < 80; half_s++) {
		struct faults_effect effect;
		faults_draw(&f, &rng, 5 * NS_PER_S + half_s * NS_PER_S / 2, &effect);
		assert_int_equal(effect.hang, hangs[half_s / 2 % 10]);
	}
	faults_fini(&f);
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
	int fd = rig_connect(r, 0);
	rig_chat(fd, 1, "");
	rig_read(fd, &in, "}}");
	rig_chat(fd, 2, ",\"stream\":true,\"max_tokens\":100");
	rig_read(fd, &in, "\r\n0\r\n\r\n");
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
	rig_chat(fd, 3, ",\"max_tokens\":3");
	in.used = 0;
	rig_read(fd, &in, "}}");
	close(fd);
	rig_free(r);
	close(pipe_fd[1]);
	buf_fini(&in);
	buf_fini(&log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tag),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_head_early),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_cannot_run),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_again_and_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
