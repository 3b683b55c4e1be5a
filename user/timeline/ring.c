// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/ring.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_FIRST 4
#define PLACES_SHRINK 8 /* a directory this many times larger than what it lists gives half back */

/* Blocks are numbered as items are: [first, end) are there. The one that `end` falls into is made with its first item. */
static uint64_t block_first(const struct ring *r)
{
	return r->head / RING_BLOCK;
}

static uint64_t block_end(const struct ring *r)
{
	return (r->end + RING_BLOCK - 1) / RING_BLOCK;
}

static size_t block_bytes(const struct ring *r)
{
	return (size_t)RING_BLOCK * r->item_bytes;
}

static char **place(const struct ring *r, uint64_t block)
{
	return &r->block[block & (r->places - 1)];
}

void ring_fini(struct ring *r, struct ring_budget *b)
{
	ring_drop(r, b, r->end - r->head);
	for (uint64_t k = block_first(r); k < block_end(r); k++) {
		free(*place(r, k));
		b->bytes -= block_bytes(r);
	}
	b->bytes -= r->places * sizeof(*r->block);
	free(r->block);
	r->block = NULL;
	r->places = 0;
	r->head = r->end = 0;
}

static bool directory_resize(struct ring *r, struct ring_budget *b, uint32_t places)
{
	char **block = malloc(places * sizeof(*block));

	if (!block)
		return false;
	for (uint64_t k = block_first(r); k < block_end(r); k++)
		block[k & (places - 1)] = *place(r, k);
	free(r->block);
	b->bytes = b->bytes - r->places * sizeof(*block) + places * sizeof(*block);
	r->block = block;
	r->places = places;
	return true;
}

static bool block_add(struct ring *r, struct ring_budget *b)
{
	bool is_listed = block_end(r) - block_first(r) < r->places;
	uint32_t places = is_listed ? r->places : r->places ? r->places * 2 : PLACES_FIRST;
	uint64_t more = block_bytes(r) + (places - r->places) * sizeof(*r->block);

	if (b->bytes + more > b->limit || (!is_listed && !directory_resize(r, b, places)))
		return false;
	char *data = malloc(block_bytes(r));
	if (!data)
		return false;
	*place(r, block_end(r)) = data;
	b->bytes += block_bytes(r);
	return true;
}

bool ring_push(struct ring *r, struct ring_budget *b, const void *item, void *lost)
{
	bool full = r->end % RING_BLOCK == 0 && !block_add(r, b);

	if (full && r->head == r->end) {
		b->dropped++;
		memcpy(lost, item, r->item_bytes);
		return true;
	}
	if (full) { /* the oldest block becomes the newest */
		uint64_t n = RING_BLOCK - r->head % RING_BLOCK;
		char *oldest = *place(r, block_first(r));
		memcpy(lost, oldest + block_bytes(r) - r->item_bytes, r->item_bytes);
		b->dropped += n;
		r->head += n;
		*place(r, r->end / RING_BLOCK) = oldest;
	}
	r->end++;
	memcpy(ring_at(r, r->end - 1), item, r->item_bytes);
	return full;
}

void ring_drop(struct ring *r, struct ring_budget *b, uint64_t n)
{
	uint64_t first = block_first(r);

	r->head += n;
	for (; first < block_first(r); first++) {
		free(*place(r, first));
		b->bytes -= block_bytes(r);
	}
	if (r->places > PLACES_FIRST && block_end(r) - first < r->places / PLACES_SHRINK)
		directory_resize(r, b, r->places / 2);
}

uint64_t ring_after(const struct ring *r, uint32_t key_offset, uint64_t key)
{
	uint64_t lo = r->head, hi = r->end;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2, at;
		memcpy(&at, (const char *)ring_at(r, mid) + key_offset, sizeof(at));
		if (at > key)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}
