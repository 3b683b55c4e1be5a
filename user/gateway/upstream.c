// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gateway/upstream_answer.h"

#define READ_BYTES ((size_t)64 << 10)
#define IDLE_MAX 1024
#define LEAK_EVERY 8

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
	struct upstream_answer answer;
	size_t sent; /* of head and body together */
	bool connecting, kept, busy, closing, leaked;
	bool readable; /* the socket may hold unread data: epoll is edge-triggered and tells once */
	bool hung_up; /* the peer has ended its side, or the socket is in error */
	bool paused, pumping;
	bool answered, head_given;
	bool spoilt; /* whatever the answer says, this connection is not to be kept */
	int connect_code;
};

struct upstream_pool {
	struct loop *loop;
	const struct upstream_target *target;
	struct upstream_turn *idle; /* the one used last comes first */
	unsigned idles;
	struct upstream_turn *all;
	bool leaking;
	unsigned ended; /* connections that could be kept, for the leak */
	char scratch[READ_BYTES];
};

/* --- lists ------------------------------------------------------------------------------------------------------------------ */

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

/* --- life of a connection --------------------------------------------------------------------------------------------------- */

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
	upstream_answer_fini(&t->answer);
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
	t->answer.keep_alive = false;
	t->paused = true;
	t->readable = false;
	t->callbacks.failed(t->ctx, failure, code);
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

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

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

static void read_ended(struct upstream_turn *t, int code)
{
	bool was_complete = t->answer.complete;

	t->readable = false;
	t->spoilt = true;
	if (code == 0 && t->answer.head_done && !upstream_answer_feed(&t->answer, NULL, 0) && t->answer.complete &&
	    !was_complete) {
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
	if (upstream_answer_feed(&t->answer, scratch, (size_t)n)) {
		fail(t, UPSTREAM_MALFORMED, -EPROTO);
		return false;
	}
	if (t->answer.head_done && (!t->head_given || t->answer.body.used || t->answer.complete)) {
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
	while (t->busy && !t->closing && t->readable && !t->paused && !t->answer.complete)
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

	if (t->closing || t->leaked)
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

/* --- start and end ---------------------------------------------------------------------------------------------------------- */

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
	upstream_answer_reset(&t->answer, request->is_head);
	t->sent = 0;
	t->paused = t->answered = t->head_given = t->spoilt = false;
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
	bool keep = t->answer.complete && t->answer.keep_alive && !t->spoilt && !t->answer.surplus && !t->hung_up &&
		    t->sent == request_bytes(t) && !stream_pending(&t->stream) && t->pool->idles < IDLE_MAX;

	t->busy = false;
	loop_task_cancel(t->pool->loop, &t->task);
	t->leaked = keep && t->pool->leaking && t->pool->ended++ % LEAK_EVERY == 0;
	if (t->leaked)
		return;
	if (keep)
		idle_add(t);
	else
		connection_close(t);
}

static void abandoned_data(void *ctx)
{
	struct upstream_turn *t = ctx;

	t->answer.body.used = 0;
	if (t->answer.complete)
		upstream_end(t);
	else
		upstream_continue(t);
}

static void abandoned_failed(void *ctx, enum upstream_failure failure, int code)
{
	(void)failure;
	(void)code;
	upstream_end(ctx);
}

/* The request's bytes are the user's: a call that has not left whole cannot go on. */
void upstream_abandon(struct upstream_turn *t)
{
	if (t->sent < request_bytes(t)) {
		upstream_end(t);
		return;
	}
	t->request = (struct upstream_request){0};
	t->sent = 0;
	t->callbacks = (struct upstream_callbacks){.data = abandoned_data, .failed = abandoned_failed};
	t->ctx = t;
	if (t->paused)
		abandoned_data(t);
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

void upstream_pool_set_leaking(struct upstream_pool *p)
{
	p->leaking = true;
}

void upstream_pool_free(struct upstream_pool *p)
{
	if (!p)
		return;
	for (struct upstream_turn *t = p->all, *next; t; t = next) {
		next = t->all_next;
		connection_free(t);
	}
	free(p);
}

unsigned upstream_status(const struct upstream_turn *t)
{
	return t->answer.status;
}

const char *upstream_content_type(const struct upstream_turn *t)
{
	return t->answer.content_type.used ? t->answer.content_type.data : NULL;
}

const char *upstream_fields(const struct upstream_turn *t)
{
	return t->answer.fields.used ? t->answer.fields.data : NULL;
}

int64_t upstream_body_bytes(const struct upstream_turn *t)
{
	return t->answer.body_bytes;
}

struct buf *upstream_body(struct upstream_turn *t)
{
	return &t->answer.body;
}

bool upstream_complete(const struct upstream_turn *t)
{
	return t->answer.complete;
}

bool upstream_was_kept(const struct upstream_turn *t)
{
	return t->kept;
}

bool upstream_answered(const struct upstream_turn *t)
{
	return t->answered;
}
