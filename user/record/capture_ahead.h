/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a capture ahead of who works on it: a thread takes frames off the reader and checks them, up to a bound of memory, so that two CPUs
 * share the work. The frames, and where the file ends or is damaged, are those of capture_read(), in the same order.
 */
#ifndef TOLL_RECORD_CAPTURE_AHEAD_H
#define TOLL_RECORD_CAPTURE_AHEAD_H

#include "record/capture.h"

struct capture_ahead;
/* The reader is the thread's until capture_ahead_free(). -errno */
int capture_ahead_new(struct capture_ahead **out, struct capture_reader *reader, struct err *err);
/* As capture_read(): 1, 0 at the end, or the defect. A frame is valid until the next call. One thread asks. */
int capture_ahead_read(struct capture_ahead *a, enum capture_frame *type, const void **data, uint32_t *bytes, struct err *err);
/* Ends the thread, wherever it is in the file, unless it waits for a pipe that says nothing. NULL is fine. */
void capture_ahead_free(struct capture_ahead *a);

#endif
