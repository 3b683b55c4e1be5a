/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The capture file: what probes and ends recorded, replayable without root.
 * Layout: 16-byte magic "toll.capture/3\n\0", then frames { u32 type, u32 bytes, payload }, host byte order (little-endian
 * machines only; checked by a frame). Frames are written in the order in which they reached the session.
 * A file cut anywhere reads up to its last whole frame, and the reader says that it was cut.
 */
#ifndef TOLL_RECORD_CAPTURE_H
#define TOLL_RECORD_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "record/request.h"

enum capture_frame {
	CAPTURE_META = 1, /* JSON text: scenario, classes, stages, machine, roles; first frame, may come again (last wins) */
	CAPTURE_WIRE = 2, /* one record of bpf/wire.h */
	CAPTURE_REQUEST = 3, /* struct record_request */
	CAPTURE_PROVIDER = 4, /* struct record_provider */
	CAPTURE_EVENTS = 5, /* struct record_events + events */
	CAPTURE_COUNTERS = 6, /* uint64_t[WIRE_COUNTERS], cumulative: last wins */
	CAPTURE_TICK = 7, /* uint64_t now_ns: how far time has come (drives the timeline's grace periods) */
	CAPTURE_END = 8, /* struct capture_end: only in a file that was closed properly */
	CAPTURE_GAUGES = 9, /* struct record_gauges, about once a second */
	CAPTURE_STACK =
		10, /* struct record_stack + names: what a key of samples and waits stands for; after them, mostly at the end */
	CAPTURE_PART = 11, /* struct record_part, behind the gauges that it is a part of: soaks */
};

struct capture_end {
	uint64_t frames_seen; /* offered to the writer */
	uint64_t frames_written;
	uint64_t requests_seen;
	uint64_t requests_written;
};

enum capture_mode { CAPTURE_OFF = 0, CAPTURE_SAMPLE = 1, CAPTURE_FULL = 2 };

struct capture_writer;
/*
 * path is created 0600. CAPTURE_SAMPLE stays below max_bytes by keeping, as the file fills, only every 2nd, 4th, ... second
 * of event time (only requests, provider turns, events and the wire's turns, marks, off-CPU periods, calls and samples are left out). CAPTURE_OFF makes no file and only
 * counts. The mode CAPTURE_FULL knows no bound. Not thread-safe: the session's thread only.
 */
int capture_writer_open(struct capture_writer **out, const char *path, enum capture_mode mode, uint64_t max_bytes,
			struct err *err);
int capture_write(struct capture_writer *w, enum capture_frame type, const void *data, uint32_t bytes);
int capture_write2(struct capture_writer *w, enum capture_frame type, const void *a, uint32_t a_bytes, const void *b,
		   uint32_t b_bytes);
/* Writes the end frame and closes. The first write error (ENOSPC ...) is kept and returned here with err filled. */
int capture_writer_close(struct capture_writer *w, struct capture_end *totals, struct err *err);

struct capture_reader;
int capture_reader_open(struct capture_reader **out, const char *path, struct err *err);
/* 1: frame read, aligned for its structs, valid until the next call (a NUL stands behind it), 0: end, -errno: defect (err names file and offset). Sizes are checked per type. */
int capture_read(struct capture_reader *r, enum capture_frame *type, const void **data, uint32_t *bytes, struct err *err);
/* After the end: was the file closed properly (CAPTURE_END seen)? */
bool capture_reader_complete(const struct capture_reader *r, struct capture_end *totals);
void capture_reader_free(struct capture_reader *r);

/* Smallest valid size of a wire record of this kind; 0 = unknown kind. The one function that knows the sizes. */
uint32_t capture_wire_size(uint16_t kind);
/* Checks kind, size and inner counts of a wire record of `bytes` bytes: 0 or -EPROTO. Readers call it before any cast. */
int capture_wire_check(const void *data, uint32_t bytes);

#endif
