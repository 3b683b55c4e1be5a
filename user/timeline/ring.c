// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/ring.h"

#include <stdlib.h>
#include <string.h>

#define RING_FIRST 16
#define RING_SHRINK 8 /* a ring this many times larger than its content gives half back */

void ring_fini(struct ring *r, struct ring_budget *b)
{
	b->bytes -= (uint64_t)r->size * r->item_bytes;
	free(r->data);
	r->data = NULL;
	r->size = 0;
	r->head = r->end = 0;
}

static bool ring_resize(struct ring *r, struct ring_budget *b, uint32_t size)
{
	char *data = malloc((size_t)size * r->item_bytes);

	if (!data)
		return false;
	for (uint64_t i = r->head; i < r->end; i++)
		memcpy(data + (i & (size - 1)) * r->item_bytes, ring_at(r, i), r->item_bytes);
	free(r->data);
	b->bytes = b->bytes - (uint64_t)r->size * r->item_bytes + (uint64_t)size * r->item_bytes;
	r->data = data;
	r->size = size;
	return true;
}

bool ring_push(struct ring *r, struct ring_budget *b, const void *item, void *lost)
{
	bool full = r->end - r->head == r->size;
	uint64_t more = (uint64_t)(r->size ? r->size : RING_FIRST) * r->item_bytes;

	if (full && b->bytes + more <= b->limit && ring_resize(r, b, r->size ? r->size * 2 : RING_FIRST))
		full = false;
	if (full) {
		b->dropped++;
		memcpy(lost, r->size ? ring_at(r, r->head) : item, r->item_bytes);
		if (!r->size)
			return true;
		r->head++;
	}
	r->end++;
	memcpy(ring_at(r, r->end - 1), item, r->item_bytes);
	return full;
}

void ring_drop(struct ring *r, struct ring_budget *b, uint64_t n)
{
	r->head += n;
	if (r->size > RING_FIRST && (r->end - r->head) * RING_SHRINK < r->size)
		ring_resize(r, b, r->size / 2);
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
