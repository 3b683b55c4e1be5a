// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bpf/wire.h"
#include "record/capture.h"
#include "record/capture_frame.h"

#define FLUSH_BYTES (256u << 10)
#define END_FRAME_BYTES (sizeof(struct capture_frame_head) + sizeof(struct capture_end))
#define DECIMATION_LEVEL_MAX 20
/* this part of a sample is left to the frames that are always kept: connections, counters, how far time has come */
#define RESERVED_SHARE 64

struct capture_writer {
	char *path;
	int fd; /* -1: CAPTURE_OFF, frames are only counted */
	enum capture_mode mode;
	uint64_t max_bytes;
	unsigned level; /* every 2^level-th second is kept */
	uint64_t second; /* the latest one of event time */
	uint64_t bytes; /* in the file and in the buffer */
	struct buf buf; /* whole frames not yet in the file */
	uint64_t buffered_frames;
	uint64_t buffered_requests;
	int error; /* the first one: nothing is written after it */
	struct capture_end totals;
};

static int writer_flush(struct capture_writer *w)
{
	if (w->error)
		return w->error;
	w->error = buf_write_all(w->fd, w->buf.data, w->buf.used);
	if (w->error)
		return w->error;
	w->totals.frames_written += w->buffered_frames;
	w->totals.requests_written += w->buffered_requests;
	w->buffered_frames = w->buffered_requests = 0;
	w->buf.used = 0;
	return 0;
}

static int file_create(struct capture_writer *w, const char *path, struct err *err)
{
	struct stat st;
	int rc;

	w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (w->fd < 0) {
		rc = -errno;
		return err_set(err, rc, "cannot create the capture file %s: %s; choose another place with --out", path,
			       strerror(-rc));
	}
	/* a file that was there keeps its mode: a capture names peers and processes, so only its owner may read it */
	if (fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode) && fchmod(w->fd, 0600) < 0) {
		rc = -errno;
		return err_set(err, rc, "cannot make the capture file %s private: %s; choose another place with --out", path,
			       strerror(-rc));
	}
	return 0;
}

static void writer_free(struct capture_writer *w)
{
	if (w->fd >= 0)
		close(w->fd);
	buf_fini(&w->buf);
	free(w->path);
	free(w);
}

static int writer_start(struct capture_writer *w, const char *path, struct err *err)
{
	int rc;

	w->path = strdup(path);
	if (!w->path)
		return err_set(err, -ENOMEM, "no memory for the capture file %s", path);
	if (w->mode == CAPTURE_SAMPLE && w->max_bytes < sizeof(CAPTURE_MAGIC) + END_FRAME_BYTES)
		return err_set(err, -EINVAL, "the bound of the capture file %s is below %zu bytes: nothing would fit", path,
			       sizeof(CAPTURE_MAGIC) + END_FRAME_BYTES);
	rc = file_create(w, path, err);
	if (rc)
		return rc;
	rc = buf_append(&w->buf, CAPTURE_MAGIC, sizeof(CAPTURE_MAGIC));
	if (rc)
		return err_set(err, rc, "no memory for the capture file %s", path);
	w->bytes = sizeof(CAPTURE_MAGIC);
	return 0;
}

int capture_writer_open(struct capture_writer **out, const char *path, enum capture_mode mode, uint64_t max_bytes,
			struct err *err)
{
	struct capture_writer *w = calloc(1, sizeof(*w));
	int rc = 0;

	if (!w)
		return err_set(err, -ENOMEM, "no memory for the capture file %s", path);
	w->fd = -1;
	w->mode = mode;
	w->max_bytes = max_bytes;
	if (mode != CAPTURE_OFF)
		rc = writer_start(w, path, err);
	if (rc) {
		writer_free(w);
		return rc;
	}
	*out = w;
	return 0;
}

static uint64_t field_u64(const char *payload, size_t offset)
{
	uint64_t value;

	memcpy(&value, payload + offset, sizeof(value));
	return value;
}

/* A turn, the request and the provider's part of it are told by when they began, so that they are kept together. */
static uint64_t turn_time_ns(const char *payload)
{
	struct wire_turn turn;
	uint64_t first = UINT64_MAX;
	unsigned i;

	memcpy(&turn, payload, sizeof(turn));
	for (i = 0; i < WIRE_LANES; i++) {
		if (turn.lane[i].count && turn.lane[i].first_ns < first)
			first = turn.lane[i].first_ns;
	}
	return first < UINT64_MAX ? first : turn.h.time_ns;
}

