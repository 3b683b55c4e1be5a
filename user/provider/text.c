/* SPDX-License-Identifier: GPL-2.0-only */
#include "provider/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/lay.h"
#include "record/said.h"
#include "record/tag.h"

#define LINE_MAX_BYTES 640 /* the longest line below with the longest model name */
#define VECTOR_FLOATS 64

/* One pass of vsnprintf where buf_printf takes two: this runs for every token. */
__attribute__((format(printf, 2, 3))) static int line_append(struct buf *out, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return n < 0 || n >= LINE_MAX_BYTES ? -EMSGSIZE : buf_append(out, line, (size_t)n);
}

static char *words_lay(char *at, const struct text_answer *answer)
{
	for (uint32_t k = 0; k < answer->tokens; k++)
		at = lay_text(at, said_word(answer->id, k));
	return at;
}

static int words_append(struct buf *out, const struct text_answer *answer)
{
	int ret = buf_reserve(out, (size_t)answer->tokens * SAID_WORD_BYTES);
	if (!ret)
		out->used = (size_t)(words_lay(out->data + out->used, answer) - out->data);
	return ret;
}

/* --- OpenAI: said for every request and token, so without a format -------------------------------------------------------------------- */

/* Behind the id's prefix, up to the name of the model and its quote. */
static char *chat_lay_head(char *at, const char *object, const struct ask *ask, const struct text_answer *a)
{
	tag_digits(at, a->id);
	at = lay_text(LAY(at + TAG_DIGITS, "\",\"object\":\""), object);
	at = lay_decimal(LAY(at, "\",\"created\":"), a->created_s);
	at = lay_text(LAY(at, ",\"model\":\""), ask->model);
	return LAY(at, "\"");
}

static char *usage_lay(char *at, const struct ask *ask, const struct text_answer *a)
{
	at = lay_decimal(LAY(at, "\"usage\":{\"prompt_tokens\":"), ask->prompt_tokens);
	at = lay_decimal(LAY(at, ",\"completion_tokens\":"), a->tokens);
	at = lay_decimal(LAY(at, ",\"total_tokens\":"), (uint64_t)ask->prompt_tokens + a->tokens);
	return LAY(at, "}}");
}

