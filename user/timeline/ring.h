/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Items of one size in the order in which they were put in. Rings grow while the budget that they share lasts; then each forgets its
 * oldest ones for a new one. Items are named by an index that only ever grows: [head, end) are there. They lie in blocks that are made as they
 * come and freed as they go, so a ring takes what its items take, however long it has been in use.
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

#define RING_BLOCK 32u /* items */

/* Zero-initialise but for item_bytes; ring_fini frees. */
struct ring {
	char **block; /* that of item i is at i / RING_BLOCK modulo places */
	uint64_t head, end;
	uint32_t places; /* a power of two; 0: none yet */
	uint32_t item_bytes;
};

void ring_fini(struct ring *r, struct ring_budget *b);
/* true: the oldest items, a block of them at most, were lost for it (or, without any memory, this one); *lost: a copy of the newest of these. */
bool ring_push(struct ring *r, struct ring_budget *b, const void *item, void *lost);
/* Forgets the oldest n. */
void ring_drop(struct ring *r, struct ring_budget *b, uint64_t n);

/* NULL: not there (any more). */
static inline void *ring_at(const struct ring *r, uint64_t index)
{
	if (index < r->head || index >= r->end)
		return 0;
	return r->block[index / RING_BLOCK & (r->places - 1)] + index % RING_BLOCK * r->item_bytes;
}

/* The first index whose key is past `key`; keys (a uint64_t at key_offset of each item) must not fall. */
uint64_t ring_after(const struct ring *r, uint32_t key_offset, uint64_t key);

#endif
