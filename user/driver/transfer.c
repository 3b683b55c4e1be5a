/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "driver/checks.h"
#include "driver/question.h"

/* --- callbacks --------------------------------------------------------------------------------------------------------------- */

static uint64_t read_pos(const struct conn *c)
{
	struct conn_positions positions;

	return conn_positions(c, &positions) ? positions.in : 0;
}

/* On plain TCP nothing moves between two requests: the end of the last one saves two system calls (0.5 µs). */
static bool start_positions(const struct transfer *t, const struct conn *c, struct conn_positions *out)
{
	if (t->env->tls || !c->end_known)
		return conn_positions(c, out);
	*out = c->end;
	return true;
}

/* Connected, TLS done, nothing of the request sent yet. Once more when libcurl repeats it on a fresh connection. */
static int on_prereq(void *ctx, char *remote, char *local, int remote_port, int local_port)
{
	struct transfer *t = ctx;
	struct conn_positions start = {0};
	struct conn *c = group_conn(t->seat.group, (unsigned)local_port, strchr(local, ':') != NULL);

	(void)remote;
	(void)remote_port;
	if (c && c->transfer && c->transfer != t && !t->env->config.http2)
		transfer_left(c->transfer);
	t->conn = c;
	t->start_known = c && start_positions(t, c, &start);
	t->end_known = false;
	t->body_sent = 0;
	if (c) {
		c->transfer = t;
		c->watch = t->env->tls && !c->requests;
		t->r.conn = c->cookie;
		t->r.flags &= ~(uint32_t)RECORD_CONN_REUSED;
		t->r.flags |= c->requests++ ? RECORD_CONN_REUSED : 0;
	}
	t->r.in_start_pos = start.in;
	t->r.out_start_pos = start.out;
	t->r.sent_ns = clock_now_ns();
	return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;

	/* session tickets came before the answer: it begins where the connection was before the event that brought its first byte */
	if (!t->answer.head_bytes && t->conn && t->conn->watch) {
		if (t->conn->seen_in_pos > t->r.in_start_pos)
			t->r.in_start_pos = t->conn->seen_in_pos;
		t->conn->watch = false;
	}
	answer_head(&t->answer, line, size * n, t->r.first_byte_ns ? t->r.first_byte_ns : clock_now_ns());
	return size * n;
}

static size_t on_write(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	struct answer_place place = {.exact = !t->env->tls};

	if (!t->start_known || t->env->config.http2)
		place.exact = false;
	else if (place.exact)
		place.pos = t->r.in_start_pos + t->answer.head_bytes + t->answer.body_bytes;
	else if (t->answer.event_stream && t->conn)
		place.pos = read_pos(t->conn);
	answer_body(&t->answer, data, size * n, clock_now_ns(), place);
	return size * n;
}

static size_t on_read(char *out, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	const struct body *body = t->body;
	uint64_t pause_ns = t->class_->plan->body_pause_ns;
	size_t end = pause_ns && !t->pause_done ? body->bytes / 2 : body->bytes;
	size_t bytes = end > t->body_sent ? end - t->body_sent : 0;

	if (!bytes && end < body->bytes) {
		if (!t->pause.next)
			deadline_add(t->pauses, &t->pause, clock_now_ns() + pause_ns);
		return CURL_READFUNC_PAUSE;
	}
	if (bytes > size * n)
		bytes = size * n;
	body_copy(body, t->r.id, t->body_sent, out, bytes);
	t->body_sent += bytes;
	return bytes;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct transfer *t = ctx;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->body->bytes)
		return CURL_SEEKFUNC_CANTSEEK;
	t->body_sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* --- set-up ------------------------------------------------------------------------------------------------------------------ */

static bool apply_callbacks(struct transfer *t)
{
	int bad = 0;

	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->curl_error);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_prereq);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_write);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, on_seek);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
	/* the chunked coding is ours to take off: positions count it */
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_HTTP_TRANSFER_DECODING, 0L);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, t->env->config.http2 ? 1L : 0L);
	return !bad;
}

struct transfer *transfer_new(const struct env *env, struct pool *pool, struct tally *tally, struct deadline_list *pauses)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->env = env;
	t->pauses = pauses;
	answer_init(&t->answer, &env->config.sink, tally, &t->r);
	t->answer.overhead_header = env->config.overhead_header;
	t->easy = curl_easy_init();
	t->seat.group = t->easy ? pool_group_take(pool) : NULL;
	if (t->seat.group && env_apply(t->easy, &env->config) && pool_apply(&t->seat, t->easy) && apply_callbacks(t))
		return t;
	transfer_free(t);
	return NULL;
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;
	if (t->easy)
		curl_easy_cleanup(t->easy);
	answer_fini(&t->answer);
	body_fini(&t->own);
	buf_fini(&t->said);
	free(t->buffer);
	free(t);
}

