/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/delta.h"

#include <string.h>

#include "base/json_text.h"

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

/* First character of the value of the next `"name":`, or NULL. quoted: the name with its quotes. */
static const char *find_value(const char *json, const char *end, const char *quoted, size_t quoted_bytes)
{
	while (json < end) {
		const char *at = memmem(json, (size_t)(end - json), quoted, quoted_bytes);

		if (!at)
			return NULL;
		json = at + quoted_bytes;
		at = skip_space(json, end);
		if (at < end && *at == ':') {
			at = skip_space(at + 1, end);
			return at < end ? at : NULL;
		}
	}
	return NULL;
}

struct key {
	const char *quoted;
	size_t bytes;
};
#define KEY(name)                                                                                                                \
	{                                                                                                                        \
		"\"" name "\"", sizeof(name) + 1                                                                                 \
	}

/* Any `"name":"x..."` in the payload? */
static bool has_text(const struct key *key, const char *json, const char *end)
{
	for (;;) {
		json = find_value(json, end, key->quoted, key->bytes);
		if (!json)
			return false;
		if (*json == '"' && json + 1 < end && json[1] != '"')
			return true;
	}
}

bool delta_has_content(enum plan_endpoint endpoint, const char *json, size_t bytes)
{
	/* vLLM, SGLang and DeepSeek stream reasoning beside the content; older completions stream "text" */
	static const struct key openai[] = {KEY("content"), KEY("reasoning_content"), KEY("reasoning"), KEY("text"),
					    KEY("arguments")};
	static const struct key anthropic[] = {KEY("text"), KEY("thinking"), KEY("partial_json")};
	const struct key *key = endpoint == PLAN_MESSAGES ? anthropic : openai;
	size_t keys = endpoint == PLAN_MESSAGES ? sizeof(anthropic) / sizeof(*key) : sizeof(openai) / sizeof(*key);

	for (size_t i = 0; i < keys; i++)
		if (has_text(&key[i], json, json + bytes))
			return true;
	return false;
}

static bool read_number(const char *json, const char *end, const struct key *key, uint32_t *out)
{
	const char *at = find_value(json, end, key->quoted, key->bytes);
	uint64_t n = 0;

	if (!at || *at < '0' || *at > '9')
		return false;
	for (; at < end && *at >= '0' && *at <= '9' && n <= UINT32_MAX; at++)
		n = n * 10 + (uint64_t)(*at - '0');
	*out = n <= UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	return true;
}

static bool read_either(const char *json, const char *end, const struct key key[2], uint32_t *out)
{
	return read_number(json, end, &key[0], out) || read_number(json, end, &key[1], out);
}

void delta_read_usage(struct delta_usage *u, const char *json, size_t bytes)
{
	static const struct key usage = KEY("usage");
	static const struct key completion[2] = {KEY("completion_tokens"), KEY("output_tokens")};
	static const struct key prompt[2] = {KEY("prompt_tokens"), KEY("input_tokens")};
	const char *end = json + bytes;
	const char *at = json;

	while ((at = find_value(at, end, usage.quoted, usage.bytes))) {
		if (*at != '{')
			continue;
		if (read_either(at, end, completion, &u->completion_tokens))
			u->told = true;
		read_either(at, end, prompt, &u->prompt_tokens);
	}
}

bool delta_is_end(enum plan_endpoint endpoint, const char *name, const char *data, size_t bytes)
{
	static const char done[] = "[DONE]";

	if (endpoint == PLAN_MESSAGES)
		return !strcmp(name, "message_stop");
	return bytes >= sizeof(done) - 1 && !memcmp(data, done, sizeof(done) - 1);
}

bool delta_answer_id(const char *json, size_t bytes, uint64_t *id)
{
	static const char prefix[] = "\"" SAID_ID_PREFIX;
	const char *at = memmem(json, bytes, prefix, sizeof(prefix) - 1), *end = json + bytes;
	uint64_t value = 0;

	if (!at || end - at < (ptrdiff_t)(sizeof(prefix) - 1 + 17))
		return false;
	at += sizeof(prefix) - 1;
	for (unsigned i = 0; i < 16; i++, at++) {
		unsigned digit = *at >= '0' && *at <= '9'   ? (unsigned)(*at - '0')
				 : *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a') + 10
							    : 16;

		if (digit == 16)
			return false;
		value = value << 4 | digit;
	}
	*id = value;
	return *at == '"';
}

/* Bytes that a JSON string may not hold stay out: a gateway that lies must not make us lie. */
static int append_clean(struct buf *out, const char *text, size_t bytes)
{
	int r = 0;

	for (size_t i = 0; i < bytes && !r; i++)
		if ((unsigned char)text[i] >= 0x20)
			r = buf_append(out, text + i, 1);
	return r;
}

int delta_text(struct buf *out, enum plan_endpoint endpoint, const char *json, size_t bytes)
{
	static const struct key content = KEY("content"), text = KEY("text");
	const struct key *key = endpoint == PLAN_MESSAGES ? &text : &content;
	const char *end = json + bytes, *at = json;
	int r = 0;

	while (!r && (at = find_value(at, end, key->quoted, key->bytes))) {
		const char *close = *at == '"' ? json_text_end(at + 1, end) : NULL;

		if (!close)
			continue;
		r = append_clean(out, at + 1, (size_t)(close - at - 1));
		at = close;
	}
	return r;
}

/* The provider's words need no escapes: what has one is not its. */
bool delta_hear(struct said *s, enum plan_endpoint endpoint, const char *json, size_t bytes)
{
	static const struct key content = KEY("content"), text = KEY("text");
	const struct key *key = endpoint == PLAN_MESSAGES ? &text : &content;
	const char *end = json + bytes, *at = json;

	while ((at = find_value(at, end, key->quoted, key->bytes))) {
		const char *close = *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;

		if (!close)
			continue;
		if (!said_hear(s, at + 1, (size_t)(close - at - 1)))
			return false;
		at = close;
	}
	return true;
}
