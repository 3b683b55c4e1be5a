// SPDX-License-Identifier: GPL-2.0-only
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#define MAP_FIRST_SLOTS 16

struct slot {
	uint64_t key;
	void *value; /* NULL: empty */
};

struct map {
	struct slot *slots;
	size_t mask; /* slots - 1, a power of two less one */
	size_t count;
};

/* Fibonacci hashing (Knuth, TAOCP 3, 6.4): socket cookies and request ids count up, and linear probing wants them spread; its upper bits are. */
static size_t key_home(const struct map *m, uint64_t key)
{
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(key >> 32 ^ key >> 52) & m->mask;
}

/* The slot that holds key, or the empty one where it belongs. */
static struct slot *slot_find(const struct map *m, uint64_t key)
{
	size_t i = key_home(m, key);

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

struct map *map_new(void)
{
	struct map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->slots = calloc(MAP_FIRST_SLOTS, sizeof(*m->slots));
	if (!m->slots) {
		free(m);
		return NULL;
	}
	m->mask = MAP_FIRST_SLOTS - 1;
	return m;
}

void map_free(struct map *m)
{
	if (!m)
		return;
	free(m->slots);
	free(m);
}

void map_free_with(struct map *m, void (*value_free)(void *value))
{
	for (size_t i = 0; m && i <= m->mask; i++)
		if (m->slots[i].value)
			value_free(m->slots[i].value);
	map_free(m);
}

static int map_grow(struct map *m)
{
	struct map bigger = {.mask = m->mask * 2 + 1, .count = m->count};
	size_t i;

	bigger.slots = calloc(bigger.mask + 1, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (i = 0; i <= m->mask; i++) {
		if (m->slots[i].value)
			*slot_find(&bigger, m->slots[i].key) = m->slots[i];
	}
	free(m->slots);
	*m = bigger;
	return 0;
}

int map_put(struct map *m, uint64_t key, void *value)
{
	struct slot *s;

	if (!value)
		return -EINVAL;
	s = slot_find(m, key);
	if (s->value) {
		s->value = value;
		return 0;
	}
	if ((m->count + 1) * 4 > (m->mask + 1) * 3) {
		int rc = map_grow(m);

		if (rc)
			return rc;
		s = slot_find(m, key);
	}
	*s = (struct slot){.key = key, .value = value};
	m->count++;
	return 0;
}

void *map_get(const struct map *m, uint64_t key)
{
	return slot_find(m, key)->value;
}

/* Closes the gap at `hole` by moving back every later slot of the run that may lie there (Knuth, TAOCP 3, 6.4 R). */
static void close_gap(struct map *m, size_t hole)
{
	size_t i = hole;

	for (;;) {
		size_t home;

		i = (i + 1) & m->mask;
		if (!m->slots[i].value)
			break;
		home = key_home(m, m->slots[i].key);
		/* it may move if its home is not within (hole, i], counted around */
		if (((i - home) & m->mask) >= ((i - hole) & m->mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = (struct slot){0};
}

void *map_remove(struct map *m, uint64_t key)
{
	struct slot *s = slot_find(m, key);
	void *value = s->value;

	if (!value)
		return NULL;
	close_gap(m, (size_t)(s - m->slots));
	m->count--;
	return value;
}

size_t map_count(const struct map *m)
{
	return m->count;
}

int map_next(const struct map *m, size_t *cursor, uint64_t *key, void **value)
{
	while (*cursor <= m->mask) {
		const struct slot *s = &m->slots[(*cursor)++];

		if (!s->value)
			continue;
		*key = s->key;
		*value = s->value;
		return 1;
	}
	return 0;
}
