// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/upstream.h"

#include <errno.h>
#include <http_parser.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 << 10)
#define HEAD_MAX ((size_t)64 << 10)
#define IDLE_MAX 1024

/* A connection, which is also its one turn. */
struct upstream_turn {
	struct upstream_pool *pool;
	struct upstream_turn *next, *prev; /* in the pool's idle list */
	struct upstream_turn *all_next, *all_prev; /* in its list of all, idle, busy and closing */
	struct stream stream;
	struct loop_watch watch;
	struct loop_task task; /* frees, or starts: never from within the user's call */
	struct upstream_request request;
	struct upstream_callbacks callbacks;
	void *ctx;
	http_parser parser;
	size_t sent; /* of head and body together */
	unsigned status;
	int64_t body_bytes;
	struct buf name, value, content_type, fields, body;
	bool connecting, kept, busy, closing;
	bool readable; /* the socket may hold unread data: epoll is edge-triggered and tells once */
	bool hung_up; /* the peer has ended its side, or the socket is in error */
	bool paused, pumping;
	bool answered, head_done, head_given, complete, keep_alive, in_value;
	bool spoilt; /* whatever the answer says, this connection is not to be kept */
	int connect_code;
};

struct upstream_pool {
	struct loop *loop;
	const struct upstream_target *target;
	struct upstream_turn *idle; /* the one used last comes first */
	unsigned idles;
	struct upstream_turn *all;
	char scratch[READ_BYTES];
};

bool upstream_is_hop_by_hop(const char *name)
{
	static const char *const names[] = {
		"connection", "keep-alive",        "proxy-connection", "proxy-authenticate", "proxy-authorization", "te",
		"trailer",    "transfer-encoding", "upgrade",          "content-length"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(names[i], name))
			return true;
	return false;
}

/* --- the answer's parser -------------------------------------------------------------------------------------------------------------- */

static int field_finish(struct upstream_turn *t)
{
	int ret = 0;

	t->in_value = false;
	if (!t->name.used)
		return 0;
	if (buf_append(&t->name, "", 1) || buf_append(&t->value, "", 1))
		return -1;
	if (!strcasecmp(t->name.data, "content-type")) {
		t->content_type.used = 0;
		ret = buf_append(&t->content_type, t->value.data, t->value.used);
	} else if (!upstream_is_hop_by_hop(t->name.data)) {
		ret = buf_printf(&t->fields, "%s: %s\r\n", t->name.data, t->value.data);
	}
	t->name.used = t->value.used = 0;
	return ret ? -1 : 0;
}

static int on_message_begin(http_parser *parser)
{
	struct upstream_turn *t = parser->data;

	t->name.used = t->value.used = t->content_type.used = t->fields.used = 0;
	t->in_value = t->head_done = false;
	return 0;
}

static int on_header_field(http_parser *parser, const char *at, size_t n)
{
	struct upstream_turn *t = parser->data;

	if (t->in_value && field_finish(t))
		return -1;
	return buf_append(&t->name, at, n) ? -1 : 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t n)
{
	struct upstream_turn *t = parser->data;

	t->in_value = true;
	return buf_append(&t->value, at, n) ? -1 : 0;
}

static int on_headers_complete(http_parser *parser)
{
	struct upstream_turn *t = parser->data;

	if (field_finish(t))
		return -1;
	if (parser->status_code < 200)
		return 0; /* an interim answer: the real one follows */
	t->status = parser->status_code;
	t->head_done = true;
	t->body_bytes =
		parser->content_length == UINT64_MAX || (parser->flags & F_CHUNKED) ? -1 : (int64_t)parser->content_length;
	return t->request.is_head ? 1 : 0;
}

static int on_body(http_parser *parser, const char *at, size_t n)
{
	struct upstream_turn *t = parser->data;

	return buf_append(&t->body, at, n) ? -1 : 0;
}

