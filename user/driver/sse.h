/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Server-sent events (WHATWG HTML, 9.2), parsed incrementally: any split, CR LF, LF or CR, comments, several data lines.
 * An event that lies whole in what was fed is handed out without a copy.
 */
#ifndef TOLL_DRIVER_SSE_H
#define TOLL_DRIVER_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define SSE_EVENT_BYTES_MAX (256 * 1024) /* a line, or the data of one event */
#define SSE_NAME_MAX 32 /* longer event names are cut */

struct sse_event {
	const char *name; /* "event:" field; "" when absent */
	const char *data; /* not NUL-terminated, valid during the call */
	size_t bytes;
};

/* end: one past the event's last byte (its empty line included), counted from the start of what is being fed. */
typedef void sse_event_fn(void *ctx, const struct sse_event *event, size_t end);

/* Zero-initialise, set on_event and ctx; sse_reset for the next stream, sse_fini at the end. */
struct sse {
	sse_event_fn *on_event;
	void *ctx;
	struct buf line; /* a line whose end is not there yet */
	struct buf data; /* data of the event so far */
	const char *borrowed; /* ... or the same still lying in the caller's bytes */
	size_t borrowed_bytes;
	char name[SSE_NAME_MAX];
	bool has_data;
	bool cr; /* a CR ended the last byte: an LF may belong to it */
	bool begun;
};

void sse_reset(struct sse *s);
void sse_fini(struct sse *s);
/* 0, -EMSGSIZE (a line or an event above the bound) or -ENOMEM. */
int sse_feed(struct sse *s, const char *data, size_t bytes);
/* The stream is over: hands out an event that lacks only its empty line ("data: [DONE]" as some servers end). */
int sse_finish(struct sse *s);

#endif
