/* SPDX-License-Identifier: GPL-2.0-only */
/* Connections: accepted, read, handed over, closed. Edge-triggered, registered once: no epoll_ctl() per request. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "http/conn.h"

#define SCRATCH_BYTES ((size_t)64 << 10)
#define READS_PER_TURN 8 /* then the other connections have their turn */
#define LINGER_NS NS_PER_S
#define ACCEPT_RETRY_NS (100 * NS_PER_MS)
#define BODY_MAX ((size_t)64 << 20)
#define OUT_FULL ((size_t)256 << 10)
#define KEEP_BUFFER_BYTES ((size_t)8 << 10) /* larger buffers are not kept by an idle connection */

/* --- the end of a connection ------------------------------------------------------------------------------------------------------ */

static void conn_free(struct http_exchange *x)
{
	struct http_server *s = x->server;
	loop_remove_fd(s->loop, &x->watch);
	loop_task_cancel(s->loop, &x->task);
	loop_timer_cancel(s->loop, &x->linger);
	if (x->prev)
		x->prev->next = x->next;
	else
		s->connections = x->next;
	if (x->next)
		x->next->prev = x->prev;
	s->count--;
	stream_fini(&x->stream);
	request_free(&x->request);
	answer_free(&x->answer);
	buf_fini(&x->unparsed);
	free(x);
}

static void conn_close(struct http_exchange *x)
{
	x->state = CONN_CLOSING;
	loop_defer(x->server->loop, &x->task);
}

void conn_break(struct http_exchange *x)
{
	x->broken = true;
	loop_defer(x->server->loop, &x->task);
}

/* The user is told first: it may still ask the exchange about its stamps. */
static void conn_abort(struct http_exchange *x)
{
	if (x->state == CONN_ANSWERING) {
		x->state = CONN_CLOSING;
		x->server->config.callbacks.done(x->server->config.ctx, x, HTTP_END_ABORTED);
	}
	conn_close(x);
}

static void linger_over(struct loop_timer *t)
{
	conn_close(t->ctx);
}

static void conn_linger(struct http_exchange *x)
{
	stream_end(&x->stream);
	x->state = CONN_LINGERING;
	loop_defer(x->server->loop, &x->task);
	if (loop_timer_set(x->server->loop, &x->linger, clock_now_ns() + LINGER_NS))
		conn_close(x);
}

static void conn_drop_input(struct http_exchange *x)
{
	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = stream_read(&x->stream, x->server->scratch, SCRATCH_BYTES);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			conn_close(x);
			return;
		}
	}
	loop_defer(x->server->loop, &x->task);
}

/* --- from request to request -------------------------------------------------------------------------------------------------------- */

static void answer_reset(struct conn_answer *a)
{
	struct buf out = a->out;
	if (out.size > KEEP_BUFFER_BYTES)
		buf_fini(&out);
	*a = (struct conn_answer){.out = out, .mark = a->mark, .mark_room = a->mark_room};
	a->out.used = 0;
}

static void conn_next_request(struct http_exchange *x)
{
	x->state = CONN_READING;
	x->user = NULL;
	x->stamps = (struct http_stamps){0};
	if (x->request.head.size > HTTP_HEAD_KEEP)
		request_free(&x->request);
	answer_reset(&x->answer);
	request_begin(x);
}

void conn_answered(struct http_exchange *x)
{
	struct http_server *s = x->server;
	bool close = x->answer.close;
	x->state = CONN_CLOSING; /* whatever done() does, it does not answer again */
	s->config.callbacks.done(s->config.ctx, x, HTTP_END_ANSWERED);
	x->turn++;
	if (close && (x->readable || x->unparsed.used)) {
		conn_linger(x);
	} else if (close) {
		stream_end(&x->stream);
		conn_close(x);
	} else {
		conn_next_request(x);
		if (x->readable || x->unparsed.used)
			loop_defer(s->loop, &x->task);
	}
}

static void conn_refuse(struct http_exchange *x)
{
	answer_refuse(x, x->request.refuse_status);
	conn_linger(x);
}

static void conn_say_continue(struct http_exchange *x)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = {.iov_base = (void *)(uintptr_t)text, .iov_len = sizeof(text) - 1};
	x->request.expects_continue = false;
	if (stream_writev(&x->stream, &iov, 1) != (ssize_t)iov.iov_len)
		conn_break(x); /* a socket that has not room for 25 bytes before any answer */
}

