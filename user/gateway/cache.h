/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers kept in memory, bounded; the oldest goes first. Shared by all worker threads. */
#ifndef TOLL_GATEWAY_CACHE_H
#define TOLL_GATEWAY_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct cache;

struct cache_answer {
	unsigned status;
	const char *content_type; /* NULL: none */
	const char *fields; /* "Name: value\r\n" lines; NULL: none */
	const void *body;
	size_t body_bytes;
};

struct cache *cache_new(size_t max_bytes, uint64_t ttl_ns); /* ttl 0: kept until others need the room. NULL: no memory */
void cache_free(struct cache *c);

struct cache_entry;
const struct cache_entry *cache_find(struct cache *c, const void *key, size_t key_bytes); /* NULL: not there; release after use */
const struct cache_answer *cache_entry_answer(const struct cache_entry *e);
void cache_release(const struct cache_entry *e);
/* Copies. An answer that is larger than a quarter of the cache, or for which there is no memory, is not kept. */
void cache_put(struct cache *c, const void *key, size_t key_bytes, const struct cache_answer *answer);

#endif
