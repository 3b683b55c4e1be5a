// rooms: base http/request provider/ask provider/text record/tag record/said scenario/fault
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as what a client sends to the provider, in pieces of any size: each request is whole, or refused, in bounded memory; what it
 * asks for has an answer. And any bytes as a fault.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

static void answer(const struct http_exchange *x)
{
	struct buf out = {0};
	struct ask ask;
	const char *why = "", *body;
	size_t bytes;

	body = http_request_body(x, &bytes);
	require(bytes <= BODY_MAX && strlen(http_request_target(x)) <= HTTP_HEAD_MAX);
	for (size_t i = 0; i < http_request_field_count(x); i++)
		require(http_request_field_at(x, i).name != NULL);
	if (ask_parse(&ask, http_request_method(x), http_request_target(x), body, bytes, &why)) {
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
	faults(data, size);
	return 0;
}
