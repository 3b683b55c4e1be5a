// SPDX-License-Identifier: GPL-2.0-only
#include "base/url.h"

#include <stdio.h>
#include <string.h>

const char *url_without_user(char *buf, size_t size, const char *url)
{
	const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
	size_t authority = strcspn(host, "/?#");
	const char *user_end = memrchr(host, '@', authority);

	snprintf(buf, size, "%.*s%s", (int)(host - url), url, user_end ? user_end + 1 : host);
	return buf;
}