static int on_message_complete(http_parser *parser)
{
	struct upstream_turn *t = parser->data;

	if (!t->head_done)
		return 0;
	t->complete = true;
	t->keep_alive = http_should_keep_alive(parser) != 0;
	http_parser_pause(parser, 1); /* whatever follows is no answer to us */
	return 0;
}

static const http_parser_settings parser_settings = {
	.on_message_begin = on_message_begin,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* 0 or -EPROTO. bytes 0: the stream has ended. */
static int feed(struct upstream_turn *t, const char *data, size_t bytes)
{
	size_t taken = http_parser_execute(&t->parser, &parser_settings, data, bytes);

	if (t->complete) {
		t->spoilt = t->spoilt || taken < bytes;
		return 0;
	}
	return HTTP_PARSER_ERRNO(&t->parser) == HPE_OK && taken == bytes ? 0 : -EPROTO;
}

/* --- lists ------------------------------------------------------------------------------------------------------------------------------ */

static void idle_remove(struct upstream_turn *t)
{
	struct upstream_pool *p = t->pool;

	if (t->prev)
		t->prev->next = t->next;
	else
		p->idle = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	p->idles--;
}

static void idle_add(struct upstream_turn *t)
{
	struct upstream_pool *p = t->pool;

	t->next = p->idle;
	t->prev = NULL;
	if (p->idle)
		p->idle->prev = t;
	p->idle = t;
	p->idles++;
}

/* --- life of a connection ------------------------------------------------------------------------------------------------------------------ */

static void connection_free(struct upstream_turn *t)
{
	if (t->all_prev)
		t->all_prev->all_next = t->all_next;
	else
		t->pool->all = t->all_next;
	if (t->all_next)
		t->all_next->all_prev = t->all_prev;
	loop_task_cancel(t->pool->loop, &t->task);
	loop_remove_fd(t->pool->loop, &t->watch);
	stream_fini(&t->stream);
	buf_fini(&t->name);
	buf_fini(&t->value);
	buf_fini(&t->content_type);
	buf_fini(&t->fields);
	buf_fini(&t->body);
	free(t);
}

static void free_task(struct loop_task *task)
{
	connection_free(task->ctx);
}

/* Its memory stays until the callback that is running has returned. */
static void connection_close(struct upstream_turn *t)
{
	if (t->closing)
		return;
	t->closing = true;
	loop_task_cancel(t->pool->loop, &t->task);
	t->task.run = free_task;
	loop_defer(t->pool->loop, &t->task);
}

static void fail(struct upstream_turn *t, enum upstream_failure failure, int code)
{
	t->keep_alive = false;
	t->paused = true;
	t->readable = false;
	t->callbacks.failed(t->ctx, failure, code);
}

/* --- writing ---------------------------------------------------------------------------------------------------------------------------------- */

static size_t request_bytes(const struct upstream_turn *t)
{
	return t->request.head_bytes + t->request.body_bytes;
}

static int remaining(const struct upstream_turn *t, struct iovec iov[2])
{
	const struct upstream_request *r = &t->request;
	size_t body_sent = t->sent > r->head_bytes ? t->sent - r->head_bytes : 0;
	int count = 0;

	if (t->sent < r->head_bytes)
		iov[count++] = (struct iovec){(char *)(uintptr_t)r->head + t->sent, r->head_bytes - t->sent};
	if (body_sent < r->body_bytes)
		iov[count++] = (struct iovec){(char *)(uintptr_t)r->body + body_sent, r->body_bytes - body_sent};
	return count;
}

/* False: the turn failed. A write that breaks is no failure yet: the answer (413, say) may be there to read. */
static bool write_request(struct upstream_turn *t)
{
	while (t->sent < request_bytes(t)) {
		struct iovec iov[2];
		ssize_t n = stream_writev(&t->stream, iov, remaining(t, iov));
		if (n == -EAGAIN)
			return true;
		if (n == -EPROTO && !stream_ready(&t->stream)) {
			fail(t, UPSTREAM_CONNECT, (int)n);
			return false;
		}
		if (n <= 0) {
			t->readable = true;
			t->sent = request_bytes(t);
			t->spoilt = true;
			return true;
		}
		t->sent += (size_t)n;
	}
	return true;
}

/* --- reading ---------------------------------------------------------------------------------------------------------------------------------- */

static void read_ended(struct upstream_turn *t, int code)
{
	bool was_complete = t->complete;

	t->readable = false;
	t->spoilt = true;
	if (code == 0 && t->head_done && !feed(t, NULL, 0) && t->complete && !was_complete) {
		t->paused = true;
		t->callbacks.data(t->ctx);
		return;
	}
	fail(t, stream_ready(&t->stream) ? UPSTREAM_RESET : UPSTREAM_CONNECT, code ? code : -ECONNRESET);
}

/* One read; true: there may be more to read now. */
static bool read_once(struct upstream_turn *t)
{
	char *scratch = t->pool->scratch;

	ssize_t n = stream_read(&t->stream, scratch, READ_BYTES);
	if (n == -EAGAIN) {
		t->readable = false;
		return false;
	}
	if (n <= 0) {
		read_ended(t, (int)n);
		return false;
	}
	t->answered = true;
	/* a short read has emptied the socket (epoll(7)), unless the end of the stream is still to be read */
	if ((size_t)n < READ_BYTES && !t->stream.ssl && !t->hung_up)
		t->readable = false;
	if (feed(t, scratch, (size_t)n)) {
		fail(t, UPSTREAM_MALFORMED, -EPROTO);
		return false;
	}
	if (t->head_done && (!t->head_given || t->body.used || t->complete)) {
		t->head_given = true;
		t->paused = true;
		t->callbacks.data(t->ctx);
	}
	return true;
}

static void pump(struct upstream_turn *t)
{
	if (t->pumping)
		return;
	t->pumping = true;
	while (t->busy && !t->closing && t->readable && !t->paused && !t->complete)
		if (!read_once(t))
			break;
	t->pumping = false;
}

static bool connect_finished(struct upstream_turn *t)
{
	int code = 0;
	socklen_t size = sizeof(code);

	if (getsockopt(t->stream.fd, SOL_SOCKET, SO_ERROR, &code, &size))
		code = errno;
	t->connecting = false;
	if (code)
		fail(t, UPSTREAM_CONNECT, -code);
	return code == 0;
}

/* A kept connection has nothing to say: it is ending, unless the event was of bytes that were read meanwhile. */
static void idle_ready(struct upstream_turn *t)
{
	if (stream_read(&t->stream, t->pool->scratch, READ_BYTES) == -EAGAIN)
		return;
	idle_remove(t);
	connection_close(t);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	struct upstream_turn *t = w->ctx;

	if (t->closing)
		return;
	if (!t->busy) {
		idle_ready(t);
		return;
	}
	if (t->connecting) {
		if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) || !connect_finished(t))
			return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		t->readable = true;
	if (events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		t->hung_up = true;
	if (write_request(t))
		pump(t);
}

/* --- start and end ------------------------------------------------------------------------------------------------------------------------------ */

static int connection_new(struct upstream_pool *p, struct upstream_turn **out)
{
	const struct upstream_target *target = p->target;
	int one = 1;

	struct upstream_turn *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->pool = p;
	int fd = socket(target->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int ret = fd < 0 ? -errno : 0;
	if (!ret)
		ret = stream_init(&t->stream, fd, target->tls, target->tls ? target->host : NULL);
	if (ret) {
		free(t);
		return ret;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	t->watch = (struct loop_watch){.fd = fd, .ready = on_ready, .ctx = t};
	t->task.ctx = t;
	t->name.max = t->value.max = t->fields.max = HEAD_MAX;
	t->connecting = true;
	t->all_next = p->all;
	if (p->all)
		p->all->all_prev = t;
	p->all = t;
	*out = t;
	return 0;
}

static void failed_task(struct loop_task *task)
{
	struct upstream_turn *t = task->ctx;

	fail(t, UPSTREAM_CONNECT, t->connect_code);
}

/* Failures come from the loop: the user does not hold the turn yet. */
static int connection_open(struct upstream_turn *t)
{
	const struct upstream_target *target = t->pool->target;

	if (connect(t->stream.fd, (const struct sockaddr *)&target->addr, target->addr_bytes) && errno != EINPROGRESS) {
		t->connect_code = -errno;
		t->task.run = failed_task;
		loop_defer(t->pool->loop, &t->task);
		return 0;
	}
	return loop_add_fd(t->pool->loop, &t->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

static void pump_task(struct loop_task *task)
{
	pump(task->ctx);
}

/* On a kept connection at once, so that nothing else of the loop comes between; TLS is up, so it cannot fail here. */
static void send_on_kept(struct upstream_turn *t)
{
	write_request(t);
	if (t->readable) { /* what there is to read is told from the loop */
		t->task.run = pump_task;
		loop_defer(t->pool->loop, &t->task);
	}
}

static void turn_reset(struct upstream_turn *t, const struct upstream_request *request,
		       const struct upstream_callbacks *callbacks, void *ctx)
{
	t->request = *request;
	t->callbacks = *callbacks;
	t->ctx = ctx;
	http_parser_init(&t->parser, HTTP_RESPONSE);
	t->parser.data = t;
	t->sent = 0;
	t->status = 0;
	t->body_bytes = -1;
	t->body.used = t->name.used = t->value.used = t->content_type.used = t->fields.used = 0;
	t->paused = t->answered = t->head_done = t->complete = t->keep_alive = t->spoilt = t->in_value = t->head_given = false;
	t->busy = true;
}

int upstream_start(struct upstream_pool *p, const struct upstream_request *request, const struct upstream_callbacks *callbacks,
		   void *ctx, struct upstream_turn **out)
{
	struct upstream_turn *t = request->fresh ? NULL : p->idle;
	int ret = 0;

	if (t) {
		idle_remove(t);
		t->kept = true;
	} else {
		ret = connection_new(p, &t);
		if (ret)
			return ret;
	}
	turn_reset(t, request, callbacks, ctx);
	if (t->kept)
		send_on_kept(t);
	else
		ret = connection_open(t);
	if (ret)
		connection_free(t);
	else
		*out = t;
	return ret;
}

void upstream_continue(struct upstream_turn *t)
{
	t->paused = false;
	pump(t);
}

void upstream_end(struct upstream_turn *t)
{
	bool keep = t->complete && t->keep_alive && !t->spoilt && !t->hung_up && t->sent == request_bytes(t) &&
		    !stream_pending(&t->stream) && t->pool->idles < IDLE_MAX;

	t->busy = false;
	loop_task_cancel(t->pool->loop, &t->task);
	if (keep)
		idle_add(t);
	else
		connection_close(t);
}

int upstream_pool_new(struct upstream_pool **out, struct loop *loop, const struct upstream_target *target)
{
	struct upstream_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->target = target;
	*out = p;
	return 0;
}

void upstream_pool_free(struct upstream_pool *p)
{
	if (!p)
		return;
	while (p->all)
		connection_free(p->all);
	free(p);
}

unsigned upstream_status(const struct upstream_turn *t)
{
	return t->status;
}

const char *upstream_content_type(const struct upstream_turn *t)
{
	return t->content_type.used ? t->content_type.data : NULL;
}

const char *upstream_fields(const struct upstream_turn *t)
{
	return t->fields.used ? t->fields.data : NULL;
}

int64_t upstream_body_bytes(const struct upstream_turn *t)
{
	return t->body_bytes;
}

struct buf *upstream_body(struct upstream_turn *t)
{
	return &t->body;
}

bool upstream_complete(const struct upstream_turn *t)
{
	return t->complete;
}

bool upstream_was_kept(const struct upstream_turn *t)
{
	return t->kept;
}

bool upstream_answered(const struct upstream_turn *t)
{
	return t->answered;
}
