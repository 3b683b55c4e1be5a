// SPDX-License-Identifier: GPL-2.0-only
/* glibc's heap out of a copy of memory: struct malloc_state, malloc_chunk, heap_info and tcache_perthread_struct of malloc/malloc.c and arena.c. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "leak/heap.h"

#define PAGE 4096
#define WORD 8
#define CHUNK_HEADER (2 * WORD) /* mchunk_prev_size, mchunk_size */
#define CHUNK_LEAST 32
#define PREV_INUSE 1
#define IS_MMAPPED 2
#define SIZE_MASK (~(uint64_t)7)
#define FENCE 16 /* what ends a heap that was left for another one */

/* Offsets from the first bin: malloc_state has, in this order, mutex, flags, fast bins, top, last remainder, bins, bin map, next ... */
#define BINS 127
#define STATE_BEFORE_BINS 112
#define FASTBINS_BEFORE_BINS 96
#define TOP_BEFORE_BINS 16
#define NEXT_BEHIND_BINS (2 * BINS * WORD + 16)
#define STATE_BEHIND_BINS (NEXT_BEHIND_BINS + 5 * WORD)
#define FASTBINS 10
#define ARENAS_MAX 4096
#define HEAP_MAX (UINT64_C(64) << 20) /* of an arena that is not the main one: its heaps are aligned to their size */

#define CACHE_BINS 64

struct walk {
	const struct image *image;
	struct heap *heap;
	unsigned minor;
	uint64_t arena[ARENAS_MAX]; /* address of the first bin */
	unsigned arenas;
};

static uint64_t word_at(const struct walk *w, uint64_t address)
{
	return image_read(w->image, address);
}

/* --- arenas ------------------------------------------------------------------------------------------------------------------- */

/* A bin is a ring through a chunk that is not there: its fd and bk are the two words here. */
static bool bin_is_ring(const struct walk *w, uint64_t bin)
{
	uint64_t head = bin - CHUNK_HEADER, fd = word_at(w, bin), bk = word_at(w, bin + WORD);

	if (fd == head || !fd || !bk || fd & 15 || bk & 15)
		return fd == head && bk == head;
	return word_at(w, fd + CHUNK_HEADER + WORD) == head && word_at(w, bk + CHUNK_HEADER) == head;
}

static bool is_arena(const struct walk *w, uint64_t bins)
{
	uint64_t top = word_at(w, bins - TOP_BEFORE_BINS), size = word_at(w, top + WORD);
	const struct image_map *map = image_map_at(w->image, top);

	if (!top || top & 15 || !map || !(size & PREV_INUSE) || top + (size & SIZE_MASK) > map->end)
		return false;
	for (unsigned i = 0; i < BINS; i++)
		if (!bin_is_ring(w, bins + 2 * WORD * i))
			return false;
	return true;
}

/* The first bin of any arena, from a bin that is empty and so points to itself; 0: none. */
static uint64_t arena_of_bin(const struct walk *w, uint64_t bin)
{
	for (unsigned i = 0; i < BINS; i++)
		if (is_arena(w, bin - 2 * WORD * i))
			return bin - 2 * WORD * i;
	return 0;
}

static uint64_t arena_find_in(const struct walk *w, const struct image_piece *p)
{
	for (uint64_t at = 0; at + 2 * WORD <= p->bytes; at += WORD) {
		uint64_t address = p->start + at, pair[2], bins;

		memcpy(pair, p->data + at, sizeof(pair));
		if (pair[0] != address - CHUNK_HEADER || pair[1] != pair[0])
			continue;
		bins = arena_of_bin(w, address);
		if (bins)
			return bins;
	}
	return 0;
}

/* Arenas are a ring. */
static bool arenas_find(struct walk *w)
{
	uint64_t first = 0, bins;

	for (size_t i = 0; i < w->image->pieces && !first; i++)
		first = arena_find_in(w, &w->image->piece[i]);
	for (bins = first; bins && w->arenas < ARENAS_MAX;) {
		w->arena[w->arenas++] = bins;
		bins = word_at(w, bins + NEXT_BEHIND_BINS) + STATE_BEFORE_BINS;
		if (bins == first)
			return true;
		if (!is_arena(w, bins))
			break;
	}
	w->heap->broken += first != 0;
	return first != 0;
}

/* --- blocks ------------------------------------------------------------------------------------------------------------------- */

/* From one chunk to the next; returns where it ended: at `end`, at the fence before it, or where it makes no sense. */
static int chunks_walk(struct walk *w, uint64_t at, uint64_t end, uint64_t *stopped)
{
	int rc = 0;

	while (!rc && at < end) {
		uint64_t word = word_at(w, at + WORD), size = word & SIZE_MASK, next = at + size;

		if (word & IS_MMAPPED || size < CHUNK_LEAST || size & 15 || next > end)
			break;
		struct heap_block b = {.address = at + CHUNK_HEADER, .bytes = size - WORD, .overhead_bytes = WORD};
		if (!(word_at(w, next + WORD) & PREV_INUSE))
			b.flags = HEAP_FREE;
		rc = heap_block_add(w->heap, &b);
		at = next;
	}
	*stopped = at;
	return rc;
}

