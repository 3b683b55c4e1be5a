/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a capture ahead of who works on it: a thread takes frames off the reader, checks them and does its half of the work on each, up to a
 * bound of memory, so that two CPUs share all of it. The frames, and where the file ends or is damaged, are those of capture_read(), in
 * the same order.
 */
#ifndef TOLL_RECORD_CAPTURE_AHEAD_H
#define TOLL_RECORD_CAPTURE_AHEAD_H

#include "record/capture.h"

/*
 * The thread's half of the work, in the frames' order; a head (CAPTURE_META) is only handed on, and no frame behind it is touched before the
 * worker has done with it. NULL: none. An -errno ends the reading behind the frames before.
 */
typedef int capture_ahead_fn(void *ctx, enum capture_frame type, const void *data, uint32_t bytes);

struct capture_ahead;
/* The reader is the thread's until capture_ahead_free(). -errno */
int capture_ahead_new(struct capture_ahead **out, struct capture_reader *reader, capture_ahead_fn *half, void *ctx,
		      struct err *err);
/* As capture_read(): 1, 0 at the end, or the defect. A frame is valid until the next call. One thread asks. */
int capture_ahead_read(struct capture_ahead *a, enum capture_frame *type, const void **data, uint32_t *bytes, struct err *err);
/* Ends the thread, wherever it is in the file, unless it waits for a pipe that says nothing. NULL is fine. */
void capture_ahead_free(struct capture_ahead *a);

#endif
