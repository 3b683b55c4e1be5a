/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"

/* --- URL --------------------------------------------------------------------------------------------------------------------- */

static char *join(const char *a, const char *between, const char *b)
{
	char *out;

	return asprintf(&out, "%s%s%s", a, between, b) < 0 ? NULL : out;
}

char *env_url(const char *base, const char *path)
{
	size_t bytes = strlen(base);
	char *out;

	while (bytes && base[bytes - 1] == '/')
		bytes--;
	return asprintf(&out, "%.*s%s", (int)bytes, base, path) < 0 ? NULL : out;
}

static int read_parts(CURLU *u, const char *url, char **authority, bool *tls)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	int r = -EINVAL;

	if (curl_url_set(u, CURLUPART_URL, url, 0) || curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) || curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		goto out;
	*tls = !strcmp(scheme, "https");
	if (!*tls && strcmp(scheme, "http") != 0)
		goto out;
	*authority = join(host, ":", port);
	r = *authority ? 0 : -ENOMEM;
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return r;
}

int env_parse_url(const char *url, char **authority, bool *tls, struct err *err)
{
	CURLU *u = curl_url();
	int r = u ? read_parts(u, url ? url : "", authority, tls) : -ENOMEM;

	curl_url_cleanup(u);
	if (r == -EINVAL)
		return err_set(err, r, "gateway URL \"%s\" is not of the form http://HOST:PORT or https://HOST:PORT",
			       url ? url : "");
	return r ? err_set(err, r, "no memory for the gateway's URL") : 0;
}

/* --- headers ----------------------------------------------------------------------------------------------------------------- */

struct header_list {
	struct curl_slist *head;
	bool failed;
};

static void add_header(struct header_list *list, const char *name, const char *value)
{
	char *line = join(name, *value ? ": " : ":", value);
	struct curl_slist *head = line ? curl_slist_append(list->head, line) : NULL;

	free(line);
	if (head)
		list->head = head;
	else
		list->failed = true;
}

static void add_key(struct header_list *list, const char *api_key, enum plan_endpoint endpoint)
{
	char *bearer = join("Bearer ", "", api_key);

	if (bearer)
		add_header(list, "Authorization", bearer);
	else
		list->failed = true;
	free(bearer);
	if (endpoint == PLAN_MESSAGES)
		add_header(list, "x-api-key", api_key);
}

struct curl_slist *env_headers(const struct driver_config *config, const char *api_key, enum plan_endpoint endpoint)
{
	struct header_list list = {0};

	add_header(&list, "Expect", ""); /* a 100-continue would put a round trip of the driver's own into every request */
	add_header(&list, "User-Agent", "toll");
	if (endpoint != PLAN_MODELS && endpoint != PLAN_HEALTH)
		add_header(&list, "Content-Type", "application/json");
	if (endpoint == PLAN_MESSAGES)
		add_header(&list, "anthropic-version", "2023-06-01");
	if (api_key)
		add_key(&list, api_key, endpoint);
	for (unsigned i = 0; i < config->headers && !list.failed; i++) {
		struct curl_slist *head = curl_slist_append(list.head, config->header[i]);

		list.failed = !head;
		list.head = head ? head : list.head;
	}
	if (!list.failed)
		return list.head;
	curl_slist_free_all(list.head);
	return NULL;
}

/* --- options ----------------------------------------------------------------------------------------------------------------- */

bool env_apply(CURL *easy, const struct driver_config *config)
{
	long version = config->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1;
	int bad = 0;

	bad |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* http_proxy in the environment is not the gateway */
	bad |= (int)curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); /* so no_proxy need not be looked up */
	bad |= (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= (int)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
	if (config->tls_insecure) {
		bad |= (int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		bad |= (int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (config->ca_file)
		bad |= (int)curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
	return !bad;
}

/* --- life -------------------------------------------------------------------------------------------------------------------- */

/*
 * Ids differ from run to run, so that a gateway's cache never knows a prompt from the run before: 24 bits of the wall clock above
 * 40 bits that count.
 */
static uint64_t make_run_id(uint64_t seed)
{
	struct timespec now;
	struct rng rng;

	clock_gettime(CLOCK_REALTIME, &now);
	rng_init(&rng, seed ^ (uint64_t)now.tv_nsec, (uint64_t)now.tv_sec);
	return rng_u64(&rng) << 40;
}

static bool in_a_trace(const struct plan *plan, uint32_t index)
{
	for (uint32_t i = 0; i < plan->stages; i++)
		if (plan->stage[i].trace && (!plan->stage[i].classes || (plan->stage[i].classes & (1u << index))))
			return true;
	return false;
}

static int class_init(struct env *env, uint32_t index)
{
	const struct plan_class *plan = &env->plan->class_[index];
	struct env_class *c = &env->class_[index];
	struct body_ask ask = body_ask_of(plan);

	c->plan = plan;
	c->url = env_url(env->config.url, body_path(plan->endpoint));
	for (uint32_t i = env->plan->tenants ? 1 : 0; i <= env->plan->tenants; i++) {
		const char *key = i ? env->plan->tenant[i - 1].key : env->config.api_key;

		c->headers[i] = env_headers(&env->config, key, plan->endpoint);
		if (!c->headers[i])
			return -ENOMEM;
	}
	c->parsed = curl_url();
	if (!c->url || !c->parsed || curl_url_set(c->parsed, CURLUPART_URL, c->url, 0))
		return -ENOMEM;
	c->each = plan->prompts || plan->turns > 1 || in_a_trace(env->plan, index);
	c->body.digits_at = BODY_NO_TAG;
	return c->each ? 0 : body_make(&c->body, env->plan, plan, &ask, env->config.tag);
}

int env_init(struct env *env, const struct driver_config *config, struct err *err)
{
	int r;

	*env = (struct env){.plan = config->plan, .config = *config};
	if (!config->plan->classes || !config->plan->stages)
		return err_set(err, -EINVAL, "scenario %s has no request class or no stage, so there is nothing to send",
			       config->plan->name);
	r = env_parse_url(config->url, &env->authority, &env->tls, err);
	if (r)
		return r;
	if (config->http2 && !env->tls) {
		env_fini(env);
		return err_set(err, -EINVAL,
			       "HTTP/2 needs an https:// gateway URL (it is agreed on in the TLS handshake), not %s",
			       config->url);
	}
	env->run_id = make_run_id(config->plan->seed);
	for (uint32_t i = 0; i < config->plan->classes; i++) {
		r = class_init(env, i);
		if (r) {
			env_fini(env);
			return err_set(err, r, "no memory for the requests of class %s", config->plan->class_[i].name);
		}
	}
	return 0;
}

void env_fini(struct env *env)
{
	for (uint32_t i = 0; i < PLAN_CLASSES_MAX; i++) {
		free(env->class_[i].url);
		curl_url_cleanup(env->class_[i].parsed);
		for (uint32_t k = 0; k <= PLAN_TENANTS_MAX; k++)
			curl_slist_free_all(env->class_[i].headers[k]);
		body_fini(&env->class_[i].body);
	}
	free(env->authority);
	*env = (struct env){0};
}