/* Of a heap, its own header included, that ends with its arena's top chunk or, where it was left for another one, with a fence. */
struct region {
	uint64_t start, first, end;
	bool has_top; /* at end */
	uint64_t behind; /* of all that belongs to the allocator */
};

static int region_walk(struct walk *w, const struct region *r)
{
	uint64_t stopped, size;
	int rc = chunks_walk(w, r->first, r->end, &stopped);

	if (rc)
		return rc;
	size = word_at(w, stopped + WORD) & SIZE_MASK;
	if (stopped == r->end || (!r->has_top && (size == FENCE || size == 0)))
		return heap_range_add(w->heap, r->start, r->behind);
	w->heap->broken++;
	return heap_range_add(w->heap, r->start, stopped);
}

/* Where brk was refused it goes on in mappings of its own, of which only the last one is seen. */
static int main_arena_walk(struct walk *w, uint64_t bins, uint64_t top)
{
	const struct image_map *map = image_map_at(w->image, top);
	const struct region all = {.start = map->start, .first = map->start, .end = top, .has_top = true, .behind = map->end};
	int rc = 0;

	if (map->heap)
		rc = region_walk(w, &all);
	else
		w->heap->broken++;
	/* bins point to chunks, whose begin is the last word that the block before may use: they are no pointers of the program's */
	return rc ? rc : heap_range_add(w->heap, bins - STATE_BEFORE_BINS, bins + STATE_BEHIND_BINS);
}

/* The heaps of another arena, from the last one back to the first, in which the arena itself lies. */
static int other_arena_walk(struct walk *w, uint64_t state, uint64_t top)
{
	uint64_t first_heap = state & ~(HEAP_MAX - 1), info_bytes = state - first_heap, heap = top & ~(HEAP_MAX - 1);
	bool has_top = true;
	int rc = 0;

	for (unsigned i = 0; !rc && heap && i < ARENAS_MAX; i++) {
		const struct image_map *map = image_map_at(w->image, heap);
		struct region r = {.start = heap, .first = heap + info_bytes, .has_top = has_top};

		if (word_at(w, heap) != state || !map) {
			w->heap->broken++;
			break;
		}
		if (heap == first_heap)
			r.first = (state + STATE_BEFORE_BINS + STATE_BEHIND_BINS + 15) & ~(uint64_t)15;
		r.behind = map->end < heap + HEAP_MAX ? map->end : heap + HEAP_MAX;
		r.end = has_top ? top : r.behind;
		rc = region_walk(w, &r);
		has_top = false;
		heap = heap == first_heap ? 0 : word_at(w, heap + WORD);
	}
	return rc;
}

static int arenas_walk(struct walk *w)
{
	int rc = 0;

	for (unsigned i = 0; i < w->arenas && !rc; i++) {
		uint64_t state = w->arena[i] - STATE_BEFORE_BINS, top = word_at(w, w->arena[i] - TOP_BEFORE_BINS);

		if (word_at(w, state & ~(HEAP_MAX - 1)) == state)
			rc = other_arena_walk(w, state, top);
		else
			rc = main_arena_walk(w, w->arena[i], top);
	}
	return rc;
}

/* --- blocks of their own mapping ---------------------------------------------------------------------------------------------- */

/* The begin of a chunk that was mapped for itself, here or behind what an alignment left before it; false: none is seen. */
static bool is_mapped_chunk(const struct image_piece *p, uint64_t at, const struct image_map *map)
{
	uint64_t pair[2], before, size;

	memcpy(pair, p->data + (at - p->start), sizeof(pair));
	before = pair[0];
	size = pair[1] & SIZE_MASK;
	return (pair[1] & 7) == IS_MMAPPED && size >= CHUNK_LEAST && before <= at - map->start && !((at - before) & (PAGE - 1)) &&
	       !((before + size) & (PAGE - 1)) && size <= map->end - at && (before || !(at & (PAGE - 1)));
}

/* Behind an arena's heap that holds the address; 0: none does. */
static uint64_t behind_arena(const struct walk *w, size_t arena_ranges, uint64_t address)
{
	for (size_t i = 0; i < arena_ranges; i++)
		if (address >= w->heap->range[i].start && address < w->heap->range[i].end)
			return w->heap->range[i].end;
	return 0;
}

static int mapped_chunk_add(struct walk *w, const struct image_piece *p, uint64_t at, uint64_t *behind)
{
	uint64_t pair[2];

	memcpy(pair, p->data + (at - p->start), sizeof(pair));
	struct heap_block b = {.address = at + CHUNK_HEADER,
			       .bytes = (pair[1] & SIZE_MASK) - CHUNK_HEADER,
			       .overhead_bytes = CHUNK_HEADER + (uint32_t)pair[0]};
	int rc = heap_block_add(w->heap, &b);

	*behind = b.address + b.bytes;
	return rc ? rc : heap_range_add(w->heap, at - pair[0], *behind);
}