/* When the frame's event was; false: a frame that is never left out. */
static bool frame_time(enum capture_frame type, const char *payload, uint32_t bytes, uint64_t *time_ns)
{
	struct wire_header h;

	switch (type) {
	case CAPTURE_REQUEST:
		*time_ns = field_u64(payload, offsetof(struct record_request, due_ns));
		return true;
	case CAPTURE_PROVIDER:
		*time_ns = field_u64(payload, offsetof(struct record_provider, request_first_ns));
		return true;
	case CAPTURE_EVENTS:
		if (bytes < sizeof(struct record_events) + sizeof(struct record_event))
			return false;
		*time_ns = field_u64(payload, sizeof(struct record_events) + offsetof(struct record_event, time_ns));
		return true;
	case CAPTURE_WIRE:
		memcpy(&h, payload, sizeof(h));
		*time_ns = h.kind == WIRE_KIND_TURN ? turn_time_ns(payload) : h.time_ns;
		return h.kind == WIRE_KIND_TURN || h.kind == WIRE_KIND_MARKS || h.kind == WIRE_KIND_OFF_CPU ||
		       h.kind == WIRE_KIND_SYSCALLS || h.kind == WIRE_KIND_SAMPLE;
	default:
		return false;
	}
}

/*
 * Half full: every 2nd second; three quarters: every 4th; seven eighths: every 8th ... It changes only between seconds, so that the
 * records of a request are kept or left out together.
 */
static void decimation_update(struct capture_writer *w, uint64_t second)
{
	uint64_t left = w->max_bytes - w->bytes;

	if (second <= w->second)
		return;
	w->second = second;
	while (w->level < DECIMATION_LEVEL_MAX && left < w->max_bytes >> (w->level + 1))
		w->level++;
}

static bool is_kept(struct capture_writer *w, enum capture_frame type, const char *payload, uint32_t bytes)
{
	uint64_t left = w->max_bytes - w->bytes, time_ns;

	if (w->mode != CAPTURE_SAMPLE)
		return true;
	if (left < sizeof(struct capture_frame_head) + bytes + END_FRAME_BYTES)
		return false;
	if (!frame_time(type, payload, bytes, &time_ns))
		return true;
	decimation_update(w, time_ns / NS_PER_S);
	if (left < w->max_bytes / RESERVED_SHARE + bytes)
		return false;
	return (time_ns / NS_PER_S) % (UINT64_C(1) << w->level) == 0;
}

/* Puts the frame behind the buffered ones; what is not kept is taken off again. */
static int frame_buffer(struct capture_writer *w, enum capture_frame type, const void *a, uint32_t a_bytes, const void *b,
			uint32_t b_bytes)
{
	struct capture_frame_head head = {.type = type, .bytes = a_bytes + b_bytes};
	size_t before = w->buf.used;
	const char *payload;
	int rc;

	rc = capture_frame_check_size(head.type, head.bytes);
	if (!rc)
		rc = buf_reserve(&w->buf, sizeof(head) + head.bytes);
	if (rc)
		return rc;
	buf_append(&w->buf, &head, sizeof(head));
	buf_append(&w->buf, a, a_bytes);
	buf_append(&w->buf, b, b_bytes);
	payload = w->buf.data + before + sizeof(head);
	rc = capture_frame_check(head.type, payload, head.bytes);
	if (rc || !is_kept(w, type, payload, head.bytes)) {
		w->buf.used = before;
		return rc;
	}
	w->bytes += sizeof(head) + head.bytes;
	w->buffered_frames++;
	w->buffered_requests += type == CAPTURE_REQUEST;
	return 0;
}

int capture_write2(struct capture_writer *w, enum capture_frame type, const void *a, uint32_t a_bytes, const void *b,
		   uint32_t b_bytes)
{
	int rc;

	w->totals.frames_seen++;
	w->totals.requests_seen += type == CAPTURE_REQUEST;
	if (w->fd < 0)
		return 0;
	if (w->error)
		return w->error;
	if (b_bytes > CAPTURE_FRAME_BYTES_MAX || type == CAPTURE_END)
		return -EINVAL;
	rc = frame_buffer(w, type, a, a_bytes, b, b_bytes);
	if (!rc && w->buf.used >= FLUSH_BYTES)
		rc = writer_flush(w);
	return rc;
}

int capture_write(struct capture_writer *w, enum capture_frame type, const void *data, uint32_t bytes)
{
	return capture_write2(w, type, data, bytes, NULL, 0);
}

static int write_end(struct capture_writer *w)
{
	struct capture_frame_head head = {.type = CAPTURE_END, .bytes = sizeof(w->totals)};
	char frame[END_FRAME_BYTES];

	memcpy(frame, &head, sizeof(head));
	memcpy(frame + sizeof(head), &w->totals, sizeof(w->totals));
	return buf_write_all(w->fd, frame, sizeof(frame));
}

int capture_writer_close(struct capture_writer *w, struct capture_end *totals, struct err *err)
{
	int rc = 0;

	if (w->fd >= 0) {
		rc = writer_flush(w);
		if (!rc)
			rc = write_end(w);
		if (close(w->fd) < 0 && !rc)
			rc = -errno;
		w->fd = -1;
	}
	if (rc)
		err_set(err, rc,
			"the capture file %s is cut short after %llu of %llu frames: %s; what was written can be replayed",
			w->path, (unsigned long long)w->totals.frames_written, (unsigned long long)w->totals.frames_seen,
			strerror(-rc));
	if (totals)
		*totals = w->totals;
	writer_free(w);
	return rc;
}
