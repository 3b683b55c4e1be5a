// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"

/* One allocation: key, body and texts stand behind the struct. */
struct cache_entry {
	_Atomic unsigned refs; /* one of the cache's, one for each user */
	struct cache_entry *next; /* in order of age */
	uint64_t hash;
	uint64_t stale_ns; /* not given out from here on */
	size_t bytes;
	const char *key;
	size_t key_bytes;
	struct cache_answer answer;
};

struct cache {
	pthread_mutex_t lock;
	struct map *by_hash;
	struct cache_entry *oldest, *newest;
	size_t bytes, max_bytes;
	uint64_t ttl_ns;
};

/* FNV-1a; what it confuses is told apart by the key. */
static uint64_t key_hash(const void *key, size_t bytes)
{
	const unsigned char *p = key;
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	return h;
}

struct cache *cache_new(size_t max_bytes, uint64_t ttl_ns)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->by_hash = map_new();
	if (!c->by_hash) {
		free(c);
		return NULL;
	}
	c->max_bytes = max_bytes;
	c->ttl_ns = ttl_ns;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void cache_release(const struct cache_entry *e)
{
	struct cache_entry *mine = (struct cache_entry *)(uintptr_t)e;

	if (atomic_fetch_sub(&mine->refs, 1) == 1)
		free(mine);
}

static void drop_oldest(struct cache *c)
{
	struct cache_entry *e = c->oldest;

	c->oldest = e->next;
	if (!c->oldest)
		c->newest = NULL;
	if (map_get(c->by_hash, e->hash) == e)
		map_remove(c->by_hash, e->hash);
	c->bytes -= e->bytes;
	cache_release(e);
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	while (c->oldest)
		drop_oldest(c);
	map_free(c->by_hash);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

const struct cache_entry *cache_find(struct cache *c, const void *key, size_t key_bytes)
{
	uint64_t hash = key_hash(key, key_bytes), now_ns = c->ttl_ns ? clock_now_ns() : 0;

	pthread_mutex_lock(&c->lock);
	struct cache_entry *e = map_get(c->by_hash, hash);
	if (e && e->stale_ns <= now_ns)
		e = NULL;
	if (e && (e->key_bytes != key_bytes || memcmp(e->key, key, key_bytes) != 0))
		e = NULL;
	if (e)
		atomic_fetch_add(&e->refs, 1);
	pthread_mutex_unlock(&c->lock);
	return e;
}

const struct cache_answer *cache_entry_answer(const struct cache_entry *e)
{
	return &e->answer;
}

static const char *keep(char **at, const void *data, size_t bytes)
{
	char *copy = *at;

	memcpy(copy, data, bytes);
	*at += bytes;
	return copy;
}

static struct cache_entry *entry_new(const void *key, size_t key_bytes, const struct cache_answer *a)
{
	size_t type = a->content_type ? strlen(a->content_type) + 1 : 0;
	size_t fields = a->fields ? strlen(a->fields) + 1 : 0;
	size_t bytes = sizeof(struct cache_entry) + key_bytes + type + fields + a->body_bytes;

	struct cache_entry *e = malloc(bytes);
	if (!e)
		return NULL;
	char *at = (char *)(e + 1);
	*e = (struct cache_entry){.bytes = bytes, .key_bytes = key_bytes, .hash = key_hash(key, key_bytes), .answer = *a};
	atomic_init(&e->refs, 1);
	e->key = keep(&at, key, key_bytes);
	if (type)
		e->answer.content_type = keep(&at, a->content_type, type);
	if (fields)
		e->answer.fields = keep(&at, a->fields, fields);
	e->answer.body = a->body_bytes ? keep(&at, a->body, a->body_bytes) : NULL;
	return e;
}

void cache_put(struct cache *c, const void *key, size_t key_bytes, const struct cache_answer *answer)
{
	struct cache_entry *e = entry_new(key, key_bytes, answer);

	if (!e)
		return;
	e->stale_ns = c->ttl_ns ? clock_now_ns() + c->ttl_ns : UINT64_MAX;
	pthread_mutex_lock(&c->lock);
	if (e->bytes <= c->max_bytes / 4 && !map_put(c->by_hash, e->hash, e)) {
		if (c->newest)
			c->newest->next = e;
		else
			c->oldest = e;
		c->newest = e;
		c->bytes += e->bytes;
		while (c->bytes > c->max_bytes)
			drop_oldest(c);
		e = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	free(e);
}
