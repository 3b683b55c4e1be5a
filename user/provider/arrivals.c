/* SPDX-License-Identifier: GPL-2.0-only */
#include "provider/arrivals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "record/capture.h"

#define FLUSH_NS (50 * NS_PER_MS)
#define FLUSH_BYTES ((size_t)16 << 10)
#define WAITING_MAX ((size_t)4 << 20)
#define PIPE_WISH_BYTES (1 << 20)
#define LAST_WAIT_NS (2 * NS_PER_S)

struct frame {
	uint32_t type;
	uint32_t bytes;
};

/* As many whole frames as fit into PIPE_BUF. */
static size_t frames_fit(const struct buf *b, size_t from)
{
	size_t n = 0;
	while (from + n < b->used) {
		struct frame f;
		memcpy(&f, b->data + from + n, sizeof(f));
		if (n + sizeof(f) + f.bytes > PIPE_BUF)
			break;
		n += sizeof(f) + f.bytes;
	}
	return n;
}

static uint64_t frames_count(const struct buf *b)
{
	uint64_t frames = 0;
	struct frame f;
	for (size_t at = 0; at < b->used; at += sizeof(f) + f.bytes, frames++)
		memcpy(&f, b->data + at, sizeof(f));
	return frames;
}

/* Writes what the reader takes now. 0, -EAGAIN when it is full, other -errno when it is gone (then nothing waits any more). */
static int arrivals_write(struct arrivals *a)
{
	size_t done = 0;
	int ret = 0;
	while (done < a->waiting.used && !ret) {
		size_t n = frames_fit(&a->waiting, done);
		ssize_t written = write(a->fd, a->waiting.data + done, n);
		if (written < 0 && errno != EINTR)
			ret = -errno;
		else if (written == (ssize_t)n)
			done += n;
		else if (written >= 0)
			ret = -EIO; /* no pipe does that to PIPE_BUF bytes; a file on a full disk does */
	}
	buf_consume(&a->waiting, done);
	if (ret && ret != -EAGAIN) {
		a->lost += frames_count(&a->waiting);
		a->waiting.used = 0;
		a->gone = true;
	}
	return ret;
}

static void flush_later(struct arrivals *a)
{
	if (a->waiting.used && !a->flush.slot)
		loop_timer_set(a->loop, &a->flush, clock_now_ns() + FLUSH_NS);
}

static void flush_fire(struct loop_timer *t)
{
	struct arrivals *a = t->ctx;
	arrivals_write(a);
	flush_later(a);
}

static void arrivals_add(struct arrivals *a, enum capture_frame type, const void *head, size_t head_bytes, const void *rest,
			 size_t rest_bytes)
{
	struct frame f = {.type = type, .bytes = (uint32_t)(head_bytes + rest_bytes)};
	if (a->fd < 0)
		return;
	if (a->gone || buf_reserve(&a->waiting, sizeof(f) + f.bytes)) {
		a->lost += 1;
		return;
	}
	buf_append(&a->waiting, &f, sizeof(f));
	buf_append(&a->waiting, head, head_bytes);
	buf_append(&a->waiting, rest, rest_bytes);
	bool stuck =
		a->waiting.used - sizeof(f) - f.bytes >= FLUSH_BYTES; /* the reader was full already: leave it to the timer */
	if (a->waiting.used >= FLUSH_BYTES && !stuck)
		arrivals_write(a);
	flush_later(a);
}

void arrivals_init(struct arrivals *a, struct loop *loop, int fd, const struct record_sink *sink)
{
	*a = (struct arrivals){.loop = loop, .fd = fd, .sink = *sink, .waiting = {.max = WAITING_MAX}};
	a->flush = (struct loop_timer){.fire = flush_fire, .ctx = a};
}

void arrivals_fini(struct arrivals *a)
{
	uint64_t limit_ns = clock_now_ns() + LAST_WAIT_NS;
	loop_timer_cancel(a->loop, &a->flush);
	while (a->waiting.used && arrivals_write(a) == -EAGAIN && clock_now_ns() < limit_ns) {
		struct pollfd p = {.fd = a->fd, .events = POLLOUT};
		poll(&p, 1, 50);
	}
	if (!a->gone)
		a->lost += frames_count(&a->waiting);
	buf_fini(&a->waiting);
}

bool arrivals_are_read(const struct arrivals *a)
{
	return a->fd >= 0 || a->sink.provider || a->sink.events;
}

void arrivals_provider(struct arrivals *a, const struct record_provider *record)
{
	if (a->sink.provider)
		a->sink.provider(a->sink.ctx, record);
	arrivals_add(a, CAPTURE_PROVIDER, record, sizeof(*record), NULL, 0);
}

void arrivals_events(struct arrivals *a, const struct record_events *head, const struct record_event *events)
{
	if (a->sink.events)
		a->sink.events(a->sink.ctx, head, events);
	arrivals_add(a, CAPTURE_EVENTS, head, sizeof(*head), events, head->count * sizeof(*events));
}

int arrivals_prepare(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	fcntl(fd, F_SETPIPE_SZ, PIPE_WISH_BYTES); /* best effort: the buffer waits otherwise; fails on a file */
	return 0;
}