static int mapped_chunks_of(struct walk *w, const struct image_piece *p, size_t arena_ranges, uint64_t *behind)
{
	const struct image_map *map = image_map_at(w->image, p->start);
	uint64_t at = p->start > *behind ? p->start : *behind;
	int rc = 0;

	if (!map || map->heap || map->executable || map->stack)
		return 0;
	while (!rc && at + CHUNK_HEADER <= p->start + p->bytes) {
		uint64_t arena_end = at & (PAGE - 1) ? 0 : behind_arena(w, arena_ranges, at);

		if (arena_end) {
			at = arena_end;
		} else if (is_mapped_chunk(p, at, map)) {
			rc = mapped_chunk_add(w, p, at, behind);
			at = *behind;
		} else {
			at += CHUNK_HEADER;
		}
	}
	return rc;
}

/* --- what is free though its neighbour says that it is in use ------------------------------------------------------------------ */

/* Marks the block; false: it is none of this size, or was free already. */
static bool is_freed(struct walk *w, uint64_t address, uint64_t chunk_bytes)
{
	struct heap_block *b = heap_block_at(w->heap, address);

	if (!b || b->bytes + WORD != chunk_bytes || b->flags & HEAP_FREE)
		return false;
	b->flags |= HEAP_FREE;
	return true;
}

/* Since 2.32 a link is stored against the page that it lies in ("safe linking"). */
static uint64_t link_at(const struct walk *w, uint64_t address)
{
	uint64_t word = word_at(w, address);

	return w->minor >= 32 ? word ^ address >> 12 : word;
}

static void fast_bins_mark(struct walk *w, uint64_t bins)
{
	for (unsigned i = 0; i < FASTBINS; i++) {
		uint64_t chunk = word_at(w, bins - FASTBINS_BEFORE_BINS + WORD * i);

		while (chunk && is_freed(w, chunk + CHUNK_HEADER, CHUNK_LEAST + 16 * i))
			chunk = link_at(w, chunk + CHUNK_HEADER);
		w->heap->broken += chunk != 0;
	}
}

struct cache {
	uint64_t length[CACHE_BINS], first[CACHE_BINS];
};

static unsigned length_bytes(const struct walk *w)
{
	return w->minor >= 30 ? 2 : 1;
}

static bool cache_read(const struct walk *w, const struct heap_block *b, struct cache *out)
{
	unsigned bytes = length_bytes(w);

	for (unsigned i = 0; i < CACHE_BINS; i++) {
		uint64_t at = b->address + (uint64_t)i * bytes, first = b->address + CACHE_BINS * bytes + WORD * i;
		const struct heap_block *of;

		out->length[i] = word_at(w, at & ~(uint64_t)7) >> 8 * (at & 7) & (bytes == 2 ? 0xffff : 0xff);
		out->first[i] = word_at(w, first);
		of = out->first[i] ? heap_block_at(w->heap, out->first[i]) : NULL;
		if (!out->length[i] != !out->first[i] || (out->first[i] && (!of || of->bytes + WORD != CHUNK_LEAST + 16 * i)))
			return false;
	}
	return true;
}

static void cache_mark(struct walk *w, const struct cache *c)
{
	for (unsigned i = 0; i < CACHE_BINS; i++) {
		uint64_t at = c->first[i];

		for (uint64_t n = 0; n < c->length[i]; n++) {
			if (!is_freed(w, at, CHUNK_LEAST + 16 * i)) {
				w->heap->broken++;
				break;
			}
			at = link_at(w, at);
		}
	}
}

/* Each thread's cache is a block of its own size among the others; it is one by what it holds. */
static void caches_mark(struct walk *w)
{
	uint64_t bytes = (CACHE_BINS * (length_bytes(w) + WORD) + WORD + 15) & ~(uint64_t)15;
	struct cache cache;

	for (size_t i = 0; i < w->heap->blocks; i++) {
		if (w->heap->block[i].bytes + WORD != bytes || w->heap->block[i].flags & HEAP_FREE ||
		    !cache_read(w, &w->heap->block[i], &cache))
			continue;
		w->heap->thread_caches++;
		cache_mark(w, &cache);
	}
}

int glibc_heap_walk(const struct image *image, unsigned minor, struct heap *out)
{
	struct walk w = {.image = image, .heap = out, .minor = minor};
	uint64_t behind = 0;
	size_t arena_ranges;
	int rc;

	if (!arenas_find(&w))
		return -ENODATA;
	out->arenas = w.arenas;
	rc = arenas_walk(&w);
	arena_ranges = out->ranges;
	for (size_t i = 0; i < image->pieces && !rc; i++)
		rc = mapped_chunks_of(&w, &image->piece[i], arena_ranges, &behind);
	if (!rc)
		rc = heap_sort(out);
	if (rc)
		return rc;
	for (unsigned i = 0; i < w.arenas; i++)
		fast_bins_mark(&w, w.arena[i]);
	caches_mark(&w);
	return out->broken ? -EAGAIN : 0;
}
