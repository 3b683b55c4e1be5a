/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "driver/checks.h"
#include "record/overhead_header.h"

/* --- events of a stream ------------------------------------------------------------------------------------------------------ */

static void events_flush(struct answer *a)
{
	struct record_events head = {
		.id = a->record->id,
		.conn = a->record->conn,
		.first = a->events_first,
		.count = a->events,
		.from_driver = 1,
	};

	if (a->events && a->sink->events)
		a->sink->events(a->sink->ctx, &head, a->event);
	a->events_first += a->events;
	a->events = 0;
}

static void token_time(struct answer *a, uint64_t pos)
{
	struct record_request *r = a->record;

	if (!r->first_token_ns) {
		r->first_token_ns = a->now_ns;
		r->in_token_pos = pos;
	} else {
		uint64_t gap_ns = a->now_ns - a->last_token_ns;

		if (gap_ns > r->inter_token_max_ns)
			r->inter_token_max_ns = gap_ns;
		tally_gap(a->tally, r, gap_ns);
	}
	a->last_token_ns = a->now_ns;
}

/* Once something is wrong, all that follows is: it is told once. */
static void hear(struct answer *a, const struct sse_event *event)
{
	uint64_t id;
	bool own = !delta_answer_id(event->data, event->bytes, &id) || id == a->record->id;

	a->record->flags |= RECORD_HEARD;
	if (own && delta_hear(&a->said, a->class_->endpoint, event->data, event->bytes))
		return;
	a->record->flags |= own ? (uint32_t)RECORD_DISORDERED : (uint32_t)RECORD_FOREIGN;
	a->hears = false;
}

static void content_event(struct answer *a, const struct sse_event *event, uint64_t pos)
{
	if (a->hears)
		hear(a, event);
	token_time(a, pos);
	if (a->text)
		delta_text(a->text, a->class_->endpoint, event->data, event->bytes);
	if (a->keep && !a->record->chunks)
		buf_append(&a->kept, event->data, event->bytes);
	a->record->chunks++;
	if (!pos)
		return;
	a->event[a->events++] = (struct record_event){.pos = pos, .time_ns = a->now_ns};
	if (a->events == ANSWER_EVENTS_BATCH)
		events_flush(a);
}

static void on_event(void *ctx, const struct sse_event *event, size_t end)
{
	struct answer *a = ctx;
	uint64_t pos = a->place.exact ? a->place.pos + end : a->place.pos;

	if (delta_is_end(a->class_->endpoint, event->name, event->data, event->bytes)) {
		a->ended = true;
		return;
	}
	if (delta_has_content(a->class_->endpoint, event->data, event->bytes))
		content_event(a, event, pos);
	delta_read_usage(&a->usage, event->data, event->bytes);
}

/* --- life -------------------------------------------------------------------------------------------------------------------- */

void answer_init(struct answer *a, const struct record_sink *sink, struct tally *tally, struct record_request *record)
{
	*a = (struct answer){.sink = sink, .tally = tally, .record = record};
	a->kept.max = ANSWER_KEEP_BYTES_MAX;
	a->sse.on_event = on_event;
	a->sse.ctx = a;
}

void answer_fini(struct answer *a)
{
	sse_fini(&a->sse);
	buf_fini(&a->kept);
}

void answer_begin(struct answer *a, const struct plan_class *class_, bool hears, struct buf *text)
{
	bool tells_usage = class_->endpoint != PLAN_MODELS && class_->endpoint != PLAN_HEALTH;

	a->class_ = class_;
	a->head_bytes = 0;
	a->body_bytes = 0;
	a->status = 0;
	a->chunked = a->event_stream = a->broken = a->ended = false;
	a->keep = checks_want_json(class_) || (tells_usage && !class_->stream);
	a->dechunk = (struct dechunk){0};
	sse_reset(&a->sse);
	a->kept.used = 0;
	a->usage = (struct delta_usage){0};
	a->last_token_ns = 0;
	a->hears = hears && class_->stream;
	a->text = text;
	a->said = (struct said){.id = a->record->id};
	a->events_first = a->events = 0;
}

/* --- head -------------------------------------------------------------------------------------------------------------------- */

