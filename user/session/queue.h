/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records from the driver's threads to the session's: frames as in a capture, appended under a lock that is held for a copy only. Bounded: what
 * does not fit is counted, and the count stands beside the figures (struct queue_losses).
 */
#ifndef TOLL_SESSION_QUEUE_H
#define TOLL_SESSION_QUEUE_H

#include <pthread.h>
#include <stdint.h>

#include "base/buf.h"
#include "record/capture.h"
#include "record/request.h"

struct queue {
	pthread_mutex_t lock;
	struct buf filling;
	struct buf draining;
	uint64_t dropped; /* records that found the queue full */
};

void queue_init(struct queue *q, size_t max_bytes);
void queue_fini(struct queue *q);
/* A sink that appends to q. */
struct record_sink queue_sink(struct queue *q);
/* Calls fn for every frame so far; stops at its first negative return, which is returned. */
int queue_drain(struct queue *q, int (*fn)(void *ctx, enum capture_frame type, const void *data, uint32_t bytes), void *ctx);
uint64_t queue_dropped(struct queue *q);

/*
 * Calls fn for each whole frame at the head of b ({ u32 type, u32 bytes, payload }) and consumes them; a rest stays. -EPROTO: the stream is
 * not one of frames.
 */
int frames_each(struct buf *b, int (*fn)(void *ctx, enum capture_frame type, const void *data, uint32_t bytes), void *ctx);

#endif
