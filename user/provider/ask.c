/* SPDX-License-Identifier: GPL-2.0-only */
#include "provider/ask.h"

#include <jansson.h>
#include <string.h>

#include "base/json_scan.h"
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

/* As it stands inside a JSON string: escaped, and cut when it is too long. */
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

static uint32_t count_bounded(int64_t n, uint32_t max)
{
	if (n <= 0)
		return 0;
	return n < max ? (uint32_t)n : max;
}

static uint32_t count_of(const json_t *value, uint32_t max)
{
	return count_bounded(json_is_integer(value) ? json_integer_value(value) : 0, max);
}

static uint32_t inputs_of(const json_t *input)
{
	if (!json_is_array(input) || json_is_integer(json_array_get(input, 0)))
		return input ? 1 : 0; /* one text, or one list of token numbers */
	size_t n = json_array_size(input);
	return n < ASK_INPUTS_MAX ? (uint32_t)n : ASK_INPUTS_MAX;
}

static const char no_messages[] = "\\\"messages\\\" is missing or no array";

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
	*why = no_messages;
	return json_is_array(json_object_get(json, "messages")) ? 0 : 400;
}

/* --- the same without a parser's tree, which costs six times as much: most bodies are plain --------------------------------------------- */

enum plain_member { MODEL, STREAM, STREAM_OPTIONS, MAX_TOKENS, MAX_COMPLETION_TOKENS, MESSAGES, PLAIN_MEMBERS };

struct plain {
	struct json_member member[PLAIN_MEMBERS]; /* value NULL: not there */
};

static void plain_member(void *ctx, const struct json_member *m)
{
	static const char *const names[PLAIN_MEMBERS] = {
		"model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "messages"};
	struct plain *p = ctx;
	for (size_t i = 0; i < PLAIN_MEMBERS; i++)
		if (json_member_is(m, names[i]))
			p->member[i] = *m;
}

static void plain_usage(void *ctx, const struct json_member *m)
{
	bool *include = ctx;
	if (json_member_is(m, "include_usage"))
		*include = json_value_is(m, "true");
}

static uint32_t plain_count(const struct json_member *m, uint32_t max)
{
	int64_t n = 0;
	for (size_t i = 0; i < m->value_bytes; i++) {
		if (m->value[i] < '0' || m->value[i] > '9')
			return 0; /* negative, or no whole number */
		n = n * 10 + (m->value[i] - '0');
	}
	return count_bounded(n, max);
}

/* The text of a model's name needs no look at its escapes: only one without them is read here. */
static void plain_model(char out[ASK_MODEL_MAX], const struct json_member *m)
{
	char model[ASK_MODEL_MAX] = "toll";
	if (m->value && m->value[0] == '"') {
		size_t n = m->value_bytes - 2 < ASK_MODEL_MAX - 1 ? m->value_bytes - 2 : ASK_MODEL_MAX - 1;
		memcpy(model, m->value + 1, n);
		model[n] = '\0';
	}
	model_escape(out, model);
}

/* As ask_read(); false: the whole parser has to look. */
static bool ask_read_plain(struct ask *out, const char *body, size_t bytes, unsigned *refused, const char **why)
{
	struct plain p = {0};
	if (out->kind == ASK_EMBEDDINGS || !json_scan_object(body, bytes, plain_member, &p))
		return false;
	*refused = 0;
	if (out->kind == ASK_USAGE)
		return true;
	const struct json_member *m = p.member;
	if (m[MODEL].value && memchr(m[MODEL].value, '\\', m[MODEL].value_bytes))
		return false;
	plain_model(out->model, &m[MODEL]);
	out->stream = m[STREAM].value && json_value_is(&m[STREAM], "true");
	if (m[STREAM_OPTIONS].value)
		json_scan_object(m[STREAM_OPTIONS].value, m[STREAM_OPTIONS].value_bytes, plain_usage, &out->include_usage);
	out->max_tokens = plain_count(&m[m[MAX_TOKENS].value ? MAX_TOKENS : MAX_COMPLETION_TOKENS], ASK_TOKENS_MAX);
	*why = no_messages;
	*refused = m[MESSAGES].value && m[MESSAGES].value[0] == '[' ? 0 : 400;
	return true;
}

unsigned ask_parse(struct ask *out, const char *method, const char *target, const char *body, size_t bytes, const char **why)
{
	*out = (struct ask){.tag = tag_find(body, bytes), .prompt_tokens = (uint32_t)(bytes / 4)};
	unsigned refused = ask_route(out, method, target, why);
	if (refused || out->kind == ASK_MODELS || out->kind == ASK_HEALTH || ask_read_plain(out, body, bytes, &refused, why))
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
