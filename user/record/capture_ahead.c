// SPDX-License-Identifier: GPL-2.0-only
#include "record/capture_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define BATCHES 4
#define BATCH_BYTES (256u << 10) /* a batch ends behind the frame that reaches it */

/* Before each frame's payload; both begin at multiples of 8. */
struct item {
	uint32_t type, bytes;
};

struct batch {
	struct buf frames; /* struct item, payload, a NUL, ... */
	int rc; /* of the read behind the last frame: 1: more comes */
	bool has_head; /* its last frame: the worker must be through with it before there is more */
	struct err err;
};

struct capture_ahead {
	struct capture_reader *reader;
	capture_ahead_fn *half; /* or NULL */
	void *ctx;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch batch[BATCHES];
	unsigned filled, taken; /* batches so far: the thread's, the worker's */
	bool stop;
	/* the worker's own */
	size_t at; /* in the batch in hand */
	bool holds;
};

static size_t item_bytes(uint32_t payload)
{
	return sizeof(struct item) + ((size_t)payload + 1 + 7) / 8 * 8;
}

static int item_add(struct buf *b, enum capture_frame type, const void *data, uint32_t bytes)
{
	const struct item item = {.type = type, .bytes = bytes};
	int rc = buf_reserve(b, item_bytes(bytes));

	if (rc)
		return rc;
	memcpy(b->data + b->used, &item, sizeof(item));
	memcpy(b->data + b->used + sizeof(item), data, bytes);
	b->data[b->used + sizeof(item) + bytes] = '\0';
	b->used += item_bytes(bytes);
	return 0;
}

static int frame_take(struct capture_ahead *a, struct batch *b)
{
	enum capture_frame type;
	const void *data;
	uint32_t bytes;
	int rc = capture_read(a->reader, &type, &data, &bytes, &b->err);

	if (rc != 1)
		return rc;
	b->has_head = type == CAPTURE_META;
	rc = b->has_head || !a->half ? 0 : a->half(a->ctx, type, data, bytes);
	if (!rc)
		rc = item_add(&b->frames, type, data, bytes);
	return rc ? err_set(&b->err, rc, "cannot work on the capture ahead: %s", strerror(-rc)) : 1;
}

static void batch_fill(struct capture_ahead *a, struct batch *b)
{
	b->frames.used = 0;
	b->has_head = false;
	do
		b->rc = frame_take(a, b);
	while (b->rc == 1 && b->frames.used < BATCH_BYTES && !b->has_head);
}

/* Waits until at most so many batches are the worker's; false: it has seen enough. */
static bool batches_wait(struct capture_ahead *a, unsigned most)
{
	pthread_mutex_lock(&a->lock);
	while (!a->stop && a->filled - a->taken > most)
		pthread_cond_wait(&a->changed, &a->lock);
	bool stop = a->stop;
	pthread_mutex_unlock(&a->lock);
	return !stop;
}

static void *read_ahead(void *ctx)
{
	struct capture_ahead *a = ctx;
	bool has_head = false;
	int rc = 1;

	while (rc == 1 && batches_wait(a, has_head ? 0 : BATCHES - 1)) {
		struct batch *b = &a->batch[a->filled % BATCHES];
		batch_fill(a, b);
		rc = b->rc;
		has_head = b->has_head;
		pthread_mutex_lock(&a->lock);
		a->filled++;
		pthread_cond_signal(&a->changed);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

int capture_ahead_new(struct capture_ahead **out, struct capture_reader *reader, capture_ahead_fn *half, void *ctx,
		      struct err *err)
{
	struct capture_ahead *a = calloc(1, sizeof(*a));
	int rc;

	*out = NULL;
	if (!a)
		return err_set(err, -ENOMEM, "no memory to read the capture ahead");
	a->reader = reader;
	a->half = half;
	a->ctx = ctx;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	rc = pthread_create(&a->thread, NULL, read_ahead, a);
	if (rc) {
		pthread_cond_destroy(&a->changed);
		pthread_mutex_destroy(&a->lock);
		free(a);
		return err_set(err, -rc, "cannot start the thread that reads the capture: %s", strerror(rc));
	}
	*out = a;
	return 0;
}

/* Gives the batch in hand back, if there is one, and waits for the next. */
static struct batch *batch_next(struct capture_ahead *a)
{
	pthread_mutex_lock(&a->lock);
	if (a->holds) {
		a->taken++;
		pthread_cond_signal(&a->changed);
	}
	while (a->filled == a->taken)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	a->holds = true;
	a->at = 0;
	return &a->batch[a->taken % BATCHES];
}

int capture_ahead_read(struct capture_ahead *a, enum capture_frame *type, const void **data, uint32_t *bytes, struct err *err)
{
	struct batch *b = a->holds ? &a->batch[a->taken % BATCHES] : batch_next(a);
	struct item item;

	if (a->at == b->frames.used && b->rc == 1)
		b = batch_next(a);
	if (a->at == b->frames.used) {
		if (err && b->rc < 0)
			*err = b->err;
		return b->rc;
	}
	memcpy(&item, b->frames.data + a->at, sizeof(item));
	*type = (enum capture_frame)item.type;
	*data = b->frames.data + a->at + sizeof(item);
	*bytes = item.bytes;
	a->at += item_bytes(item.bytes);
	return 1;
}

void capture_ahead_free(struct capture_ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	for (unsigned i = 0; i < BATCHES; i++)
		buf_fini(&a->batch[i].frames);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