/* Feeds n bytes, the last of which is at stream position end_pos. Returns how many were taken, -1: the request was refused. */
static ssize_t conn_feed(struct http_exchange *x, const char *data, size_t n)
{
	if (!x->stamps.request_first_ns) {
		x->stamps.request_first_ns = x->read_ns;
		x->stamps.in_start_pos = x->turn ? x->parsed_pos : x->stream.tls_end_in_pos;
	}
	ssize_t took = request_feed(x, data, n);
	if (took < 0) {
		conn_refuse(x);
		return took;
	}
	if (x->stream.ssl)
		x->parsed_pos = x->stream.in_pos;
	else
		x->parsed_pos += (uint64_t)took;
	if (x->request.expects_continue)
		conn_say_continue(x);
	return took;
}

static void conn_hand_over(struct http_exchange *x)
{
	struct http_server *s = x->server;
	x->stamps.request_last_ns = x->read_ns;
	x->stamps.in_end_pos = x->parsed_pos;
	x->request.body.data[x->request.body.used] = '\0';
	x->state = CONN_ANSWERING;
	s->config.callbacks.request(s->config.ctx, x);
}

/* What was read behind an earlier request. */
static void conn_parse_rest(struct http_exchange *x)
{
	ssize_t took = conn_feed(x, x->unparsed.data, x->unparsed.used);
	if (took < 0)
		return;
	buf_consume(&x->unparsed, (size_t)took);
	if (!x->unparsed.used)
		buf_fini(&x->unparsed);
	if (x->request.complete)
		conn_hand_over(x);
}

static void conn_parse(struct http_exchange *x, const char *data, size_t n)
{
	ssize_t took = conn_feed(x, data, n);
	if (took < 0)
		return;
	if ((size_t)took < n && buf_append(&x->unparsed, data + took, n - (size_t)took))
		conn_break(x);
	else if (x->request.complete)
		conn_hand_over(x);
}

/* One read. On plain sockets a short one says that the socket is empty: the next edge will come. */
static void conn_read_once(struct http_exchange *x)
{
	char *scratch = x->server->scratch;
	ssize_t n = stream_read(&x->stream, scratch, SCRATCH_BYTES);
	x->read_ns = clock_now_ns();
	if (n == -EAGAIN || (n > 0 && !x->stream.ssl && (size_t)n < SCRATCH_BYTES))
		x->readable = false;
	if (n > 0)
		conn_parse(x, scratch, (size_t)n);
	else if (n != -EAGAIN)
		conn_close(x); /* between requests or in the middle of one: nobody is left to answer */
}

static void conn_read(struct http_exchange *x)
{
	for (int i = 0; i < READS_PER_TURN; i++) {
		if (x->state != CONN_READING || x->broken)
			return;
		if (x->unparsed.used)
			conn_parse_rest(x);
		else if (x->readable)
			conn_read_once(x);
		else
			return;
	}
	if (x->state == CONN_READING)
		loop_defer(x->server->loop, &x->task);
}

static void conn_go_on(struct loop_task *t)
{
	struct http_exchange *x = t->ctx;
	if (x->state == CONN_CLOSING)
		conn_free(x);
	else if (x->broken)
		conn_abort(x);
	else if (x->state == CONN_LINGERING)
		conn_drop_input(x);
	else if (x->state == CONN_READING)
		conn_read(x);
}

/*
 * A peer that ends its side while we answer has left, as nginx and Go's server see it too: gateways that give up close, and half-closing
 * clients are too rare to let abandoned streams run on for them.
 */
static void conn_ready(struct loop_watch *w, uint32_t events)
{
	struct http_exchange *x = w->ctx;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		x->readable = true;
	if (events & EPOLLOUT)
		x->blocked = false;
	if (x->state == CONN_LINGERING) {
		conn_drop_input(x);
		return;
	}
	if (x->state == CONN_ANSWERING && !x->blocked && answer_pending(x))
		answer_flush(x);
	if (x->state == CONN_READING)
		conn_read(x);
	if (x->state == CONN_ANSWERING && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		conn_abort(x);
}

/* --- accept ------------------------------------------------------------------------------------------------------------------------ */

static void conn_link(struct http_server *s, struct http_exchange *x)
{
	x->next = s->connections;
	if (x->next)
		x->next->prev = x;
	s->connections = x;
	s->count++;
}

static int conn_new(struct http_server *s, int fd)
{
	struct http_exchange *x = calloc(1, sizeof(*x));
	if (!x) {
		close(fd);
		return -ENOMEM;
	}
	if (stream_init(&x->stream, fd, s->config.listener->tls, NULL)) {
		free(x);
		return -ENOMEM;
	}
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	socklen_t size = sizeof(x->cookie);
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &x->cookie, &size))
		x->cookie = 0;
	x->accepted_ns = clock_now_ns();
	x->server = s;
	x->watch = (struct loop_watch){.fd = fd, .ready = conn_ready, .ctx = x};
	x->task = (struct loop_task){.run = conn_go_on, .ctx = x};
	x->linger = (struct loop_timer){.fire = linger_over, .ctx = x};
	conn_link(s, x);
	conn_next_request(x);
	if (loop_add_fd(s->loop, &x->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET))
		conn_close(x);
	return 0;
}

