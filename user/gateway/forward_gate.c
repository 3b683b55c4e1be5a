// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "gateway/forward_parts.h"

static void judge(struct forward *f, enum limiter_verdict verdict, uint64_t wait_ns)
{
	switch (verdict) {
	case LIMITER_GO:
		forward_enter(f);
		break;
	case LIMITER_UNKNOWN:
		forward_refuse(f, 401, "this API key is not known", 0);
		break;
	case LIMITER_WAIT:
		forward_refuse(f, 429, "this API key's rate limit is reached", (wait_ns + NS_PER_S - 1) / NS_PER_S);
		break;
	}
}

static void on_key(struct db_ask *ask, enum db_result result, const struct db_key *key)
{
	struct forward *f = ask->ctx;
	uint64_t wait_ns = 0;

	switch (result) {
	case DB_FOUND:
		snprintf(f->tenant, sizeof(f->tenant), "%s", key->tenant);
		judge(f, limiter_take_of(f->shared->limiter, key->tenant, key->rate_per_s, clock_now_ns(), &wait_ns), wait_ns);
		break;
	case DB_UNKNOWN:
		judge(f, LIMITER_UNKNOWN, 0);
		break;
	case DB_NO_CONNECTION:
		forward_refuse(f, 503, "no connection to the key database came free in time", 1);
		break;
	case DB_FAILED:
		forward_refuse(f, 503, "the key database does not answer", 1);
		break;
	}
}

void gate_enter(struct forward *f)
{
	const char *authorization = http_request_field(f->x, "authorization");
	struct forward_shared *s = f->shared;
	uint64_t wait_ns = 0;

	if (!s->limiter || !strcmp(http_request_method(f->x), "GET")) {
		forward_enter(f);
		return;
	}
	if (!s->db) {
		judge(f, limiter_take(s->limiter, authorization, clock_now_ns(), &wait_ns), wait_ns);
		return;
	}
	f->key_ask = (struct db_ask){.answer = on_key, .ctx = f};
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		judge(f, LIMITER_UNKNOWN, 0);
	else if (db_ask_key(s->db, &f->key_ask, authorization + 7))
		forward_refuse(f, 503, "the key database cannot be asked", 1);
}
