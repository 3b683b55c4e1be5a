// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/units.h"

#define ASKED_MAX 4096
#define OUT_MAX ((size_t)64 << 20)
#define IN_MAX ((size_t)16 << 20)
#define LINE_MAX_BYTES 512
#define READ_BYTES ((size_t)64 << 10)

struct redis {
	struct loop *loop;
	struct sockaddr_in address;
	int fd; /* -1: not connected */
	struct loop_watch watch;
	struct buf out, in;
	size_t out_at;
	struct redis_ask *asked[ASKED_MAX]; /* in order of the replies; NULL: a SET, or forgotten */
	unsigned first, count;
	struct loop_task task; /* answers those whose connection broke */
	struct redis_ask *orphan[ASKED_MAX];
	unsigned orphans;
};

/* --- RESP ------------------------------------------------------------------------------------------------------------------- */

/* "$5\r\nhello\r\n" */
static long bulk_parse(const char *data, size_t bytes, size_t line, const char **value, size_t *value_bytes)
{
	char *end = NULL;
	/* strtol would pass over white space, and behind a line without a number that is its end and all that follows */
	bool is_number = data[1] == '-' || (data[1] >= '0' && data[1] <= '9');
	long n = is_number ? strtol(data + 1, &end, 10) : 0;

	if (end != data + line || n < -1 || n > (long)IN_MAX)
		return -1;
	if (n < 0)
		return (long)line + 2;
	if (bytes < line + 2 + (size_t)n + 2)
		return 0;
	if (memcmp(data + line + 2 + n, "\r\n", 2) != 0)
		return -1;
	*value = data + line + 2;
	*value_bytes = (size_t)n;
	return (long)(line + 2 + (size_t)n + 2);
}

long redis_reply_parse(const char *data, size_t bytes, const char **value, size_t *value_bytes)
{
	const char *end = memchr(data, '\r', bytes);
	size_t line = end ? (size_t)(end - data) : 0;

	*value = NULL;
	*value_bytes = 0;
	if (bytes && !strchr("$+-:", data[0]))
		return -1;
	if (!end || line + 2 > bytes)
		return bytes > LINE_MAX_BYTES && !end ? -1 : 0;
	if (end[1] != '\n' || line < 1)
		return -1;
	return data[0] == '$' ? bulk_parse(data, bytes, line, value, value_bytes) : (long)line + 2;
}

static int put_bulk(struct buf *b, const void *data, size_t bytes)
{
	int r = buf_printf(b, "$%zu\r\n", bytes);

	if (!r)
		r = buf_append(b, data, bytes);
	return r ? r : buf_append(b, "\r\n", 2);
}

/* --- the connection --------------------------------------------------------------------------------------------------------- */

static void orphans_answer(struct loop_task *task)
{
	struct redis *r = task->ctx;

	for (unsigned i = 0; i < r->orphans; i++) {
		struct redis_ask *ask = r->orphan[i];

		if (!ask)
			continue;
		ask->waiting = false;
		ask->answer(ask, NULL, 0);
	}
	r->orphans = 0;
}

static void drop(struct redis *r)
{
	if (r->fd < 0)
		return;
	loop_remove_fd(r->loop, &r->watch);
	close(r->fd);
	r->fd = -1;
	r->out.used = r->out_at = r->in.used = 0;
	for (; r->count; r->count--, r->first = (r->first + 1) % ASKED_MAX)
		if (r->asked[r->first] && r->orphans < ASKED_MAX)
			r->orphan[r->orphans++] = r->asked[r->first];
	if (r->orphans)
		loop_defer(r->loop, &r->task);
}

static void replies_take(struct redis *r)
{
	size_t at = 0;

	while (r->count && at < r->in.used) {
		struct redis_ask *ask = r->asked[r->first];
		const char *value;
		size_t bytes;
		long took = redis_reply_parse(r->in.data + at, r->in.used - at, &value, &bytes);

		if (took < 0) {
			drop(r);
			return;
		}
		if (!took)
			break;
		at += (size_t)took;
		r->first = (r->first + 1) % ASKED_MAX;
		r->count--;
		if (!ask)
			continue;
		ask->waiting = false;
		ask->answer(ask, value, bytes);
		if (r->fd < 0)
			return;
	}
	memmove(r->in.data, r->in.data + at, r->in.used - at);
	r->in.used -= at;
}

