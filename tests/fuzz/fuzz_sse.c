// rooms: base driver/sse driver/dechunk driver/delta record/said
// SPDX-License-Identifier: GPL-2.0-only
/* Chunked coding, SSE and the token scan on any bytes: whole and in parts must tell the same events at the same places. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "driver/dechunk.h"
#include "driver/delta.h"
#include "driver/sse.h"

struct digest {
	size_t base; /* place of what is being fed */
	uint64_t events, sum, content;
	struct delta_usage usage;
};

static void on_event(void *ctx, const struct sse_event *event, size_t end)
{
	struct digest *d = ctx;

	d->events++;
	d->sum = d->sum * 31 + d->base + end;
	for (size_t i = 0; i < event->bytes; i++)
		d->sum = d->sum * 31 + (unsigned char)event->data[i];
	for (const char *c = event->name; *c; c++)
		d->sum = d->sum * 31 + (unsigned char)*c;
	d->content += delta_has_content(PLAN_CHAT, event->data, event->bytes);
	d->content += delta_has_content(PLAN_MESSAGES, event->data, event->bytes);
	d->content += delta_is_end(PLAN_CHAT, event->name, event->data, event->bytes);
	delta_read_usage(&d->usage, event->data, event->bytes);
}

/* One part, from memory of its own. */
static int feed_part(struct sse *s, struct dechunk *chunks, const uint8_t *data, size_t bytes, size_t offset)
{
	struct digest *d = s->ctx;
	char *copy = malloc(bytes ? bytes : 1);
	const char *piece;
	size_t at = 0, n;
	int r = 0;

	memcpy(copy, data, bytes);
	d->base = offset;
	if (!chunks)
		r = sse_feed(s, copy, bytes);
	while (chunks && !r && (r = dechunk_next(chunks, copy, bytes, &at, &piece, &n)) > 0) {
		d->base = offset + (size_t)(piece - copy);
		r = sse_feed(s, piece, n);
	}
	free(copy);
	return r;
}

static struct digest parse(const uint8_t *data, size_t bytes, size_t step, int chunked)
{
	struct digest d = {0};
	struct sse s = {.on_event = on_event, .ctx = &d};
	struct dechunk chunks = {0};

	for (size_t at = 0; at < bytes; at += step)
		if (feed_part(&s, chunked ? &chunks : NULL, data + at, bytes - at < step ? bytes - at : step, at))
			break;
	d.base = bytes;
	sse_finish(&s);
	sse_fini(&s);
	return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes < 2)
		return 0;
	for (int chunked = 0; chunked < 2; chunked++) {
		struct digest whole = parse(data + 1, bytes - 1, bytes, chunked);
		struct digest parts = parse(data + 1, bytes - 1, 1 + data[0] % 17, chunked);

		if (whole.events != parts.events || whole.sum != parts.sum || whole.content != parts.content)
			abort();
	}
	return 0;
}
