/* SPDX-License-Identifier: GPL-2.0-only */
/* What all driver threads share and none changes: how each class's request looks, and how libcurl is set for it. */
#ifndef TOLL_DRIVER_ENV_H
#define TOLL_DRIVER_ENV_H

#include <curl/curl.h>

#include "driver/body.h"
#include "driver/driver.h"

struct env_class {
	const struct plan_class *plan;
	char *url;
	CURLU *parsed; /* the same, taken apart once: libcurl would do so for each request, and put it together again */
	struct curl_slist *headers[PLAN_TENANTS_MAX + 1]; /* by tenant; [0]: of a plan without tenants */
	bool each; /* requests differ: each has a body of its own */
	struct body body; /* of all others */
};

struct env {
	const struct plan *plan;
	struct driver_config config; /* its strings belong to the caller and outlive this */
	char *authority; /* "host:port", for messages */
	struct env_class class_[PLAN_CLASSES_MAX];
	uint64_t run_id; /* high bits of request ids */
	bool tls;
};

/* Checks the URL and builds every class. */
int env_init(struct env *env, const struct driver_config *config, struct err *err);
void env_fini(struct env *env);
/* Base URL without its trailing "/", followed by path; caller frees. NULL: no memory. */
char *env_url(const char *base, const char *path);
/* Options that every request of ours has (TLS, protocols, no proxy, no signals). false: libcurl refused one. */
bool env_apply(CURL *easy, const struct driver_config *config);
/* Request headers of an endpoint; NULL: no memory. */
struct curl_slist *env_headers(const struct driver_config *config, const char *api_key, enum plan_endpoint endpoint);
/* "127.0.0.1:8080" and whether it is https; -EINVAL with a sentence when it is not a http(s) URL. */
int env_parse_url(const char *url, char **authority, bool *tls, struct err *err);

#endif
