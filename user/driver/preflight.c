/* SPDX-License-Identifier: GPL-2.0-only */
/* One request before the run, so that what is wrong with the gateway's address is said in a sentence and not in a report. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "driver/driver.h"
#include "driver/env.h"

#define CONNECT_MS 5000L
#define WHOLE_MS 10000L

struct preflight {
	CURL *easy;
	struct curl_slist *headers;
	char *url, *authority;
	char shown[512]; /* the URL without its user */
	char curl_error[CURL_ERROR_SIZE];
};

static size_t ignore_body(char *data, size_t size, size_t n, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * n;
}

static bool preflight_apply(struct preflight *p, const struct driver_config *config)
{
	int bad = 0;

	bad |= (int)curl_easy_setopt(p->easy, CURLOPT_URL, p->url);
	bad |= (int)curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers);
	bad |= (int)curl_easy_setopt(p->easy, CURLOPT_ERRORBUFFER, p->curl_error);
	bad |= (int)curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, ignore_body);
	bad |= (int)curl_easy_setopt(p->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	bad |= (int)curl_easy_setopt(p->easy, CURLOPT_TIMEOUT_MS, WHOLE_MS);
	return env_apply(p->easy, config) && !bad;
}

static int tell_failure(const struct preflight *p, CURLcode code, struct err *err)
{
	const char *why = p->curl_error[0] ? p->curl_error : curl_easy_strerror(code);
	long os_error = 0;

	curl_easy_getinfo(p->easy, CURLINFO_OS_ERRNO, &os_error);
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return err_set(err, -ECONNREFUSED,
			       "cannot connect to the gateway at %s: %s; is it running, and is the port right?", p->authority,
			       os_error ? strerror((int)os_error) : why);
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, -EHOSTUNREACH,
			       "the gateway's host name in %s has no address (%s); check its spelling or give an IP address",
			       p->shown, why);
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, -ETIMEDOUT,
			       "the gateway at %s did not answer GET %s in time (%s); is something else on that port?",
			       p->authority, p->shown, why);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, -EPROTO,
			       "the TLS certificate of %s was not accepted (%s); give its CA with --ca-file, or --tls-insecure",
			       p->authority, why);
	case CURLE_SSL_CONNECT_ERROR:
		return err_set(err, -EPROTO, "no TLS with %s (%s); is it an https:// port? Else use http://", p->authority, why);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return err_set(err, -EPROTO, "what listens at %s does not speak HTTP (%s); check the port", p->authority, why);
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return err_set(err, -ECONNRESET,
			       "the gateway at %s closed the connection without an answer (%s); is it an https:// port?",
			       p->authority, why);
	default:
		return err_set(err, -EIO, "GET %s failed: %s", p->shown, why);
	}
}

static int preflight_run(struct preflight *p, unsigned *status, struct err *err)
{
	CURLcode code = curl_easy_perform(p->easy);
	long answered = 0;

	curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &answered);
	*status = (unsigned)answered;
	if (code != CURLE_OK && !(answered && code == CURLE_PARTIAL_FILE))
		return tell_failure(p, code, err);
	if (answered == 401)
		return err_set(err, -EACCES,
			       "the gateway at %s wants a key (GET %s answered 401); set API_KEY to one that it accepts",
			       p->authority, p->shown);
	return 0;
}

int driver_preflight(const struct driver_config *config, const char *path, unsigned *status, struct err *err)
{
	struct preflight p = {0};
	bool tls;
	int r;

	*status = 0;
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return err_set(err, -ENOMEM, "no memory for a first request to the gateway");
	r = env_parse_url(config->url, &p.authority, &tls, err);
	if (r)
		goto out;
	p.easy = curl_easy_init();
	p.url = env_url(config->url, path);
	p.headers = env_headers(config, config->api_key, PLAN_HEALTH);
	url_without_user(p.shown, sizeof(p.shown), p.url ? p.url : "");
	if (p.easy && p.url && p.headers && preflight_apply(&p, config))
		r = preflight_run(&p, status, err);
	else
		r = err_set(err, -ENOMEM, "no memory for a first request to %s", p.authority);
out:
	if (p.easy)
		curl_easy_cleanup(p.easy);
	curl_slist_free_all(p.headers);
	free(p.url);
	free(p.authority);
	curl_global_cleanup();
	return r;
}
