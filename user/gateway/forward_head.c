// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/forward.h"

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
