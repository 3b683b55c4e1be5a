/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers: written straight from the user's memory; only what the kernel did not take is copied and waits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/lay.h"
#include "http/conn.h"

#define IOV_MAX_PIECES 8

struct pieces {
	struct iovec iov[IOV_MAX_PIECES];
	int count;
	size_t bytes;
};

static void pieces_add(struct pieces *p, const void *data, size_t n)
{
	if (!n)
		return;
	p->iov[p->count++] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = n};
	p->bytes += n;
}

static void pieces_consume(struct pieces *p, size_t n)
{
	int first = 0;
	p->bytes -= n;
	while (first < p->count && n >= p->iov[first].iov_len)
		n -= p->iov[first++].iov_len;
	p->count -= first;
	memmove(p->iov, p->iov + first, (size_t)p->count * sizeof(p->iov[0]));
	if (n) {
		p->iov[0].iov_base = (char *)p->iov[0].iov_base + n;
		p->iov[0].iov_len -= n;
	}
}

static size_t out_waiting(const struct conn_answer *a)
{
	return a->out.used - a->out_at;
}

bool answer_pending(const struct http_exchange *x)
{
	return out_waiting(&x->answer) > 0;
}

/* The position after the answer's byte `offset`, which was flushed: exact on plain, the end of its record on TLS. */
static uint64_t position_of(const struct http_exchange *x, uint64_t offset)
{
	return x->stream.ssl ? x->stream.out_pos : x->stream.out_pos - (x->answer.flushed - offset);
}

static void marks_resolve(struct http_exchange *x, uint64_t began_ns)
{
	struct conn_answer *a = &x->answer;
	const struct http_callbacks *cb = &x->server->config.callbacks;
	while (a->mark_at < a->marks && a->mark[a->mark_at].offset <= a->flushed) {
		struct conn_mark m = a->mark[a->mark_at++];
		cb->marked(x->server->config.ctx, x, m.mark, position_of(x, m.offset), began_ns);
	}
	if (a->mark_at == a->marks)
		a->mark_at = a->marks = 0;
}

static void flushed_note(struct http_exchange *x, uint64_t n, uint64_t pos_before, uint64_t began_ns)
{
	struct conn_answer *a = &x->answer;
	struct http_stamps *s = &x->stamps;
	a->flushed += n;
	if (!s->out_body_pos && a->flushed > a->head_bytes)
		s->out_body_pos = x->stream.ssl ? pos_before : position_of(x, a->head_bytes);
	s->out_end_pos = x->stream.out_pos;
	marks_resolve(x, began_ns);
}

/* Writes as much as the socket takes; *moved says how much. 0 or -errno (not -EAGAIN). */
static int pieces_write(struct http_exchange *x, struct pieces *p, size_t *moved)
{
	*moved = 0;
	while (p->bytes && !x->blocked) {
		uint64_t pos_before = x->stream.out_pos;
		uint64_t began_ns = clock_now_ns();
		if (!x->stamps.answer_first_ns) {
			x->stamps.answer_first_ns = began_ns;
			x->stamps.out_start_pos = pos_before;
		}
		ssize_t n = stream_writev(&x->stream, p->iov, p->count);
		if (n == -EAGAIN) {
			x->blocked = true;
			break;
		}
		if (n < 0)
			return (int)n;
		*moved += (size_t)n;
		pieces_consume(p, (size_t)n);
		flushed_note(x, (uint64_t)n, pos_before, began_ns);
	}
	return 0;
}

static int out_keep(struct conn_answer *a, const struct pieces *p)
{
	for (int i = 0; i < p->count; i++) {
		int ret = buf_append(&a->out, p->iov[i].iov_base, p->iov[i].iov_len);
		if (ret)
			return ret;
	}
	return 0;
}

/* Takes `moved` bytes off the out-buffer; what of it is left stands first in the pieces and is there already. */
static void out_consume(struct conn_answer *a, size_t moved)
{
	size_t waiting = out_waiting(a);
	a->out_at += moved < waiting ? moved : waiting;
	if (a->out_at == a->out.used) {
		a->out_at = 0;
		a->out.used = 0;
	}
}

