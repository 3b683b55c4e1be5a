/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items of one size in the order in which they were put in. Rings grow while the budget that they share lasts; then each forgets its
 * oldest item for a new one. Items are named by an index that only ever grows: [head, end) are there.
 */
#ifndef TOLL_TIMELINE_RING_H
#define TOLL_TIMELINE_RING_H

#include <stdbool.h>
#include <stdint.h>

struct ring_budget {
	uint64_t bytes; /* taken by all rings of it */
	uint64_t limit;
	uint64_t dropped; /* items that made room for newer ones */
};

/* Zero-initialise but for item_bytes; ring_fini frees. */
struct ring {
	char *data;
	uint64_t head, end;
	uint32_t size; /* items, a power of two; 0: none yet */
	uint32_t item_bytes;
};

void ring_fini(struct ring *r, struct ring_budget *b);
/* true: the oldest item (or, without any memory, this one) was lost for it; *lost is then its copy. */
bool ring_push(struct ring *r, struct ring_budget *b, const void *item, void *lost);
/* Forgets the oldest n, and gives memory back that has become far too large. */
void ring_drop(struct ring *r, struct ring_budget *b, uint64_t n);

/* NULL: not there (any more). */
static inline void *ring_at(const struct ring *r, uint64_t index)
{
	if (index < r->head || index >= r->end)
		return 0;
	return r->data + (index & (r->size - 1)) * r->item_bytes;
}

/* The first index whose key is past `key`; keys (a uint64_t at key_offset of each item) must not fall. */
uint64_t ring_after(const struct ring *r, uint32_t key_offset, uint64_t key);

#endif
