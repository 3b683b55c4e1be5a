// SPDX-License-Identifier: GPL-2.0-only
#include "driver/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/url.h"

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	return buf_append(ctx, data, size * n) ? 0 : size * n;
}

static bool apply(CURL *easy, const char *url, uint64_t within_ns, struct buf *out)
{
	int bad = 0;

	bad |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= (int)curl_easy_setopt(easy, CURLOPT_URL, url);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(within_ns / (NS_PER_S / 1000)));
	bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEDATA, out);
	return !bad;
}

int fetch(const char *url, uint64_t within_ns, struct buf *out, struct err *err)
{
	CURL *easy = curl_easy_init();
	CURLcode code = CURLE_OUT_OF_MEMORY;
	char shown[256];
	long status = 0;

	url_without_user(shown, sizeof(shown), url);
	if (easy && apply(easy, url, within_ns, out)) {
		code = curl_easy_perform(easy);
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	}
	curl_easy_cleanup(easy);
	if (code)
		return err_set(err, -EIO, "GET %s: %s; is it the right address?", shown, curl_easy_strerror(code));
	return status == 200 ? 0 : err_set(err, -EPROTO, "GET %s: it answered %ld; is it the right address?", shown, status);
}
