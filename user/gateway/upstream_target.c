// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "gateway/upstream.h"

static int bad_url(struct err *err, const char *url)
{
	return err_set(err, -EINVAL,
		       "upstream \"%s\" is no URL that a gateway can use; expected http://HOST:PORT or https://HOST:PORT, "
		       "without a path",
		       url);
}

struct url_parts {
	bool https;
	char host[256];
	char port[8];
};

/* HOST, HOST:PORT, [V6], [V6]:PORT */
static int authority_parse(const char *text, struct url_parts *u)
{
	bool bracket = text[0] == '[';
	const char *host = text + bracket;
	size_t n = strcspn(host, bracket ? "]" : ":/");
	uint64_t port;

	if (n == 0 || n >= sizeof(u->host) || (bracket && host[n] != ']'))
		return -EINVAL;
	snprintf(u->host, sizeof(u->host), "%.*s", (int)n, host);
	const char *rest = host + n + bracket;
	snprintf(u->port, sizeof(u->port), "%s", u->https ? "443" : "80");
	if (*rest == ':') {
		size_t digits = strcspn(rest + 1, "/");
		if (digits == 0 || digits >= sizeof(u->port))
			return -EINVAL;
		snprintf(u->port, sizeof(u->port), "%.*s", (int)digits, rest + 1);
		rest += 1 + digits;
	}
	if (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0)
		return -EINVAL;
	return units_parse_u64(u->port, &port) || port == 0 || port > UINT16_MAX ? -EINVAL : 0;
}

static int url_parse(const char *url, struct url_parts *u)
{
	u->https = !strncmp(url, "https://", 8);
	if (!u->https && strncmp(url, "http://", 7) != 0)
		return -EINVAL;
	return authority_parse(url + (u->https ? 8 : 7), u);
}

int upstream_target_open(struct upstream_target *out, const char *url, bool insecure, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	struct url_parts u;

	memset(out, 0, sizeof(*out));
	if (url_parse(url, &u))
		return bad_url(err, url);
	int failed = getaddrinfo(u.host, u.port, &hints, &found);
	if (failed)
		return err_set(err, -EHOSTUNREACH, "cannot resolve the upstream's name %s: %s", u.host, gai_strerror(failed));
	memcpy(&out->addr, found->ai_addr, found->ai_addrlen);
	out->addr_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	snprintf(out->host, sizeof(out->host), "%s", u.host);
	snprintf(out->authority, sizeof(out->authority), strchr(u.host, ':') ? "[%s]:%s" : "%s:%s", u.host, u.port);
	return u.https ? stream_tls_client_new(&out->tls, insecure, err) : 0;
}

void upstream_target_close(struct upstream_target *t)
{
	stream_tls_free(t->tls);
	t->tls = NULL;
}