static int buffer_reserve(struct transfer *t, size_t bytes)
{
	char *buffer;

	if (bytes <= t->buffer_size)
		return 0;
	buffer = realloc(t->buffer, bytes);
	if (!buffer)
		return -ENOMEM;
	t->buffer = buffer;
	t->buffer_size = bytes;
	return 0;
}

/* Sets the handle up for a class; it stays so until a request of another class comes. */
static int set_class(struct transfer *t, const struct env_class *c, uint32_t tenant)
{
	bool traced = t->env->config.traceparent;
	int bad = 0;

	t->traceparent = (struct curl_slist){.data = t->traceparent_line, .next = c->headers[tenant]};
	t->class_ = NULL;
	t->head_out_bytes = 0;
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_URL, c->url);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_CURLU, c->parsed);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, traced ? &t->traceparent : c->headers[tenant]);
	bad |= (int)curl_easy_setopt(t->easy, t->body->data ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, c->plan->new_connection ? 1L : 0L);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, c->plan->new_connection ? 1L : 0L);
	if (bad)
		return -EINVAL;
	t->class_ = c;
	t->tenant = tenant;
	return 0;
}

static int set_body(struct transfer *t, const struct env_class *c)
{
	bool buffered = transfer_body_is_buffered(t, c->plan);
	int bad = 0;

	if (!t->body->data)
		return 0;
	if (buffered && buffer_reserve(t, t->body->bytes))
		return -ENOMEM;
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, buffered ? t->buffer : NULL);
	bad |= (int)curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body->bytes);
	return bad ? -EINVAL : 0;
}

/* Its conversation cannot go on: the user begins another. */
static void talk_over(struct transfer *t)
{
	if (t->talk)
		talk_end(t->talk);
	t->talk = NULL;
}

static void begin_record(struct transfer *t, uint64_t id, uint32_t flags)
{
	const struct env_class *c = &t->env->class_[t->order.class_index];
	bool tagged = t->body->data && t->body->digits_at != BODY_NO_TAG;

	t->r = (struct record_request){
		.id = id,
		.class_index = t->order.class_index,
		.stage_index = t->order.stage,
		.tenant = t->order.tenant,
		.due_ns = t->order.due_ns,
		.flags = flags | (t->env->tls ? (uint32_t)RECORD_TLS : 0) | (c->plan->stream ? (uint32_t)RECORD_STREAM : 0) |
			 (tagged ? (uint32_t)RECORD_TAGGED : 0),
	};
	answer_begin(&t->answer, c->plan, t->env->config.own_text && tagged, t->talk ? &t->said : NULL);
}

/* libcurl's part of the start. */
static int begin_transfer(struct transfer *t, const struct env_class *c, uint64_t id)
{
	bool other = t->class_ != c || t->tenant != t->order.tenant;
	int r = 0;

	if (other)
		r = set_class(t, c, t->order.tenant);
	if (!r && (other || c->each))
		r = set_body(t, c);
	if (t->env->config.traceparent)
		tag_traceparent(t->traceparent_line, id);
	if (!r && t->body->data && transfer_body_is_buffered(t, c->plan))
		body_copy(t->body, id, 0, t->buffer, t->body->bytes);
	return r ? r : pool_start(t->seat.group, t->easy);
}

int transfer_start(struct transfer *t, const struct order *order, struct talk *talk, uint64_t id, uint32_t flags, uint64_t now_ns)
{
	const struct env_class *c = &t->env->class_[order->class_index];
	int r = 0;

	t->order = *order;
	t->talk = talk && talk->running ? talk : NULL;
	t->body = c->each ? &t->own : &c->body;
	if (c->each)
		r = question_make(&t->own, t->env, order, t->talk, &t->said);
	t->said.used = 0;
	begin_record(t, id, flags);
	t->seat.opened_ns = 0;
	t->started_ns = now_ns;
	t->conn = NULL;
	t->start_known = t->end_known = false;
	t->body_sent = 0;
	t->pause_done = false;
	t->curl_error[0] = '\0';
	if (!r)
		r = begin_transfer(t, c, id);
	t->active = !r;
	if (r) {
		t->r.outcome = RECORD_OTHER;
		t->r.end_ns = clock_now_ns();
		snprintf(t->curl_error, sizeof(t->curl_error), "libcurl could not begin the request");
		talk_over(t);
	}
	return r;
}

