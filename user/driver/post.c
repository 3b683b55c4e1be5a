// SPDX-License-Identifier: GPL-2.0-only
#include "driver/post.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/url.h"

#define WHOLE_MS 10000L

struct answer {
	char text[160]; /* its first line: what a server says against a document */
};

static size_t on_answer(char *data, size_t size, size_t n, void *ctx)
{
	struct answer *a = ctx;
	size_t bytes = size * n, line = 0;

	/* no NUL stands behind it */
	while (line < bytes && line < sizeof(a->text) && data[line] != '\r' && data[line] != '\n')
		line++;
	if (!a->text[0])
		snprintf(a->text, sizeof(a->text), "%.*s", (int)line, data);
	return bytes;
}

static bool apply(CURL *easy, const struct post *p, struct curl_slist *headers, struct answer *answer)
{
	int bad = 0;

	bad |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= (int)curl_easy_setopt(easy, CURLOPT_URL, p->url);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->bytes);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, p->body);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, WHOLE_MS);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
	return !bad;
}

static int judge(CURL *easy, CURLcode code, const struct post *p, const struct answer *answer, struct err *err)
{
	char shown[256];
	long status = 0;

	url_without_user(shown, sizeof(shown), p->url);
	if (code)
		return err_set(err, -EIO, "POST to %s: %s; is it the right address?", shown, curl_easy_strerror(code));
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300)
		return 0;
	return err_set(err, -EPROTO, "POST to %s: it answered %ld%s%s", shown, status, answer->text[0] ? ": " : "", answer->text);
}

int post_send(const struct post *p, struct err *err)
{
	struct curl_slist *headers = curl_slist_append(NULL, "User-Agent: toll");
	struct answer answer = {""};
	CURL *easy = curl_easy_init();
	int rc;

	for (unsigned i = 0; i < p->headers && headers; i++) {
		struct curl_slist *longer = curl_slist_append(headers, p->header[i]);
		if (!longer)
			curl_slist_free_all(headers);
		headers = longer;
	}
	if (!easy || !headers || !apply(easy, p, headers, &answer))
		rc = err_set(err, -ENOMEM, "no memory for a POST");
	else
		rc = judge(easy, curl_easy_perform(easy), p, &answer, err);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	return rc;
}
