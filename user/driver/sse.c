/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/sse.h"

#include <errno.h>
#include <string.h>

void sse_reset(struct sse *s)
{
	s->line.used = 0;
	s->data.used = 0;
	s->borrowed = NULL;
	s->borrowed_bytes = 0;
	s->name[0] = '\0';
	s->has_data = false;
	s->cr = false;
	s->begun = false;
}

void sse_fini(struct sse *s)
{
	buf_fini(&s->line);
	buf_fini(&s->data);
}

static int bounded_append(struct buf *b, const char *data, size_t bytes)
{
	b->max = SSE_EVENT_BYTES_MAX;
	return bytes ? buf_append(b, data, bytes) : 0;
}

/* Moves data that still lies in the caller's bytes into our own. */
static int keep_borrowed(struct sse *s)
{
	int r;

	if (!s->borrowed)
		return 0;
	r = bounded_append(&s->data, s->borrowed, s->borrowed_bytes);
	s->borrowed = NULL;
	return r;
}

static void dispatch(struct sse *s, size_t end)
{
	struct sse_event event = {.name = s->name};

	if (s->has_data) {
		event.data = s->borrowed ? s->borrowed : s->data.used ? s->data.data : "";
		event.bytes = s->borrowed ? s->borrowed_bytes : s->data.used;
		s->on_event(s->ctx, &event, end);
	}
	s->borrowed = NULL;
	s->data.used = 0;
	s->has_data = false;
	s->name[0] = '\0';
}

static int data_field(struct sse *s, const char *value, size_t bytes, bool stays)
{
	int r;

	if (!s->has_data) {
		s->has_data = true;
		if (!stays)
			return bounded_append(&s->data, value, bytes);
		s->borrowed = value;
		s->borrowed_bytes = bytes;
		return 0;
	}
	r = keep_borrowed(s);
	if (!r)
		r = bounded_append(&s->data, "\n", 1);
	return r ? r : bounded_append(&s->data, value, bytes);
}

static void name_field(struct sse *s, const char *value, size_t bytes)
{
	size_t n = bytes < SSE_NAME_MAX - 1 ? bytes : SSE_NAME_MAX - 1;

	memcpy(s->name, value, n);
	s->name[n] = '\0';
}

/* A line that is not empty, without its end. stays: it lies in the bytes being fed. */
static int field(struct sse *s, const char *line, size_t bytes, bool stays)
{
	const char *colon = memchr(line, ':', bytes);
	size_t key = colon ? (size_t)(colon - line) : bytes;
	const char *value = colon ? colon + 1 : line + bytes;
	size_t value_bytes = (size_t)(line + bytes - value);

	if (value_bytes && *value == ' ') {
		value++;
		value_bytes--;
	}
	if (key == 4 && !memcmp(line, "data", 4))
		return data_field(s, value, value_bytes, stays);
	if (key == 5 && !memcmp(line, "event", 5))
		name_field(s, value, value_bytes);
	return 0;
}

static int line_end(struct sse *s, const char *line, size_t bytes, bool stays, size_t end)
{
	static const char mark[] = "\xef\xbb\xbf"; /* a byte order mark may stand before the first line */

	if (!s->begun && bytes >= 3 && !memcmp(line, mark, 3)) {
		line += 3;
		bytes -= 3;
	}
	s->begun = true;
	if (bytes)
		return field(s, line, bytes, stays);
	dispatch(s, end);
	return 0;
}

/* Ends the line whose last bytes are data[0, bytes); the earlier ones are in s->line. */
static int line_close(struct sse *s, const char *data, size_t bytes, size_t end)
{
	int r;

	if (!s->line.used)
		return line_end(s, data, bytes, true, end);
	r = bounded_append(&s->line, data, bytes);
	if (!r)
		r = line_end(s, s->line.data, s->line.used, false, end);
	s->line.used = 0;
	return r;
}

/*
 * A CR at the end of what was fed waits for the next byte: only then is it known whether the line ends behind it or behind the LF,
 * and an event's end has to be exact.
 */
static int pending_cr(struct sse *s, const char *data, size_t bytes, size_t *at)
{
	if (!s->cr)
		return 0;
	s->cr = false;
	if (bytes && data[0] == '\n')
		*at = 1;
	return line_close(s, data, 0, *at);
}

static size_t line_length(const char *data, size_t bytes)
{
	const char *lf = memchr(data, '\n', bytes);
	size_t n = lf ? (size_t)(lf - data) : bytes;
	const char *cr = memchr(data, '\r', n);

	return cr ? (size_t)(cr - data) : n;
}

int sse_feed(struct sse *s, const char *data, size_t bytes)
{
	size_t at = 0;
	int r = bytes ? pending_cr(s, data, bytes, &at) : 0;

	while (!r && at < bytes) {
		size_t n = line_length(data + at, bytes - at);
		size_t end = at + n;

		if (end == bytes || (data[end] == '\r' && end + 1 == bytes)) {
			s->cr = end < bytes;
			r = bounded_append(&s->line, data + at, n);
			break;
		}
		end += data[end] == '\r' && data[end + 1] == '\n' ? 2 : 1;
		r = line_close(s, data + at, n, end);
		at = end;
	}
	return r ? r : keep_borrowed(s);
}

int sse_finish(struct sse *s)
{
	size_t at = 0;
	int r = pending_cr(s, "", 0, &at);

	if (!r && s->line.used)
		r = line_close(s, "", 0, 0);
	dispatch(s, 0);
	return r;
}