/* Pieces that are given by the user now, behind what waits. */
static int answer_push(struct http_exchange *x, struct pieces *given, unsigned flags)
{
	struct conn_answer *a = &x->answer;
	if (x->broken)
		return -EPIPE;
	a->queued += given->bytes;
	if ((flags & HTTP_MORE) || x->blocked)
		return out_keep(a, given);
	struct pieces all = {0};
	size_t waiting = out_waiting(a), moved;
	pieces_add(&all, a->out.data ? a->out.data + a->out_at : NULL, waiting);
	for (int i = 0; i < given->count; i++)
		pieces_add(&all, given->iov[i].iov_base, given->iov[i].iov_len);
	int ret = pieces_write(x, &all, &moved);
	if (ret)
		return ret;
	out_consume(a, moved);
	if (moved < waiting)
		return out_keep(a, given);
	pieces_consume(given, moved - waiting);
	return out_keep(a, given);
}

/* As answer_push(); a failure breaks the connection. */
static int answer_give(struct http_exchange *x, struct pieces *given, unsigned flags)
{
	bool full = out_waiting(&x->answer) + given->bytes >= x->server->config.out_full;
	int ret = answer_push(x, given, full ? 0 : flags);
	if (ret) {
		conn_break(x);
		return ret;
	}
	if (out_waiting(&x->answer) >= x->server->config.out_full)
		x->answer.was_full = true;
	return 0;
}

static void answer_check_end(struct http_exchange *x)
{
	if (x->answer.ended && !answer_pending(x)) {
		x->stamps.answer_last_ns = clock_now_ns();
		if (!x->stamps.out_body_pos)
			x->stamps.out_body_pos = x->stamps.out_end_pos;
		conn_answered(x);
	}
}

void answer_flush(struct http_exchange *x)
{
	struct pieces none = {0};
	if (answer_push(x, &none, 0)) {
		conn_break(x);
		return;
	}
	if (answer_pending(x))
		return;
	bool tell = x->answer.was_full && !x->answer.ended && x->server->config.callbacks.drained;
	x->answer.was_full = false;
	if (tell)
		x->server->config.callbacks.drained(x->server->config.ctx, x);
	else
		answer_check_end(x);
}

void answer_free(struct conn_answer *a)
{
	buf_fini(&a->out);
	free(a->mark);
	*a = (struct conn_answer){0};
}

/* --- the head ------------------------------------------------------------------------------------------------------------------ */

static bool status_has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

static void answer_frame(struct http_exchange *x, const struct http_head *head)
{
	struct conn_answer *a = &x->answer;
	bool http10 = x->request.parser.http_minor == 0;
	a->no_body = !status_has_body(head->status) || x->request.parser.method == HTTP_HEAD;
	a->chunked = head->body_bytes < 0 && !http10 && status_has_body(head->status);
	a->unannounced = head->close_unannounced;
	a->close = head->close || head->close_unannounced || !x->request.keep_alive || x->server->retiring ||
		   (head->body_bytes < 0 && http10);
}

#define HEAD_LINES_BYTES 256 /* of a head all but its content type and fields */

static char *framing_lay(const struct conn_answer *a, const struct http_head *head, char *at)
{
	if (a->chunked)
		return LAY(at, "Transfer-Encoding: chunked\r\n");
	if (head->body_bytes < 0 || !status_has_body(head->status))
		return at;
	at = lay_decimal(LAY(at, "Content-Length: "), (uint64_t)head->body_bytes);
	return LAY(at, "\r\n");
}

static char *head_lay(const struct http_exchange *x, const struct http_head *head, char *at)
{
	at = lay_decimal(LAY(at, "HTTP/1.1 "), head->status);
	at = lay_text(LAY(at, " "), http_status_str((enum http_status)head->status));
	at = LAY(at, "\r\n");
	if (head->content_type) {
		at = lay_text(LAY(at, "Content-Type: "), head->content_type);
		at = LAY(at, "\r\n");
	}
	if (head->fields)
		at = lay_text(at, head->fields);
	at = framing_lay(&x->answer, head, at);
	if (x->answer.close && !x->answer.unannounced)
		at = LAY(at, "Connection: close\r\n");
	else if (!x->request.parser.http_minor)
		at = LAY(at, "Connection: keep-alive\r\n");
	return LAY(at, "\r\n");
}

