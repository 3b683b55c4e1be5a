// SPDX-License-Identifier: GPL-2.0-only
#include "leak/heap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/sorted.h"

#define PAGE 4096

void heap_fini(struct heap *h)
{
	for (size_t i = 0; i < h->ranges; i++)
		free(h->range[i].page);
	free(h->block);
	free(h->range);
	*h = (struct heap){.block = NULL};
}

int heap_block_add(struct heap *h, const struct heap_block *block)
{
	if (h->blocks == HEAP_BLOCKS_MAX)
		return -E2BIG;
	if (h->blocks == h->block_room) {
		size_t room = h->block_room ? 2 * h->block_room : 4096;
		struct heap_block *grown = reallocarray(h->block, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		h->block = grown;
		h->block_room = room;
	}
	h->block[h->blocks++] = *block;
	return 0;
}

int heap_range_add(struct heap *h, uint64_t start, uint64_t end)
{
	if (end <= start)
		return 0;
	if (h->ranges == h->range_room) {
		size_t room = h->range_room ? 2 * h->range_room : 64;
		struct heap_range *grown = reallocarray(h->range, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		h->range = grown;
		h->range_room = room;
	}
	h->range[h->ranges++] = (struct heap_range){.start = start, .end = end};
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct heap_block *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static int by_start(const void *a, const void *b)
{
	const struct heap_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int pages_index(const struct heap *h, struct heap_range *r)
{
	uint64_t base = r->start / PAGE, pages = (r->end - 1) / PAGE - base + 1;
	size_t at = r->first, last = r->first + r->blocks;

	r->page = malloc(pages * sizeof(*r->page));
	if (!r->page)
		return -ENOMEM;
	for (uint64_t i = 0; i < pages; i++) {
		while (at < last && h->block[at].address + h->block[at].bytes <= (base + i) * PAGE)
			at++;
		r->page[i] = (uint32_t)at;
	}
	return 0;
}

int heap_sort(struct heap *h)
{
	size_t at = 0;
	int rc = 0;

	if (h->blocks)
		qsort(h->block, h->blocks, sizeof(*h->block), by_address);
	if (h->ranges)
		qsort(h->range, h->ranges, sizeof(*h->range), by_start);
	for (size_t i = 0; i < h->ranges && !rc; i++) {
		struct heap_range *r = &h->range[i];

		r->first = at;
		while (at < h->blocks && h->block[at].address < r->end)
			at++;
		r->blocks = at - r->first;
		rc = pages_index(h, r);
	}
	return rc;
}

static const struct heap_range *range_of(const struct heap *h, uint64_t address)
{
	size_t low = sorted_above(h->range, h->ranges, sizeof(*h->range), offsetof(struct heap_range, end), address);

	return low < h->ranges && address >= h->range[low].start ? &h->range[low] : NULL;
}

struct heap_block *heap_block_of(const struct heap *h, uint64_t address)
{
	const struct heap_range *r = range_of(h, address);
	size_t low, high, last;

	if (!r)
		return NULL;
	uint64_t page = address / PAGE - r->start / PAGE, pages = (r->end - 1) / PAGE - r->start / PAGE + 1;
	last = r->first + r->blocks;
	low = r->page[page];
	high = page + 1 < pages ? r->page[page + 1] : last;
	while (low < high) { /* the first that ends behind the address */
		size_t middle = low + (high - low) / 2;

		if (h->block[middle].address + h->block[middle].bytes <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < last && address >= h->block[low].address ? &h->block[low] : NULL;
}

struct heap_block *heap_block_at(const struct heap *h, uint64_t address)
{
	struct heap_block *b = heap_block_of(h, address);

	return b && b->address == address ? b : NULL;
}
