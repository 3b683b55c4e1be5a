// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "gateway/forward_parts.h"

#define CACHED_BODY_MAX ((size_t)4 << 20)

void cache_copy(struct forward *f, const struct buf *body)
{
	if (!f->key.used)
		return;
	if (upstream_status(f->up) != 200 || f->copy.used + body->used > CACHED_BODY_MAX ||
	    buf_append(&f->copy, body->data, body->used))
		f->key.used = 0; /* this one is not kept */
}

/* As Redis holds it: content type, a newline, the body. */
static void second_keep(struct forward *f, const struct cache_answer *answer)
{
	struct buf value = {0};
	int ret = buf_printf(&value, "%s\n", answer->content_type ? answer->content_type : "");

	if (!ret)
		ret = buf_append(&value, answer->body, answer->body_bytes);
	if (!ret)
		redis_set(f->shared->redis, f->key.data, f->key.used, value.data, value.used, f->shared->redis_ttl_ns);
	buf_fini(&value);
}

void cache_keep(struct forward *f)
{
	const struct cache_answer answer = {.status = upstream_status(f->up),
					    .content_type = upstream_content_type(f->up),
					    .fields = upstream_fields(f->up),
					    .body = f->copy.data,
					    .body_bytes = f->copy.used};

	if (!f->key.used || answer.status != 200)
		return;
	cache_put(f->shared->cache, f->key.data, f->key.used, &answer);
	if (f->shared->redis)
		second_keep(f, &answer);
}

/* True: answered from the cache. */
static bool answer_cached(struct forward *f)
{
	struct cache *cache = f->shared->cache;

	if (!cache || buf_printf(&f->key, "%s %s\n", http_request_method(f->x), http_request_target(f->x)) ||
	    buf_append(&f->key, f->body, f->body_bytes)) {
		f->key.used = 0;
		return false;
	}
	const struct cache_entry *e = cache_find(cache, f->key.data, f->key.used);
	if (!e)
		return false;
	const struct cache_answer *a = cache_entry_answer(e);
	const struct http_head head = {
		.status = a->status, .content_type = a->content_type, .fields = a->fields, .body_bytes = (int64_t)a->body_bytes};
	atomic_fetch_add(&f->shared->metrics->memory_hits, 1);
	http_answer(f->x, &head, a->body, a->body_bytes); /* f may be gone */
	cache_release(e);
	return true;
}

/* What Redis has goes into the memory too, so that the next one need not ask. */
static void on_second(struct redis_ask *ask, const char *value, size_t bytes)
{
	struct forward *f = ask->ctx;
	const char *body = value ? memchr(value, '\n', bytes) : NULL;
	char type[128] = "";

	atomic_fetch_add(body ? &f->shared->metrics->redis_hits : &f->shared->metrics->misses, 1);
	if (!body) {
		forward_upstream(f);
		return;
	}
	snprintf(type, sizeof(type), "%.*s", (int)(body - value), value);
	const struct cache_answer answer = {.status = 200,
					    .content_type = type[0] ? type : NULL,
					    .body = body + 1,
					    .body_bytes = bytes - (size_t)(body + 1 - value)};
	const struct http_head head = {
		.status = 200, .content_type = answer.content_type, .body_bytes = (int64_t)answer.body_bytes};
	cache_put(f->shared->cache, f->key.data, f->key.used, &answer);
	http_answer(f->x, &head, answer.body, answer.body_bytes);
}

bool cache_answers(struct forward *f)
{
	struct redis *redis = f->shared->redis;

	if (answer_cached(f))
		return true;
	f->second = (struct redis_ask){.answer = on_second, .ctx = f};
	if (redis && f->key.used && !redis_get(redis, &f->second, f->key.data, f->key.used))
		return true;
	if (f->shared->cache)
		atomic_fetch_add(&f->shared->metrics->misses, 1);
	return false;
}
