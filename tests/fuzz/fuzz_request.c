// rooms: base http/request provider/ask provider/text record/tag record/said scenario/fault
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as what a client sends to the provider, in pieces of any size: each request is whole, or refused, in bounded memory; what it
 * asks for has an answer. And any bytes as a fault.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "http/conn.h"
#include "provider/ask.h"
#include "provider/text.h"
#include "scenario/fault.h"

#define BODY_MAX ((size_t)64 << 10)
#define TOKENS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void add_member(void *ctx, const struct json_member *m)
{
	json_t *whole = ctx, *value;

	if (!whole || memchr(m->name, '\\', m->name_bytes))
		return;
	value = json_loadb(m->value, m->value_bytes, JSON_DECODE_ANY, NULL);
	require(value != NULL);
	json_object_setn(whole, m->name, m->name_bytes, value);
	json_decref(value);
}

/* What the scan takes is JSON; put together again from what it tells it is the same, but for names with escapes. */
static void scan(const char *text, size_t bytes)
{
	json_t *whole, *again = json_object();
	const char *key;
	json_t *value;

	if (json_scan_object(text, bytes, add_member, NULL)) {
		whole = json_loadb(text, bytes, 0, NULL);
		require(json_is_object(whole) && json_scan_object(text, bytes, add_member, again));
		json_object_foreach (again, key, value)
			require(json_equal(value, json_object_get(whole, key)));
		json_decref(whole);
	}
	json_decref(again);
}

/* With a name that the scan does not take the same body goes to the whole parser: it asks for the same. */
static void ask_whole(const struct http_exchange *x, const struct ask *ask, unsigned refused, const char *body, size_t bytes)
{
	static const char unusual[] = "{\"\\u005f\":0,";
	struct buf text = {0};
	struct ask whole;
	const char *why;

	if (body[0] != '{' || body[1 + strspn(body + 1, " \t\r\n")] == '}')
		return;
	require(!buf_append(&text, unusual, sizeof(unusual) - 1) && !buf_append(&text, body + 1, bytes - 1));
	require(ask_parse(&whole, http_request_method(x), http_request_target(x), text.data, text.used, &why) == refused);
	require(refused || (whole.kind == ask->kind && whole.stream == ask->stream && whole.include_usage == ask->include_usage &&
			    whole.max_tokens == ask->max_tokens && !strcmp(whole.model, ask->model)));
	buf_fini(&text);
}

static void answer(const struct http_exchange *x)
{
	struct buf out = {0};
	struct ask ask;
	const char *why = "", *body;
	unsigned refused;
	size_t bytes;

	body = http_request_body(x, &bytes);
	require(bytes <= BODY_MAX && strlen(http_request_target(x)) <= HTTP_HEAD_MAX);
	for (size_t i = 0; i < http_request_field_count(x); i++)
		require(http_request_field_at(x, i).name != NULL);
	scan(body, bytes);
	refused = ask_parse(&ask, http_request_method(x), http_request_target(x), body, bytes, &why);
	ask_whole(x, &ask, refused, body, bytes);
	if (refused) {
		require(*why && text_refusal(&out, &ask, why) == 0);
	} else {
		const struct text_answer said = {.id = ask.tag,
						 .tokens = ask.max_tokens < TOKENS_MAX ? ask.max_tokens : TOKENS_MAX};

		require(ask.inputs <= ASK_INPUTS_MAX && text_plain(&out, &ask, &said) == 0);
	}
	buf_fini(&out);
}

/* Pieces as long as the first byte says: every cut falls everywhere once. */
static void requests(const uint8_t *data, size_t size)
{
	struct http_server server = {.config = {.body_max = BODY_MAX}};
	struct http_exchange *x = calloc(1, sizeof(*x));
	size_t piece = data[0] % 64 + 1u;

	require(x != NULL);
	x->server = &server;
	request_begin(x);
	for (size_t at = 1; at < size;) {
		size_t n = piece < size - at ? piece : size - at;
		ssize_t took = request_feed(x, (const char *)data + at, n);

		if (took < 0) {
			require(x->request.refuse_status >= 400);
			break;
		}
		require((size_t)took <= n && (took > 0 || x->request.complete));
		at += (size_t)took;
		if (!x->request.complete)
			continue;
		if (x->request.body.used) /* as the server does before it hands the request over */
			x->request.body.data[x->request.body.used] = '\0';
		answer(x);
		request_begin(x);
	}
	request_free(&x->request);
	buf_fini(&server.spare_body);
	free(x);
}

static void faults(const uint8_t *data, size_t size)
{
	char text[256], again[160];
	struct fault f, g;
	size_t n = size < sizeof(text) - 1 ? size : sizeof(text) - 1;

	memcpy(text, data, n);
	text[n] = '\0';
	if (fault_parse(text, &f, NULL) == 0)
		require(fault_parse(fault_format(&f, again, sizeof(again)), &g, NULL) == 0 && f.kind == g.kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	requests(data, size);
	scan((const char *)data, size);
	faults(data, size);
	return 0;
}
