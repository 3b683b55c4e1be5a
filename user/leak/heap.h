/* SPDX-License-Identifier: GPL-2.0-only */
/* The blocks of an allocator's heap, as a copy of a process' memory shows them. Pure. */
#ifndef TOLL_LEAK_HEAP_H
#define TOLL_LEAK_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/image.h"

#define HEAP_BLOCKS_MAX (1u << 26)

enum heap_flag {
	HEAP_FREE = 1, /* given back: it holds nothing, whatever is still written in it */
	HEAP_REACHED = 2, /* from outside of the heap, perhaps through other blocks */
	HEAP_POINTED_TO = 4, /* by a block that is itself not reached */
};

struct heap_block {
	uint64_t address; /* as the program knows it */
	uint64_t bytes; /* that it may use */
	uint32_t flags; /* enum heap_flag */
	uint32_t overhead_bytes; /* that the allocator takes for it beside these */
};

/* Addresses that the allocator hands out blocks from: what lies there and in no block is no pointer of the program's. */
struct heap_range {
	uint64_t start, end;
	size_t first, blocks; /* of the heap's; set by heap_sort() */
	uint32_t *page; /* for each page of the range, the first block that ends behind the page's begin; heap_sort() */
};

/* Zero-initialise; heap_fini() frees. */
struct heap {
	struct heap_block *block;
	size_t blocks, block_room;
	struct heap_range *range;
	size_t ranges, range_room;
	unsigned arenas, thread_caches;
	unsigned broken; /* parts of the heap that could not be followed: their bytes are taken for the program's own */
};

void heap_fini(struct heap *h);
int heap_block_add(struct heap *h, const struct heap_block *block); /* -ENOMEM, -E2BIG */
int heap_range_add(struct heap *h, uint64_t start, uint64_t end); /* -ENOMEM; an empty one is none */
/* After the last one was added, before the first is looked for. -ENOMEM. */
int heap_sort(struct heap *h);
/* The block that begins at, that holds this address; NULL: none. */
struct heap_block *heap_block_at(const struct heap *h, uint64_t address);
struct heap_block *heap_block_of(const struct heap *h, uint64_t address);

#define GLIBC_HEAP_FIRST 27 /* glibc 2.N whose heap is understood ... */
#define GLIBC_HEAP_LAST 41
/*
 * All arenas of glibc's malloc, their blocks and what lies free in them: bins, fast bins, caches of threads, blocks of their own mapping.
 * minor: of glibc 2.MINOR, from GLIBC_HEAP_FIRST to _LAST. Found by the shape of malloc_state (malloc/malloc.c), whose symbol is not in a
 * stripped libc. -ENODATA: there is no arena; -EAGAIN: parts could not be followed (h->broken): the copy may have been taken in the middle of a
 * call; -ENOMEM, -E2BIG.
 */
int glibc_heap_walk(const struct image *image, unsigned minor, struct heap *out);

#endif