/* Is `line` the header `name:` with `word` in its value? */
static bool header_says(const char *line, size_t bytes, const char *name, const char *word)
{
	size_t name_bytes = strlen(name);
	size_t word_bytes = strlen(word);

	if (bytes <= name_bytes || line[name_bytes] != ':' || strncasecmp(line, name, name_bytes))
		return false;
	for (size_t at = name_bytes + 1; at + word_bytes <= bytes; at++)
		if (!strncasecmp(line + at, word, word_bytes))
			return true;
	return false;
}

static void status_line(struct answer *a, const char *line, size_t bytes)
{
	const char *space = memchr(line, ' ', bytes);

	a->status = 0;
	a->chunked = a->event_stream = false;
	for (size_t at = space ? (size_t)(space - line) + 1 : bytes; at < bytes && line[at] >= '0' && line[at] <= '9'; at++)
		a->status = (a->status * 10 + (unsigned)(line[at] - '0')) % 1000;
}

void answer_head(struct answer *a, const char *line, size_t bytes, uint64_t now_ns)
{
	if (!a->record->first_byte_ns)
		a->record->first_byte_ns = now_ns;
	a->head_bytes += bytes;
	if (bytes >= 5 && !memcmp(line, "HTTP/", 5))
		status_line(a, line, bytes);
	else if (header_says(line, bytes, "transfer-encoding", "chunked"))
		a->chunked = true;
	else if (header_says(line, bytes, "content-type", "text/event-stream"))
		a->event_stream = true;
	else if (overhead_header_read(line, bytes, a->overhead_header, &a->record->overhead_header, &a->record->overhead_ns))
		a->record->flags |= RECORD_OVERHEAD;
}

/* --- body -------------------------------------------------------------------------------------------------------------------- */

static void keep_body(struct answer *a, const char *data, size_t bytes)
{
	size_t room = ANSWER_KEEP_BYTES_MAX - a->kept.used;

	if (bytes)
		buf_append(&a->kept, data, bytes < room ? bytes : room);
}

/* Payload bytes; a->place tells where the first of them lies. */
static void payload(struct answer *a, const char *data, size_t bytes)
{
	if (a->event_stream) {
		if (sse_feed(&a->sse, data, bytes))
			a->broken = true;
		return;
	}
	if (!a->record->first_token_ns && bytes)
		a->record->first_token_ns = a->now_ns;
	if (a->keep)
		keep_body(a, data, bytes);
}

static void chunked_payload(struct answer *a, const char *data, size_t bytes, struct answer_place place)
{
	const char *piece;
	size_t at = 0, piece_bytes;
	int r;

	while ((r = dechunk_next(&a->dechunk, data, bytes, &at, &piece, &piece_bytes)) > 0) {
		a->place = place;
		if (place.exact)
			a->place.pos += (uint64_t)(piece - data);
		payload(a, piece, piece_bytes);
	}
	if (r < 0)
		a->broken = true;
}

void answer_body(struct answer *a, const char *data, size_t bytes, uint64_t now_ns, struct answer_place place)
{
	a->now_ns = now_ns;
	a->body_bytes += bytes;
	if (a->broken)
		return;
	if (a->chunked) {
		chunked_payload(a, data, bytes, place);
		return;
	}
	a->place = place;
	payload(a, data, bytes);
}

/* --- end --------------------------------------------------------------------------------------------------------------------- */

void answer_end(struct answer *a, bool whole)
{
	struct record_request *r = a->record;

	a->place = (struct answer_place){0};
	if (whole && a->event_stream && !a->broken && sse_finish(&a->sse))
		a->broken = true;
	if (!a->event_stream && a->kept.used) {
		delta_read_usage(&a->usage, a->kept.data, a->kept.used);
		if (a->text)
			delta_text(a->text, a->class_->endpoint, a->kept.data, a->kept.used);
	}
	events_flush(a);
	/* the end came, but not all that the provider counted */
	if (whole && a->hears && a->ended && (r->flags & RECORD_HEARD) &&
	    (a->said.at || (a->usage.told && a->said.word != a->usage.completion_tokens)))
		r->flags |= RECORD_DISORDERED;
	r->http_status = (uint16_t)a->status;
	r->tokens = a->usage.told ? a->usage.completion_tokens : r->chunks;
	r->prompt_tokens = a->usage.prompt_tokens;
}

bool answer_is_well_formed(const struct answer *a)
{
	if (a->broken || (a->chunked && !a->dechunk.done) || (a->record->flags & (RECORD_FOREIGN | RECORD_DISORDERED)))
		return false;
	return !a->class_->stream || a->status / 100 != 2 || (a->event_stream && a->ended);
}
