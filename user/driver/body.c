/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
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

/* The model's name comes from the scenario: the only text here that may need escapes. */
static int append_json_string(struct buf *b, const char *text)
{
	int r = buf_append(b, "\"", 1);

	for (; !r && *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			r = buf_printf(b, "\\%c", c);
		else if (c < 0x20)
			r = buf_printf(b, "\\u%04x", c);
		else
			r = buf_append(b, text, 1);
	}
	return r ? r : buf_append(b, "\"", 1);
}

/* Words rather than one letter: tokenizers and compressors in a gateway then do the work that a real prompt asks of them. */
static int append_filler(struct buf *b, size_t bytes)
{
	static const char words[] =
		"the quick brown fox jumps over the lazy dog while a gateway counts every microsecond of its way ";

	while (bytes) {
		size_t n = bytes < sizeof(words) - 1 ? bytes : sizeof(words) - 1;
		int r = buf_append(b, words, n);

		if (r)
			return r;
		bytes -= n;
	}
	return 0;
}

/* A JSON string of prompt_bytes (the tag included, if it fits), the tag last. */
static int append_prompt(struct buf *b, const struct plan_class *c, bool tag, size_t *digits_at)
{
	size_t filler = c->prompt_bytes;
	char text[TAG_BYTES + 1];
	int r = buf_append(b, "\"", 1);

	if (tag)
		filler = filler > TAG_BYTES ? filler - TAG_BYTES : 0;
	if (!r)
		r = append_filler(b, filler);
	if (!r && tag) {
		tag_format(text, 0);
		*digits_at = b->used + TAG_PREFIX_BYTES;
		r = buf_append(b, text, TAG_BYTES);
	}
	return r ? r : buf_append(b, "\"", 1);
}

static int append_inputs(struct buf *b, const struct plan_class *c, bool tag, size_t *digits_at)
{
	uint32_t inputs = c->batch > 1 ? c->batch : 1;
	int r = buf_printf(b, ",\"input\":%s", inputs > 1 ? "[" : "");

	for (uint32_t i = 0; !r && i < inputs; i++) {
		if (i)
			r = buf_append(b, ",", 1);
		if (!r)
			r = append_prompt(b, c, tag && i + 1 == inputs, digits_at);
	}
	return r ? r : buf_printf(b, "%s}", inputs > 1 ? "]" : "");
}

static int append_messages(struct buf *b, const struct plan_class *c, bool tag, size_t *digits_at)
{
	int r = buf_printf(b, ",\"messages\":[{\"role\":\"user\",\"content\":");

	if (!r)
		r = append_prompt(b, c, tag, digits_at);
	if (!r)
		r = buf_printf(b, "}]");
	if (!r && c->max_tokens)
		r = buf_printf(b, ",\"max_tokens\":%u", c->max_tokens);
	if (!r)
		r = buf_printf(b, ",\"temperature\":%.6g", c->temperature);
	if (!r && c->stream)
		r = buf_printf(b, ",\"stream\":true");
	if (!r && c->stream && c->endpoint == PLAN_CHAT)
		r = buf_printf(b, ",\"stream_options\":{\"include_usage\":true}");
	return r ? r : buf_append(b, "}", 1);
}

int body_build(struct body *out, const struct plan *plan, uint32_t class_index, bool tag)
{
	const struct plan_class *c = &plan->class_[class_index];
	struct buf b = {0};
	int r;

	*out = (struct body){.digits_at = BODY_NO_TAG};
	if (c->endpoint == PLAN_MODELS || c->endpoint == PLAN_HEALTH)
		return 0;
	tag = tag && !c->fixed_prompt;
	r = buf_printf(&b, "{\"model\":");
	if (!r)
		r = append_json_string(&b, plan->model);
	if (!r)
		r = c->endpoint == PLAN_EMBEDDINGS ? append_inputs(&b, c, tag, &out->digits_at)
						   : append_messages(&b, c, tag, &out->digits_at);
	if (r) {
		buf_fini(&b);
		return r;
	}
	out->data = b.data;
	out->bytes = b.used;
	return 0;
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
