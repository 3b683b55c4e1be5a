// SPDX-License-Identifier: GPL-2.0-only
#include "session/queue.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define FRAME_BYTES_MAX (1u << 20)

struct frame_head {
	uint32_t type;
	uint32_t bytes;
};

void queue_init(struct queue *q, size_t max_bytes)
{
	memset(q, 0, sizeof(*q));
	pthread_mutex_init(&q->lock, NULL);
	q->filling.max = q->draining.max = max_bytes;
}

void queue_fini(struct queue *q)
{
	buf_fini(&q->filling);
	buf_fini(&q->draining);
	pthread_mutex_destroy(&q->lock);
}

static void queue_push(struct queue *q, enum capture_frame type, const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	struct frame_head head = {.type = type, .bytes = (uint32_t)(a_bytes + b_bytes)};

	pthread_mutex_lock(&q->lock);
	if (buf_reserve(&q->filling, sizeof(head) + a_bytes + b_bytes)) {
		q->dropped++;
	} else {
		buf_append(&q->filling, &head, sizeof(head));
		buf_append(&q->filling, a, a_bytes);
		if (b_bytes)
			buf_append(&q->filling, b, b_bytes);
	}
	pthread_mutex_unlock(&q->lock);
}

static void push_request(void *ctx, const struct record_request *r)
{
	queue_push(ctx, CAPTURE_REQUEST, r, sizeof(*r), NULL, 0);
}

static void push_provider(void *ctx, const struct record_provider *p)
{
	queue_push(ctx, CAPTURE_PROVIDER, p, sizeof(*p), NULL, 0);
}

static void push_events(void *ctx, const struct record_events *head, const struct record_event *events)
{
	queue_push(ctx, CAPTURE_EVENTS, head, sizeof(*head), events, head->count * sizeof(*events));
}

struct record_sink queue_sink(struct queue *q)
{
	return (struct record_sink){.ctx = q, .request = push_request, .provider = push_provider, .events = push_events};
}

int frames_each(struct buf *b, int (*fn)(void *ctx, enum capture_frame type, const void *data, uint32_t bytes), void *ctx)
{
	size_t at = 0;
	int rc = 0;

	while (!rc && b->used - at >= sizeof(struct frame_head)) {
		struct frame_head head;

		memcpy(&head, b->data + at, sizeof(head));
		if (head.bytes > FRAME_BYTES_MAX) {
			rc = -EPROTO;
			break;
		}
		if (b->used - at - sizeof(head) < head.bytes)
			break;
		rc = fn(ctx, (enum capture_frame)head.type, b->data + at + sizeof(head), head.bytes);
		at += sizeof(head) + head.bytes;
	}
	buf_consume(b, at);
	return rc < 0 ? rc : 0;
}

int queue_drain(struct queue *q, int (*fn)(void *ctx, enum capture_frame type, const void *data, uint32_t bytes), void *ctx)
{
	struct buf swap;
	int rc;

	pthread_mutex_lock(&q->lock);
	swap = q->draining;
	q->draining = q->filling;
	q->filling = swap;
	pthread_mutex_unlock(&q->lock);
	rc = frames_each(&q->draining, fn, ctx);
	q->draining.used = 0;
	return rc;
}

uint64_t queue_dropped(struct queue *q)
{
	uint64_t n;

	pthread_mutex_lock(&q->lock);
	n = q->dropped;
	pthread_mutex_unlock(&q->lock);
	return n;
}
