// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/forward.h"

#define TAG_PREFIX "[toll:"
#define TAG_DIGITS 16

/* Does the Connection field name this one as its own ("Connection: close, X-Hop")? */
static bool connection_names(const char *connection, const char *name)
{
	size_t bytes = strlen(name);

	while (connection && *connection) {
		connection += strspn(connection, ", \t");
		size_t n = strcspn(connection, ", \t");
		if (n == bytes && !strncasecmp(connection, name, n))
			return true;
		connection += n;
	}
	return false;
}

static bool is_passed_on(const char *name, const char *connection)
{
	return !upstream_is_hop_by_hop(name) && strcasecmp(name, "host") != 0 && strcasecmp(name, "expect") != 0 &&
	       !connection_names(connection, name);
}

static bool method_has_body(const char *method)
{
	return !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
}

int forward_head_build(const struct http_exchange *x, const char *authority, size_t body_bytes, struct buf *out)
{
	const char *method = http_request_method(x), *connection = http_request_field(x, "connection");

	out->used = 0;
	int ret = buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, http_request_target(x), authority);
	for (size_t i = 0; i < http_request_field_count(x) && !ret; i++) {
		struct http_field f = http_request_field_at(x, i);
		if (is_passed_on(f.name, connection))
			ret = buf_printf(out, "%s: %s\r\n", f.name, f.value);
	}
	if (!ret && (body_bytes || method_has_body(method)))
		ret = buf_printf(out, "Content-Length: %zu\r\n", body_bytes);
	return ret ? ret : buf_append(out, "\r\n", 2);
}

static uint64_t tag_read(const char *at)
{
	char digits[TAG_DIGITS + 1], *end;

	if (memcmp(at, TAG_PREFIX, strlen(TAG_PREFIX)) != 0 || at[strlen(TAG_PREFIX) + TAG_DIGITS] != ']')
		return 0;
	memcpy(digits, at + strlen(TAG_PREFIX), TAG_DIGITS);
	digits[TAG_DIGITS] = '\0';
	if (strspn(digits, "0123456789abcdefABCDEF") != TAG_DIGITS)
		return 0;
	return strtoull(digits, &end, 16);
}

uint64_t forward_find_tag(const char *body, size_t bytes)
{
	const size_t tag_bytes = strlen(TAG_PREFIX) + TAG_DIGITS + 1;
	uint64_t tag = 0;

	if (!body || bytes < tag_bytes)
		return 0;
	/* from the end, where it stands: a large body is not searched through */
	for (size_t left = bytes - tag_bytes + 1; !tag && left;) {
		const char *at = memrchr(body, TAG_PREFIX[0], left);
		if (!at)
			return 0;
		tag = tag_read(at);
		left = (size_t)(at - body);
	}
	return tag;
}
