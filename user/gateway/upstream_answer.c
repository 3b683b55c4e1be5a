// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/upstream_answer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "gateway/upstream.h"

#define HEAD_MAX ((size_t)64 << 10)

bool upstream_is_hop_by_hop(const char *name)
{
	static const char *const names[] = {
		"connection", "keep-alive",        "proxy-connection", "proxy-authenticate", "proxy-authorization", "te",
		"trailer",    "transfer-encoding", "upgrade",          "content-length"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(names[i], name))
			return true;
	return false;
}

static int field_finish(struct upstream_answer *a)
{
	int ret = 0;

	a->in_value = false;
	if (!a->name.used)
		return 0;
	if (buf_append(&a->name, "", 1) || buf_append(&a->value, "", 1))
		return -1;
	if (!strcasecmp(a->name.data, "content-type")) {
		a->content_type.used = 0;
		ret = buf_append(&a->content_type, a->value.data, a->value.used);
	} else if (!upstream_is_hop_by_hop(a->name.data)) {
		ret = buf_printf(&a->fields, "%s: %s\r\n", a->name.data, a->value.data);
	}
	a->name.used = a->value.used = 0;
	return ret ? -1 : 0;
}

static int on_message_begin(http_parser *parser)
{
	struct upstream_answer *a = parser->data;

	a->name.used = a->value.used = a->content_type.used = a->fields.used = 0;
	a->in_value = a->head_done = false;
	return 0;
}

/* Trailers, behind a chunked body, are dropped: they must not become fields of the head (RFC 9110, 6.5.1). */
static int on_header_field(http_parser *parser, const char *at, size_t n)
{
	struct upstream_answer *a = parser->data;

	if (a->head_done)
		return 0;
	if (a->in_value && field_finish(a))
		return -1;
	return buf_append(&a->name, at, n) ? -1 : 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t n)
{
	struct upstream_answer *a = parser->data;

	if (a->head_done)
		return 0;
	a->in_value = true;
	return buf_append(&a->value, at, n) ? -1 : 0;
}

static int on_headers_complete(http_parser *parser)
{
	struct upstream_answer *a = parser->data;

	if (field_finish(a))
		return -1;
	if (parser->status_code < 200)
		return 0; /* an interim answer: the real one follows */
	a->status = parser->status_code;
	a->head_done = true;
	a->body_bytes =
		parser->content_length == UINT64_MAX || (parser->flags & F_CHUNKED) ? -1 : (int64_t)parser->content_length;
	return a->no_body ? 1 : 0;
}

static int on_body(http_parser *parser, const char *at, size_t n)
{
	struct upstream_answer *a = parser->data;

	return buf_append(&a->body, at, n) ? -1 : 0;
}

static int on_message_complete(http_parser *parser)
{
	struct upstream_answer *a = parser->data;

	if (!a->head_done)
		return 0;
	a->complete = true;
	a->keep_alive = http_should_keep_alive(parser) != 0;
	http_parser_pause(parser, 1); /* whatever follows is no answer to us */
	return 0;
}

static const http_parser_settings parser_settings = {
	.on_message_begin = on_message_begin,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

int upstream_answer_feed(struct upstream_answer *a, const char *data, size_t bytes)
{
	size_t taken = http_parser_execute(&a->parser, &parser_settings, data, bytes);

	if (a->complete) {
		a->surplus = taken < bytes;
		return 0;
	}
	return HTTP_PARSER_ERRNO(&a->parser) == HPE_OK && taken == bytes ? 0 : -EPROTO;
}

void upstream_answer_reset(struct upstream_answer *a, bool no_body)
{
	http_parser_init(&a->parser, HTTP_RESPONSE);
	a->parser.data = a;
	a->name.max = a->value.max = a->fields.max = HEAD_MAX;
	a->body.used = a->name.used = a->value.used = a->content_type.used = a->fields.used = 0;
	a->status = 0;
	a->body_bytes = -1;
	a->no_body = no_body;
	a->head_done = a->complete = a->keep_alive = a->surplus = a->in_value = false;
}

void upstream_answer_fini(struct upstream_answer *a)
{
	buf_fini(&a->name);
	buf_fini(&a->value);
	buf_fini(&a->content_type);
	buf_fini(&a->fields);
	buf_fini(&a->body);
}