static void flush(struct redis *r)
{
	while (r->fd >= 0 && r->out_at < r->out.used) {
		ssize_t n = send(r->fd, r->out.data + r->out_at, r->out.used - r->out_at, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS))
			return;
		if (n <= 0) {
			drop(r);
			return;
		}
		r->out_at += (size_t)n;
	}
	if (r->out_at == r->out.used)
		r->out.used = r->out_at = 0;
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	struct redis *r = w->ctx;

	while (r->fd >= 0 && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
		ssize_t n;

		if (buf_reserve(&r->in, READ_BYTES)) {
			drop(r);
			return;
		}
		n = recv(r->fd, r->in.data + r->in.used, READ_BYTES, 0);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			drop(r);
			return;
		}
		r->in.used += (size_t)n;
		replies_take(r);
	}
	flush(r);
}

static int connect_now(struct redis *r)
{
	int one = 1, ret;

	if (r->fd >= 0)
		return 0;
	r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0)
		return -errno;
	setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	ret = connect(r->fd, (struct sockaddr *)&r->address, sizeof(r->address)) && errno != EINPROGRESS ? -errno : 0;
	r->watch = (struct loop_watch){.fd = r->fd, .ready = on_ready, .ctx = r};
	if (!ret)
		ret = loop_add_fd(r->loop, &r->watch, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	if (ret) {
		close(r->fd);
		r->fd = -1;
	}
	return ret;
}

/* --- commands --------------------------------------------------------------------------------------------------------------- */

static int command(struct redis *r, struct redis_ask *ask, size_t before, int made)
{
	if (made || r->count == ASKED_MAX || r->out.used > OUT_MAX) {
		r->out.used = before;
		return made ? made : -EAGAIN;
	}
	r->asked[(r->first + r->count++) % ASKED_MAX] = ask;
	flush(r);
	return 0;
}

int redis_get(struct redis *r, struct redis_ask *ask, const void *key, size_t key_bytes)
{
	int ret = connect_now(r);
	size_t before = r->out.used;

	if (ret)
		return ret;
	ret = buf_printf(&r->out, "*2\r\n$3\r\nGET\r\n");
	if (!ret)
		ret = put_bulk(&r->out, key, key_bytes);
	ask->waiting = true;
	ret = command(r, ask, before, ret);
	if (ret)
		ask->waiting = false;
	return ret;
}

void redis_forget(struct redis *r, struct redis_ask *ask)
{
	if (!ask->waiting)
		return;
	for (unsigned i = 0; i < r->count; i++)
		if (r->asked[(r->first + i) % ASKED_MAX] == ask)
			r->asked[(r->first + i) % ASKED_MAX] = NULL;
	for (unsigned i = 0; i < r->orphans; i++)
		if (r->orphan[i] == ask)
			r->orphan[i] = NULL;
	ask->waiting = false;
}

void redis_set(struct redis *r, const void *key, size_t key_bytes, const void *value, size_t bytes, uint64_t ttl_ns)
{
	uint64_t ttl_ms = (ttl_ns + NS_PER_MS - 1) / NS_PER_MS;
	char ttl[24];
	int ret = connect_now(r);

	if (ret)
		return;
	size_t before = r->out.used;
	ret = buf_printf(&r->out, "*%d\r\n$3\r\nSET\r\n", ttl_ms ? 5 : 3);
	if (!ret)
		ret = put_bulk(&r->out, key, key_bytes);
	if (!ret)
		ret = put_bulk(&r->out, value, bytes);
	if (!ret && ttl_ms) {
		int n = snprintf(ttl, sizeof(ttl), "%llu", (unsigned long long)ttl_ms);

		ret = buf_printf(&r->out, "$2\r\nPX\r\n");
		if (!ret)
			ret = put_bulk(&r->out, ttl, (size_t)n);
	}
	command(r, NULL, before, ret);
}

/* --- life ------------------------------------------------------------------------------------------------------------------- */

int redis_new(struct redis **out, struct loop *loop, const char *address, struct err *err)
{
	const char *colon = strrchr(address, ':');
	char host[64] = "";
	uint64_t port = 0;
	struct redis *r;

	if (colon)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_set(err, -ENOMEM, "out of memory for the connection to Redis");
	r->fd = -1;
	r->loop = loop;
	r->in.max = 2 * IN_MAX;
	r->task = (struct loop_task){.run = orphans_answer, .ctx = r};
	r->address.sin_family = AF_INET;
	if (!colon || units_parse_u64(colon + 1, &port) || port == 0 || port > UINT16_MAX ||
	    inet_pton(AF_INET, host, &r->address.sin_addr) != 1) {
		free(r);
		return err_set(err, -EINVAL, "--redis \"%.60s\": expected an IPv4 address and a port such as 127.0.0.1:6379",
			       address);
	}
	r->address.sin_port = htons((uint16_t)port);
	*out = r;
	return 0;
}

void redis_free(struct redis *r)
{
	if (!r)
		return;
	r->count = 0;
	drop(r);
	loop_task_cancel(r->loop, &r->task);
	buf_fini(&r->out);
	buf_fini(&r->in);
	free(r);
}