void transfer_resume(struct transfer *t)
{
	t->pause_done = true;
	curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

/* --- end --------------------------------------------------------------------------------------------------------------------- */

static void close_request(struct transfer *t, bool whole, uint64_t end_ns)
{
	deadline_remove(&t->timeout);
	deadline_remove(&t->pause);
	transfer_positions(t, whole);
	transfer_connect_times(t, end_ns);
	answer_end(&t->answer, whole);
	t->r.end_ns = end_ns;
	t->active = false;
	curl_multi_remove_handle(t->seat.group->multi, t->easy);
}

static enum record_outcome transport_outcome(const struct transfer *t)
{
	if (t->answer.broken)
		return RECORD_MALFORMED;
	switch (t->code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return RECORD_CONNECT_FAILED;
	case CURLE_OPERATION_TIMEDOUT: /* only libcurl's own limit on connecting, five minutes */
		return RECORD_TIMEOUT;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return RECORD_RESET;
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: no status line */
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return RECORD_MALFORMED;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return RECORD_TLS_FAILED;
	default:
		return RECORD_OTHER;
	}
}

static enum record_outcome answer_outcome(const struct transfer *t)
{
	if (!checks_status_expected(t->class_->plan, t->answer.status))
		return RECORD_HTTP_ERROR;
	if (!answer_is_well_formed(&t->answer))
		return RECORD_MALFORMED;
	return t->r.checks_failed ? RECORD_CHECK_FAILED : RECORD_OK;
}

/* Without a whole answer every check has failed. */
static void run_checks(struct transfer *t, bool whole)
{
	const struct plan_class *plan = t->class_->plan;
	struct checks_answer answer = {
		.status = t->answer.status,
		.took_ns = t->r.end_ns - t->r.due_ns,
		.json = t->answer.kept.data,
		.bytes = t->answer.kept.used,
	};

	if (!plan->checks)
		return;
	t->r.checks_passed = whole ? checks_run(plan, &answer) : 0;
	t->r.checks_failed = (uint16_t)(((1u << plan->checks) - 1) & ~(unsigned)t->r.checks_passed);
}

void transfer_done(struct transfer *t, CURLcode code, uint64_t now_ns)
{
	long os_error = 0;

	t->code = code;
	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os_error);
	t->os_error = (int)os_error;
	close_request(t, code == CURLE_OK, now_ns);
	run_checks(t, code == CURLE_OK);
	t->r.outcome = (uint16_t)(code == CURLE_OK ? answer_outcome(t) : transport_outcome(t));
	if (t->talk && t->r.outcome == RECORD_OK)
		question_answered(&t->own, t->class_->plan, t->r.id, t->talk, &t->said);
	else
		talk_over(t);
	t->talk = NULL;
}

void transfer_abort(struct transfer *t, enum record_outcome outcome, uint64_t end_ns)
{
	t->code = CURLE_OK;
	t->os_error = 0;
	close_request(t, false, end_ns);
	run_checks(t, false);
	t->r.outcome = (uint16_t)outcome;
	talk_over(t);
}

void transfer_describe(const struct transfer *t, char *text, size_t size)
{
	const char *class_ = t->env->plan->class_[t->r.class_index].name;
	const char *why = t->curl_error[0] ? t->curl_error : curl_easy_strerror(t->code);
	char span[32];

	switch (t->r.outcome) {
	case RECORD_CONNECT_FAILED:
		snprintf(text, size, "connect to %s: %s", t->env->authority, t->os_error ? strerror(t->os_error) : why);
		break;
	case RECORD_HTTP_ERROR:
		snprintf(text, size, "class %s: status %u from %s", class_, t->r.http_status, t->env->authority);
		break;
	case RECORD_TIMEOUT:
		units_format_ns(span, sizeof(span), t->r.end_ns - t->started_ns);
		snprintf(text, size, "class %s: no whole answer from %s within %s", class_, t->env->authority, span);
		break;
	case RECORD_CHECK_FAILED:
		snprintf(text, size, "class %s: check %s failed", class_,
			 t->env->plan->class_[t->r.class_index].check[__builtin_ctz(t->r.checks_failed)].name);
		break;
	case RECORD_MALFORMED:
		if (t->code == CURLE_OK) {
			snprintf(text, size, "class %s: %s", class_,
				 (t->r.flags & RECORD_FOREIGN)      ? "a piece of another request's answer is in the stream"
				 : (t->r.flags & RECORD_DISORDERED) ? "the stream lacks a piece, or has it in another place"
				 : t->answer.event_stream && !t->answer.broken
					 ? "the stream ended without its last event"
					 : "the answer is not the event stream that was asked for");
			break;
		}
		/* fall through */
	default:
		snprintf(text, size, "class %s: %s", class_, why);
	}
}
