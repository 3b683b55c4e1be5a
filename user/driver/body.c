/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_text.h"
#include "record/tag.h"

const char *body_path(enum plan_endpoint endpoint)
{
	switch (endpoint) {
	case PLAN_EMBEDDINGS:
		return "/v1/embeddings";
	case PLAN_MODELS:
		return "/v1/models";
	case PLAN_HEALTH:
		return "/health";
	case PLAN_MESSAGES:
		return "/v1/messages";
	default:
		return "/v1/chat/completions";
	}
}

static int append_model(struct buf *b, const char *model)
{
	int r = buf_printf(b, "{\"model\":\"");

	if (!r)
		r = json_text_escape(b, model, strlen(model));
	return r ? r : buf_append(b, "\"", 1);
}

static const char words[] = "the quick brown fox jumps over the lazy dog while a gateway counts every microsecond of its way ";
#define WORDS_BYTES (sizeof(words) - 1)

/* Words rather than one letter: tokenizers and compressors in a gateway then do the work that a real prompt asks of them. */
static int append_filler(struct buf *b, size_t bytes, size_t from)
{
	int r = 0;

	for (size_t at = from % WORDS_BYTES; bytes && !r; at = 0) {
		size_t n = bytes < WORDS_BYTES - at ? bytes : WORDS_BYTES - at;

		r = buf_append(b, words + at, n);
		bytes -= n;
	}
	return r;
}

/* Blocks differ from their first bytes on, so that a prefix cache tells them apart. */
static int append_blocks(struct buf *b, const struct body_ask *ask, size_t bytes)
{
	int r = 0;

	for (uint32_t i = 0; bytes && !r; i++) {
		size_t n = i + 1 < ask->blocks && bytes > ask->block_bytes ? ask->block_bytes : bytes;
		char head[32];
		size_t head_bytes = 0;

		if (i < ask->blocks)
			head_bytes = (size_t)snprintf(head, sizeof(head), "block %llu: ", (unsigned long long)ask->block[i]);
		if (head_bytes > n)
			head_bytes = n;
		r = buf_append(b, head, head_bytes);
		if (!r)
			r = append_filler(b, n - head_bytes, i < ask->blocks ? (size_t)ask->block[i] * 7 : 0);
		bytes -= n;
	}
	return r;
}

static int append_tag(struct buf *b, struct body *out)
{
	char text[TAG_BYTES + 1];

	tag_format(text, 0);
	out->digits_at = b->used + TAG_PREFIX_BYTES;
	return buf_append(b, text, TAG_BYTES);
}

/* A JSON string of prompt_bytes (the tag included, if it fits) or of the text and the tag, the tag last. */
static int append_prompt(struct buf *b, const struct body_ask *ask, bool tag, struct body *out)
{
	size_t filler = ask->prompt_bytes;
	int r = buf_append(b, "\"", 1);

	out->text_at = b->used;
	if (tag)
		filler = filler > TAG_BYTES ? filler - TAG_BYTES : 0;
	if (!r && ask->text)
		r = buf_append(b, ask->text, ask->text_bytes);
	else if (!r)
		r = append_blocks(b, ask, filler);
	if (!r && tag)
		r = append_tag(b, out);
	out->text_bytes = b->used - out->text_at;
	return r ? r : buf_append(b, "\"", 1);
}

static int append_inputs(struct buf *b, const struct plan_class *c, const struct body_ask *ask, bool tag, struct body *out)
{
	uint32_t inputs = c->batch > 1 ? c->batch : 1;
	int r = buf_printf(b, ",\"input\":%s", inputs > 1 ? "[" : "");

	for (uint32_t i = 0; !r && i < inputs; i++) {
		if (i)
			r = buf_append(b, ",", 1);
		if (!r)
			r = append_prompt(b, ask, tag && i + 1 == inputs, out);
	}
	return r ? r : buf_printf(b, "%s}", inputs > 1 ? "]" : "");
}

static int append_messages(struct buf *b, const struct plan_class *c, const struct body_ask *ask, bool tag, struct body *out)
{
	int r = buf_printf(b, ",\"messages\":[");

	if (!r)
		r = buf_append(b, ask->before, ask->before_bytes);
	if (!r)
		r = buf_printf(b, "{\"role\":\"user\",\"content\":");
	if (!r)
		r = append_prompt(b, ask, tag, out);
	if (!r)
		r = buf_printf(b, "}]");
	if (!r && ask->max_tokens)
		r = buf_printf(b, ",\"max_tokens\":%u", ask->max_tokens);
	if (!r)
		r = buf_printf(b, ",\"temperature\":%.6g", c->temperature);
	if (!r && c->stream)
		r = buf_printf(b, ",\"stream\":true");
	if (!r && c->stream && c->endpoint == PLAN_CHAT)
		r = buf_printf(b, ",\"stream_options\":{\"include_usage\":true}");
	return r ? r : buf_append(b, "}", 1);
}

struct body_ask body_ask_of(const struct plan_class *class_)
{
	return (struct body_ask){.prompt_bytes = class_->prompt_bytes, .max_tokens = class_->max_tokens};
}

int body_make(struct body *out, const struct plan *plan, const struct plan_class *class_, const struct body_ask *ask, bool tag)
{
	struct buf b = {.data = out->data, .size = out->size};
	int r;

	out->digits_at = BODY_NO_TAG;
	if (class_->endpoint == PLAN_MODELS || class_->endpoint == PLAN_HEALTH)
		return 0;
	tag = tag && !class_->fixed_prompt;
	r = append_model(&b, plan->model);
	if (!r)
		r = class_->endpoint == PLAN_EMBEDDINGS ? append_inputs(&b, class_, ask, tag, out)
							: append_messages(&b, class_, ask, tag, out);
	out->data = b.data;
	out->size = b.size;
	out->bytes = b.used;
	return r;
}

void body_fini(struct body *b)
{
	free(b->data);
	*b = (struct body){.digits_at = BODY_NO_TAG};
}

void body_copy(const struct body *b, uint64_t id, size_t offset, char *out, size_t n)
{
	char digits[TAG_DIGITS];

	memcpy(out, b->data + offset, n);
	if (b->digits_at == BODY_NO_TAG || offset >= b->digits_at + TAG_DIGITS || offset + n <= b->digits_at)
		return;
	tag_digits(digits, id);
	for (size_t i = 0; i < TAG_DIGITS; i++) {
		size_t at = b->digits_at + i;

		if (at >= offset && at < offset + n)
			out[at - offset] = digits[i];
	}
}

void body_tag(struct body *b, uint64_t id)
{
	if (b->digits_at != BODY_NO_TAG)
		tag_digits(b->data + b->digits_at, id);
}
