/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes -> request, by libhttp-parser. The parser is paused at the end of each request: a pipelined one stays unparsed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/conn.h"

#define FIELDS_MAX 512
#define BODY_RESERVE_MAX ((uint64_t)1 << 20) /* a Content-Length is only a promise */

static struct http_exchange *parser_exchange(http_parser *p)
{
	return p->data;
}

static int request_refuse(struct http_exchange *x, unsigned status)
{
	x->request.refuse_status = status;
	return -1;
}

static int head_append(struct http_exchange *x, const char *at, size_t n)
{
	if (buf_append(&x->request.head, at, n))
		return request_refuse(x, 431);
	return 0;
}

static int on_url(http_parser *p, const char *at, size_t n)
{
	return head_append(parser_exchange(p), at, n);
}

static struct conn_field *field_add(struct conn_request *r)
{
	if (r->fields == FIELDS_MAX)
		return NULL;
	if (r->fields == r->field_room) {
		size_t room = r->field_room ? 2 * r->field_room : 16;
		struct conn_field *field = realloc(r->field, room * sizeof(*field));
		if (!field)
			return NULL;
		r->field = field;
		r->field_room = room;
	}
	return &r->field[r->fields++];
}

/* A name begins: NUL behind what was before it (the target or a value). */
static int field_begin(struct http_exchange *x)
{
	struct conn_request *r = &x->request;
	if (head_append(x, "", 1))
		return -1;
	struct conn_field *f = field_add(r);
	if (!f)
		return request_refuse(x, 431);
	*f = (struct conn_field){.name = (uint32_t)r->head.used};
	return 0;
}

static int on_header_field(http_parser *p, const char *at, size_t n)
{
	struct http_exchange *x = parser_exchange(p);
	struct conn_request *r = &x->request;
	if (r->head_done)
		return 0; /* trailers of a chunked body: nobody here reads them */
	if ((!r->fields || r->in_value) && field_begin(x))
		return -1;
	r->in_value = false;
	if (head_append(x, at, n))
		return -1;
	r->field[r->fields - 1].name_bytes += (uint32_t)n;
	return 0;
}

static int on_header_value(http_parser *p, const char *at, size_t n)
{
	struct http_exchange *x = parser_exchange(p);
	struct conn_request *r = &x->request;
	if (r->head_done)
		return 0;
	struct conn_field *f = &r->field[r->fields - 1];
	if (!r->in_value) {
		if (head_append(x, "", 1))
			return -1;
		f->value = (uint32_t)r->head.used;
		r->in_value = true;
	}
	if (head_append(x, at, n))
		return -1;
	f->value_bytes += (uint32_t)n;
	return 0;
}

static int body_expect(struct http_exchange *x, const http_parser *p)
{
	size_t max = x->server->config.body_max;
	if (!(p->flags & F_CONTENTLENGTH))
		return 0;
	if (p->content_length > max)
		return request_refuse(x, 413);
	uint64_t reserve = p->content_length < BODY_RESERVE_MAX ? p->content_length : BODY_RESERVE_MAX;
	if (reserve && buf_reserve(&x->request.body, (size_t)reserve + 1))
		return request_refuse(x, 503);
	return 0;
}

static int on_headers_complete(http_parser *p)
{
	struct http_exchange *x = parser_exchange(p);
	struct conn_request *r = &x->request;
	if (head_append(x, "", 1))
		return -1;
	r->head_done = true;
	if (p->http_major != 1)
		return request_refuse(x, 505);
	p->upgrade = 0; /* offers of another protocol (h2c, websocket) are declined by answering the request */
	r->keep_alive = http_should_keep_alive(p);
	const char *expect = p->http_minor ? http_request_field(x, "expect") : NULL;
	r->expects_continue = expect && !strcasecmp(expect, "100-continue");
	buf_take(&r->body, &x->server->spare_body);
	return body_expect(x, p) ? -1 : 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct http_exchange *x = parser_exchange(p);
	struct buf *body = &x->request.body;
	x->request.expects_continue = false; /* it did not wait */
	if (n > x->server->config.body_max - body->used)
		return request_refuse(x, 413);
	if (buf_append(body, at, n))
		return request_refuse(x, 503);
	return 0;
}

static int on_message_complete(http_parser *p)
{
	struct http_exchange *x = parser_exchange(p);
	if (buf_reserve(&x->request.body, 1)) /* for the NUL */
		return request_refuse(x, 503);
	x->request.complete = true;
	x->request.expects_continue = false;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings request_settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* Keeps the small head buffers for the next request of the connection, but no body. */
void request_begin(struct http_exchange *x)
{
	struct conn_request *r = &x->request;
	buf_give(&r->body, &x->server->spare_body);
	struct buf head = r->head;
	head.used = 0;
	head.max = HTTP_HEAD_MAX;
	*r = (struct conn_request){.head = head, .field = r->field, .field_room = r->field_room};
	http_parser_init(&r->parser, HTTP_REQUEST);
	r->parser.data = x;
}

ssize_t request_feed(struct http_exchange *x, const char *data, size_t n)
{
	struct conn_request *r = &x->request;
	size_t took = http_parser_execute(&r->parser, &request_settings, data, n);
	enum http_errno code = HTTP_PARSER_ERRNO(&r->parser);
	if (code == HPE_OK || (code == HPE_PAUSED && r->complete))
		return (ssize_t)took;
	if (!r->refuse_status)
		r->refuse_status = code == HPE_HEADER_OVERFLOW ? 431 : 400;
	return -1;
}

void request_free(struct conn_request *r)
{
	buf_fini(&r->head);
	buf_fini(&r->body);
	free(r->field);
	r->field = NULL;
	r->fields = r->field_room = 0;
}

/* --- what the user reads ------------------------------------------------------------------------------------------------------ */

const char *http_request_method(const struct http_exchange *x)
{
	return http_method_str((enum http_method)x->request.parser.method);
}

const char *http_request_target(const struct http_exchange *x)
{
	return x->request.head.data;
}

unsigned http_request_minor(const struct http_exchange *x)
{
	return x->request.parser.http_minor ? 1 : 0;
}

size_t http_request_field_count(const struct http_exchange *x)
{
	return x->request.fields;
}

struct http_field http_request_field_at(const struct http_exchange *x, size_t i)
{
	const struct conn_field *f = &x->request.field[i];
	const char *head = x->request.head.data;
	return (struct http_field){.name = head + f->name,
				   .value = f->value ? head + f->value : "",
				   .name_bytes = f->name_bytes,
				   .value_bytes = f->value_bytes};
}

const char *http_request_field(const struct http_exchange *x, const char *name)
{
	for (size_t i = 0; i < x->request.fields; i++) {
		struct http_field f = http_request_field_at(x, i);
		if (!strcasecmp(f.name, name))
			return f.value;
	}
	return NULL;
}

const char *http_request_body(const struct http_exchange *x, size_t *bytes)
{
	*bytes = x->request.body.used;
	return x->request.body.used ? x->request.body.data : "";
}

void http_request_drop(struct http_exchange *x)
{
	buf_give(&x->request.body, &x->server->spare_body);
	if (x->request.head.size > HTTP_HEAD_KEEP)
		request_free(&x->request);
}