static int head_append(struct http_exchange *x, const struct http_head *head, struct buf *out)
{
	size_t given = (head->content_type ? strlen(head->content_type) : 0) + (head->fields ? strlen(head->fields) : 0);
	int ret = buf_reserve(out, HEAD_LINES_BYTES + given);
	if (!ret)
		out->used = (size_t)(head_lay(x, head, out->data + out->used) - out->data);
	return ret;
}

/* The head goes through the out-buffer: it leaves in one write with the first piece of the body. */
int http_answer_head(struct http_exchange *x, const struct http_head *head, unsigned flags)
{
	struct conn_answer *a = &x->answer;
	struct pieces none = {0};
	size_t before = a->out.used;
	answer_frame(x, head);
	if (head_append(x, head, &a->out)) {
		conn_break(x);
		return -ENOMEM;
	}
	a->head_bytes = a->queued = a->out.used - before;
	return answer_give(x, &none, flags);
}

/* --- the body ------------------------------------------------------------------------------------------------------------------ */

static int mark_add(struct conn_answer *a, uint64_t offset, uint32_t mark)
{
	if (a->marks == a->mark_room) {
		size_t room = a->mark_room ? 2 * a->mark_room : 8;
		struct conn_mark *grown = realloc(a->mark, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		a->mark = grown;
		a->mark_room = room;
	}
	a->mark[a->marks++] = (struct conn_mark){.offset = offset, .mark = mark};
	return 0;
}

int http_answer_body(struct http_exchange *x, const void *data, size_t bytes, unsigned flags, uint32_t mark)
{
	struct conn_answer *a = &x->answer;
	struct pieces p = {0};
	char size_line[24];
	if (a->no_body || !bytes) /* an empty chunk would end the body */
		return answer_give(x, &p, flags);
	if (a->chunked)
		pieces_add(&p, size_line, (size_t)snprintf(size_line, sizeof(size_line), "%zx\r\n", bytes));
	pieces_add(&p, data, bytes);
	if (mark != HTTP_NO_MARK && mark_add(a, a->queued + p.bytes, mark)) {
		conn_break(x);
		return -ENOMEM;
	}
	if (a->chunked)
		pieces_add(&p, "\r\n", 2);
	return answer_give(x, &p, flags);
}

int http_answer_end(struct http_exchange *x)
{
	struct conn_answer *a = &x->answer;
	struct pieces p = {0};
	if (a->chunked && !a->no_body)
		pieces_add(&p, "0\r\n\r\n", 5);
	int ret = answer_give(x, &p, 0);
	a->ended = true;
	if (!ret)
		answer_check_end(x);
	return ret;
}

int http_answer(struct http_exchange *x, const struct http_head *head, const void *body, size_t bytes)
{
	struct conn_answer *a = &x->answer;
	int ret = http_answer_head(x, head, HTTP_MORE);
	if (!ret)
		ret = http_answer_body(x, body, bytes, a->chunked ? HTTP_MORE : 0, HTTP_NO_MARK);
	return ret ? ret : http_answer_end(x);
}

bool http_answer_full(const struct http_exchange *x)
{
	return x->answer.was_full;
}

void http_answer_break(struct http_exchange *x)
{
	conn_break(x);
}

void http_answer_reset(struct http_exchange *x)
{
	const struct linger none = {.l_onoff = 1, .l_linger = 0};

	setsockopt(x->stream.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	conn_break(x);
}

static const char *refuse_reason(unsigned status)
{
	switch (status) {
	case 413:
		return "the request's body is too large";
	case 431:
		return "the request's head is too large";
	case 503:
		return "out of memory";
	case 505:
		return "only HTTP/1.0 and HTTP/1.1 are spoken here";
	default:
		return "not an HTTP request";
	}
}

/* Best effort, straight to the socket: nothing else is waiting while a request is being read. */
void answer_refuse(struct http_exchange *x, unsigned status)
{
	char text[384];
	const char *reason = refuse_reason(status);
	int n = snprintf(text, sizeof(text),
			 "HTTP/1.1 %u %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			 status, http_status_str((enum http_status)status), strlen(reason), reason);
	struct iovec iov = {.iov_base = text, .iov_len = (size_t)n};
	if (stream_ready(&x->stream))
		(void)stream_writev(&x->stream, &iov, 1);
}