static int chat_plain(struct buf *out, const struct ask *ask, const struct text_answer *a)
{
	int ret = buf_reserve(out, LINE_MAX_BYTES + (size_t)a->tokens * SAID_WORD_BYTES);
	if (ret)
		return ret;
	char *at = LAY(out->data + out->used, "{\"id\":\"" SAID_ID_PREFIX);
	at = chat_lay_head(at, "chat.completion", ask, a);
	at = LAY(at, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
	at = words_lay(at, a);
	at = LAY(at, "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],");
	out->used = (size_t)(usage_lay(at, ask, a) - out->data);
	return 0;
}

/* What comes before the choices of an event; NULL: no memory. */
static char *chat_event(struct buf *out, const struct ask *ask, const struct text_answer *a)
{
	if (buf_reserve(out, LINE_MAX_BYTES))
		return NULL;
	char *at = LAY(out->data + out->used, "data: {\"id\":\"" SAID_ID_PREFIX);
	at = chat_lay_head(at, "chat.completion.chunk", ask, a);
	return LAY(at, ",\"choices\":[");
}

static int chat_event_end(struct buf *out, char *at)
{
	out->used = (size_t)(LAY(at, "\n\n") - out->data);
	return 0;
}

static int chat_open(struct buf *out, const struct ask *ask, const struct text_answer *a)
{
	static const char opening[] =
		"{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}";
	char *at = chat_event(out, ask, a);
	return at ? chat_event_end(out, LAY(at, opening)) : -ENOMEM;
}

static int chat_token(struct buf *out, const struct ask *ask, const struct text_answer *a, uint32_t k)
{
	char *at = chat_event(out, ask, a);
	if (!at)
		return -ENOMEM;
	at = lay_text(LAY(at, "{\"index\":0,\"delta\":{\"content\":\""), said_word(a->id, k));
	return chat_event_end(out, LAY(at, "\"},\"finish_reason\":null}]}"));
}

static int chat_usage(struct buf *out, const struct ask *ask, const struct text_answer *a)
{
	char *at = chat_event(out, ask, a);
	return at ? chat_event_end(out, usage_lay(LAY(at, "],"), ask, a)) : -ENOMEM;
}

static int chat_close(struct buf *out, const struct ask *ask, const struct text_answer *a)
{
	char *at = chat_event(out, ask, a);
	int ret = at ? chat_event_end(out, LAY(at, "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}")) : -ENOMEM;
	if (!ret && ask->include_usage)
		ret = chat_usage(out, ask, a);
	return ret ? ret : line_append(out, "data: [DONE]\n\n");
}

/* 64 floats in [0, 1), four digits each: deterministic, and cheap to write. */
static int vector_append(struct buf *out, uint32_t seed)
{
	int ret = 0;
	for (uint32_t i = 0; i < VECTOR_FLOATS && !ret; i++) {
		uint32_t value = (seed * 31 + i * 157) % 9000 + 1000;
		char number[8] = {'0', '.', 0, 0, 0, 0, ',', 0};
		for (int digit = 5; digit > 1; digit--, value /= 10)
			number[digit] = (char)('0' + value % 10);
		ret = buf_append(out, number, i + 1 < VECTOR_FLOATS ? 7 : 6);
	}
	return ret;
}

static int embeddings_plain(struct buf *out, const struct ask *ask)
{
	int ret = line_append(out, "{\"object\":\"list\",\"data\":[");
	for (uint32_t i = 0; i < ask->inputs && !ret; i++) {
		ret = line_append(out, "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":[", i ? "," : "", i);
		if (!ret)
			ret = vector_append(out, i);
		if (!ret)
			ret = line_append(out, "]}");
	}
	return ret ? ret
		   : line_append(out, "],\"model\":\"%s\",\"usage\":{\"prompt_tokens\":%u,\"total_tokens\":%u}}", ask->model,
				 ask->prompt_tokens, ask->prompt_tokens);
}

/* --- Anthropic ---------------------------------------------------------------------------------------------------------------- */

static int messages_plain(struct buf *out, const struct ask *ask, const struct text_answer *a)
{
	int ret = line_append(out,
			      "{\"id\":\"msg_%016" PRIx64 "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"%s\","
			      "\"content\":[{\"type\":\"text\",\"text\":\"",
			      a->id, ask->model);
	if (!ret)
		ret = words_append(out, a);
	if (!ret)
		ret = line_append(out,
				  "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
				  "\"usage\":{\"input_tokens\":%u,\"output_tokens\":%u}}",
				  ask->prompt_tokens, a->tokens);
	return ret;
}

static int messages_open(struct buf *out, const struct ask *ask, const struct text_answer *a)
{
	int ret =
		line_append(out,
			    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_%016" PRIx64
			    "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"%s\",\"content\":[],\"stop_reason\":null,"
			    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":%u,\"output_tokens\":1}}}\n\n",
			    a->id, ask->model, ask->prompt_tokens);
	return ret ? ret
		   : line_append(out, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
				      "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
				      "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

static int messages_token(struct buf *out, const struct text_answer *a, uint32_t k)
{
	return line_append(out,
			   "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
			   "\"delta\":{\"type\":\"text_delta\",\"text\":\"%s\"}}\n\n",
			   said_word(a->id, k));
}

static int messages_close(struct buf *out, const struct text_answer *a)
{
	return line_append(out,
			   "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
			   "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
			   "\"stop_sequence\":null},\"usage\":{\"output_tokens\":%u}}\n\n"
			   "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
			   a->tokens);
}

/* --- by kind ------------------------------------------------------------------------------------------------------------------ */

int text_plain(struct buf *out, const struct ask *ask, const struct text_answer *answer)
{
	switch (ask->kind) {
	case ASK_CHAT:
		return chat_plain(out, ask, answer);
	case ASK_EMBEDDINGS:
		return embeddings_plain(out, ask);
	case ASK_MESSAGES:
		return messages_plain(out, ask, answer);
	case ASK_MODELS:
		return line_append(
			out,
			"{\"object\":\"list\",\"data\":[{\"id\":\"gpt-3.5-turbo\",\"object\":\"model\",\"created\":%" PRIu64
			",\"owned_by\":\"toll\"},{\"id\":\"toll\",\"object\":\"model\",\"created\":%" PRIu64
			",\"owned_by\":\"toll\"}]}",
			answer->created_s, answer->created_s);
	case ASK_HEALTH:
	case ASK_USAGE:
	default:
		return line_append(out, "{\"status\":\"ok\"}");
	}
}

int text_refusal(struct buf *out, const struct ask *ask, const char *why)
{
	if (ask->kind == ASK_MESSAGES)
		return line_append(out, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"%s\"}}",
				   why);
	return line_append(
		out, "{\"error\":{\"message\":\"%s\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}", why);
}

int text_stream_open(struct buf *out, const struct ask *ask, const struct text_answer *answer)
{
	return ask->kind == ASK_MESSAGES ? messages_open(out, ask, answer) : chat_open(out, ask, answer);
}

int text_stream_token(struct buf *out, const struct ask *ask, const struct text_answer *answer, uint32_t k)
{
	return ask->kind == ASK_MESSAGES ? messages_token(out, answer, k) : chat_token(out, ask, answer, k);
}

int text_stream_close(struct buf *out, const struct ask *ask, const struct text_answer *answer)
{
	return ask->kind == ASK_MESSAGES ? messages_close(out, answer) : chat_close(out, ask, answer);
}