static void accept_again(struct loop_timer *t)
{
	struct http_server *s = t->ctx;
	if (loop_add_fd(s->loop, &s->accept_watch, EPOLLIN | EPOLLEXCLUSIVE))
		loop_timer_set(s->loop, t, clock_now_ns() + ACCEPT_RETRY_NS);
}

/* Out of descriptors or memory: the listener stays readable, so look away for a while. */
static void accept_pause(struct http_server *s, int code)
{
	if (!s->accept_warned)
		log_line(LOG_WARN, "cannot accept a connection (%s): new ones wait; raise the limit of open files (ulimit -n)",
			 strerror(code));
	s->accept_warned = true;
	loop_remove_fd(s->loop, &s->accept_watch);
	loop_timer_set(s->loop, &s->accept_retry, clock_now_ns() + ACCEPT_RETRY_NS);
}

/* One connection a wake-up: the rest of a burst goes to whichever thread is idle. */
static void accept_ready(struct loop_watch *w, uint32_t events)
{
	struct http_server *s = w->ctx;
	(void)events;
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			accept_pause(s, errno);
		return;
	}
	if (conn_new(s, fd))
		accept_pause(s, ENOMEM);
}

int http_server_new(struct http_server **out, struct loop *loop, const struct http_server_config *config)
{
	struct http_server *s = calloc(1, sizeof(*s));
	if (s)
		s->scratch = malloc(SCRATCH_BYTES);
	if (!s || !s->scratch) {
		free(s);
		return -ENOMEM;
	}
	s->loop = loop;
	s->config = *config;
	s->config.body_max = config->body_max ? config->body_max : BODY_MAX;
	s->config.out_full = config->out_full ? config->out_full : OUT_FULL;
	s->accept_watch = (struct loop_watch){.fd = config->listener->fd, .ready = accept_ready, .ctx = s};
	s->accept_retry = (struct loop_timer){.fire = accept_again, .ctx = s};
	int ret = loop_add_fd(loop, &s->accept_watch, EPOLLIN | EPOLLEXCLUSIVE);
	if (ret) {
		free(s->scratch);
		free(s);
		return ret;
	}
	*out = s;
	return 0;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	loop_remove_fd(s->loop, &s->accept_watch);
	loop_timer_cancel(s->loop, &s->accept_retry);
	while (s->connections) {
		struct http_exchange *x = s->connections;
		conn_abort(x);
		conn_free(x);
	}
	buf_fini(&s->spare_body);
	free(s->scratch);
	free(s);
}

void http_server_retire(struct http_server *s)
{
	s->retiring = true;
	loop_remove_fd(s->loop, &s->accept_watch);
	loop_timer_cancel(s->loop, &s->accept_retry);
}

void http_server_end_idle(struct http_server *s)
{
	for (struct http_exchange *x = s->connections, *next; x; x = next) {
		next = x->next;
		if (x->state == CONN_READING && !x->request.head.used)
			conn_break(x);
	}
}

size_t http_server_connections(const struct http_server *s)
{
	return s->count;
}

/* --- what the user asks of an exchange ---------------------------------------------------------------------------------------------- */

const struct http_stamps *http_exchange_stamps(const struct http_exchange *x)
{
	return &x->stamps;
}

void http_exchange_connection(const struct http_exchange *x, struct http_connection_info *out)
{
	*out = (struct http_connection_info){.cookie = x->cookie,
					     .accepted_ns = x->accepted_ns,
					     .tls_end_ns = x->stream.tls_end_ns,
					     .tls_end_in_pos = x->stream.tls_end_in_pos,
					     .tls_end_out_pos = x->stream.tls_end_out_pos,
					     .turn = x->turn};
}

void http_exchange_set_ctx(struct http_exchange *x, void *ctx)
{
	x->user = ctx;
}

void *http_exchange_ctx(const struct http_exchange *x)
{
	return x->user;
}
