/* SPDX-License-Identifier: GPL-2.0-only */
#include "provider/ask.h"

#include <jansson.h>
#include <string.h>

#include "base/json_text.h"
#include "provider/provider.h"
#include "record/tag.h"

/* jansson takes 16 ms for a prompt of 900 kB, in which every other answer of the thread would be late: long strings are emptied first. */
#define SHORTEN_ABOVE_BYTES 2048
#define SHORTEN_STRING_BYTES 256

static const struct {
	const char *target;
	enum ask_kind kind;
	bool post;
} routes[] = {
	{"/v1/chat/completions", ASK_CHAT, true}, {"/v1/embeddings", ASK_EMBEDDINGS, true}, {"/v1/messages", ASK_MESSAGES, true},
	{"/v1/models", ASK_MODELS, false},        {"/health", ASK_HEALTH, false},           {"/v1/usage", ASK_USAGE, true},
};

static unsigned ask_route(struct ask *out, const char *method, const char *target, const char **why)
{
	size_t n = strcspn(target, "?#");
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strlen(routes[i].target) != n || strncmp(target, routes[i].target, n) != 0)
			continue;
		out->kind = routes[i].kind;
		bool fits = routes[i].post ? !strcmp(method, "POST") : !strcmp(method, "GET") || !strcmp(method, "HEAD");
		*why = routes[i].post ? "this endpoint takes POST" : "this endpoint takes GET";
		return fits ? 0 : 405;
	}
	*why = "no such endpoint: /v1/chat/completions, /v1/embeddings, /v1/messages, /v1/models, /v1/usage, /health";
	return 404;
}

/* The same JSON with "" in place of every long string. */
static int body_shorten(struct buf *out, const char *body, size_t bytes)
{
	const char *at = body, *end = body + bytes;
	int ret = 0;
	while (at < end && !ret) {
		const char *open = memchr(at, '"', (size_t)(end - at));
		const char *close = open ? json_text_end(open + 1, end) : NULL;
		if (!close)
			return buf_append(out, at, (size_t)(end - at)); /* the parser says what is wrong */
		const char *cut = close - open <= SHORTEN_STRING_BYTES ? close : open + 1;
		ret = buf_append(out, at, (size_t)(cut - at));
		if (!ret)
			ret = buf_append(out, close, 1);
		at = close + 1;
	}
	return ret;
}

static json_t *body_load(const char *body, size_t bytes)
{
	if (bytes <= SHORTEN_ABOVE_BYTES)
		return json_loadb(body, bytes, 0, NULL);
	struct buf text = {0};
	json_t *json = NULL;
	if (!body_shorten(&text, body, bytes))
		json = json_loadb(text.data, text.used, 0, NULL);
	buf_fini(&text);
	return json;
}

static void model_escape(char out[ASK_MODEL_MAX], const char *model)
{
	size_t used = 0;
	for (; *model && used + 3 < ASK_MODEL_MAX; model++) {
		unsigned char c = (unsigned char)*model;
		if (c == '"' || c == '\\')
			out[used++] = '\\';
		out[used++] = c < 0x20 ? '_' : *model;
	}
	while (used && *model && ((unsigned char)out[used - 1] & 0xc0) == 0x80)
		used--; /* cut between characters, not inside of one */
	out[used] = '\0';
}

static uint32_t count_of(const json_t *value, uint32_t max)
{
	json_int_t n = json_is_integer(value) ? json_integer_value(value) : 0;
	if (n <= 0)
		return 0;
	return n < max ? (uint32_t)n : max;
}

static uint32_t inputs_of(const json_t *input)
{
	if (!json_is_array(input) || json_is_integer(json_array_get(input, 0)))
		return input ? 1 : 0; /* one text, or one list of token numbers */
	size_t n = json_array_size(input);
	return n < ASK_INPUTS_MAX ? (uint32_t)n : ASK_INPUTS_MAX;
}

static unsigned ask_read(struct ask *out, const json_t *json, const char **why)
{
	const char *model = json_string_value(json_object_get(json, "model"));
	model_escape(out->model, model ? model : "toll");
	out->stream = json_is_true(json_object_get(json, "stream"));
	out->include_usage = json_is_true(json_object_get(json_object_get(json, "stream_options"), "include_usage"));
	const json_t *limit = json_object_get(json, "max_tokens");
	out->max_tokens = count_of(limit ? limit : json_object_get(json, "max_completion_tokens"), ASK_TOKENS_MAX);
	if (out->kind == ASK_EMBEDDINGS) {
		out->stream = false;
		out->inputs = inputs_of(json_object_get(json, "input"));
		*why = "\\\"input\\\" is missing or empty";
		return out->inputs ? 0 : 400;
	}
	*why = "\\\"messages\\\" is missing or no array";
	return json_is_array(json_object_get(json, "messages")) ? 0 : 400;
}

unsigned ask_parse(struct ask *out, const char *method, const char *target, const char *body, size_t bytes, const char **why)
{
	*out = (struct ask){.tag = tag_find(body, bytes), .prompt_tokens = (uint32_t)(bytes / 4)};
	unsigned refused = ask_route(out, method, target, why);
	if (refused || out->kind == ASK_MODELS || out->kind == ASK_HEALTH)
		return refused;
	json_t *json = body_load(body, bytes);
	if (!json_is_object(json)) {
		json_decref(json);
		*why = "the body is no JSON object";
		return 400;
	}
	refused = out->kind == ASK_USAGE ? 0 : ask_read(out, json, why);
	json_decref(json);
	return refused;
}
