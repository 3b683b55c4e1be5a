/* SPDX-License-Identifier: GPL-2.0-only */
/* Hash map u64 -> pointer: open addressing, deletion without tombstones; key 0 is allowed. Does not own the values. */
#ifndef TOLL_BASE_MAP_H
#define TOLL_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m);
/* ... and each of its values. NULL: nothing to do. */
void map_free_with(struct map *m, void (*value_free)(void *value));
int map_put(struct map *m, uint64_t key, void *value); /* replaces; value not NULL; -ENOMEM */
void *map_get(const struct map *m, uint64_t key); /* NULL: absent */
void *map_remove(struct map *m, uint64_t key); /* the value that was there, or NULL */
size_t map_count(const struct map *m);
/* Iterates in no order: *cursor starts at 0; false at the end. The map must not change meanwhile. */
int map_next(const struct map *m, size_t *cursor, uint64_t *key, void **value);

#endif
