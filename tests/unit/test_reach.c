// SPDX-License-Identifier: GPL-2.0-only
// rooms: base/image leak/heap leak/glibc_heap leak/reach
/* A heap of glibc's made by hand, word for word as malloc.c lays it out, and what of it can be found. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leak/reach.h"
#include "tests/support/test.h"

#define PAGE 4096
#define HEAP UINT64_C(0x555555600000)
#define HEAP_PAGES 32
#define DATA UINT64_C(0x7f1200000000) /* where libc keeps its main arena, and the program its pointers */
#define DATA_PAGES 4
#define MAIN_STATE (DATA + 0x100)
#define POINTERS (DATA + 0x2000)
#define STACK UINT64_C(0x7ffc00000000)
#define STACK_PAGES 4
#define MAPPED UINT64_C(0x7f1300000000)
#define MAPPED_PAGES 40
#define OTHER UINT64_C(0x7f1400000000) /* another arena: aligned to 64 MiB */
#define OTHER_PAGES 8
#define PAGES (HEAP_PAGES + DATA_PAGES + STACK_PAGES + MAPPED_PAGES + OTHER_PAGES)
#define BINS_AT 112
#define STATE_BYTES 2200
#define CACHE_CHUNK 0x290

struct fixture {
	struct image image;
	struct image_map map[5];
	struct image_piece piece[5];
	unsigned char memory[PAGES * PAGE];
	uint64_t next, sp; /* the next chunk; the stack pointer */
	struct heap heap;
	struct reach found;
};

static void put(struct fixture *f, uint64_t address, uint64_t word)
{
	size_t at = image_piece_at(&f->image, address);

	assert_true(at < f->image.pieces && address >= f->piece[at].start);
	memcpy((unsigned char *)(uintptr_t)f->piece[at].data + (address - f->piece[at].start), &word, sizeof(word));
}

static void map_add(struct fixture *f, uint64_t start, unsigned pages, unsigned *used)
{
	size_t i = f->image.maps++;

	f->map[i] =
		(struct image_map){.start = start, .end = start + pages * PAGE, .heap = start == HEAP, .stack = start == STACK};
	f->piece[i] = (struct image_piece){start, pages * PAGE, f->memory + *used * PAGE};
	f->image.pieces++;
	*used += pages;
}

/* An arena without a free chunk; its top chunk is the rest of its heap. */
static void arena_put(struct fixture *f, uint64_t state, uint64_t next_state)
{
	uint64_t bins = state + BINS_AT;

	for (unsigned i = 0; i < 127; i++) {
		put(f, bins + 16 * i, bins + 16 * i - 16);
		put(f, bins + 16 * i + 8, bins + 16 * i - 16);
	}
	put(f, bins + 254 * 8 + 16, next_state);
}

static void top_put(struct fixture *f, uint64_t state, uint64_t top, uint64_t end)
{
	put(f, state + BINS_AT - 16, top);
	put(f, top + 8, (end - top) | 1);
}

/* Taken from f->next on; returns what malloc would. */
static uint64_t chunk_put(struct fixture *f, uint64_t bytes)
{
	uint64_t at = f->next;

	put(f, at + 8, bytes | 1);
	f->next += bytes;
	return at + 16;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	unsigned used = 0;

	if (!f)
		return -1;
	f->image.map = f->map;
	f->image.piece = f->piece;
	map_add(f, HEAP, HEAP_PAGES, &used);
	map_add(f, DATA, DATA_PAGES, &used);
	map_add(f, MAPPED, MAPPED_PAGES, &used);
	map_add(f, OTHER, OTHER_PAGES, &used);
	map_add(f, STACK, STACK_PAGES, &used);
	f->sp = STACK + 2 * PAGE;
	f->image.sp = &f->sp;
	f->image.sps = 1;
	f->next = HEAP;
	arena_put(f, MAIN_STATE, MAIN_STATE);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	heap_fini(&f->heap);
	free(f);
	return 0;
}

static int walk(struct fixture *f)
{
	top_put(f, MAIN_STATE, f->next, HEAP + HEAP_PAGES * PAGE);
	return glibc_heap_walk(&f->image, 36, &f->heap);
}

static void walk_and_mark(struct fixture *f)
{
	assert_int_equal(walk(f), 0);
	assert_int_equal(reach_mark(&f->image, &f->heap, &f->found), 0);
}

static uint32_t flags_of(const struct fixture *f, uint64_t address)
{
	const struct heap_block *b = heap_block_at(&f->heap, address);

	assert_non_null(b);
	return b->flags;
}

/* From data, from within, from registers, tagged; through another block; not from below the stack pointer, nor as the complement. */
static void test_roots(void **state)
{
	struct fixture *f = *state;
	uint64_t block[10], word;

	for (size_t i = 0; i < 10; i++)
		block[i] = chunk_put(f, 64);
	word = block[0];
	f->image.word = &word;
	f->image.words = 1;
	put(f, POINTERS, block[1]);
	put(f, POINTERS + 8, block[2] + 55); /* the last byte that it may use */
	put(f, POINTERS + 16, block[3] | UINT64_C(0xfff8) << 48);
	put(f, POINTERS + 24, ~block[4]);
	put(f, f->sp + 64, block[5]);
	put(f, f->sp - 1024, block[6]);
	put(f, block[1] + 8, block[7]);
	put(f, block[7] + 40, block[8]);
	put(f, POINTERS + 32, block[9] - 16); /* the chunk's begin is the last word of the block before */
	walk_and_mark(f);
	static const bool reached[10] = {true, true, true, true, false, true, false, true, true, false};
	for (size_t i = 0; i < 10; i++)
		if (!(flags_of(f, block[i]) & HEAP_REACHED) == reached[i])
			fail_msg("block %zu", i);
	assert_int_equal(f->found.blocks, 10);
	assert_int_equal(f->found.lost, 3);
	assert_int_equal(f->found.lost_bytes, 3 * 64);
	f->image.word = NULL;
}

/* A lost list has one head, a lost ring none. */
static void test_lost(void **state)
{
	struct fixture *f = *state;
	uint64_t list[3], ring[2];

	for (size_t i = 0; i < 3; i++)
		list[i] = chunk_put(f, 48);
	for (size_t i = 0; i < 2; i++)
		ring[i] = chunk_put(f, 48);
	put(f, list[0], list[1]);
	put(f, list[1], list[2]);
	put(f, ring[0], ring[1]);
	put(f, ring[1], ring[0]);
	put(f, ring[0] + 8, ring[0]); /* to itself */
	walk_and_mark(f);
	assert_int_equal(f->found.lost, 5);
	assert_int_equal(f->found.heads, 1);
	assert_int_equal(flags_of(f, list[0]), 0);
	assert_int_equal(flags_of(f, list[1]), HEAP_POINTED_TO);
}

/* Free by the neighbour's bit, in a bin; in a fast bin; in a thread's cache: each with its links as 2.32 and later keep them. */
static void test_freed(void **state)
{
	struct fixture *f = *state;
	uint64_t cache = chunk_put(f, CACHE_CHUNK), used = chunk_put(f, 64), bin = chunk_put(f, 1536), after = chunk_put(f, 64);
	uint64_t fast[2], cached[2], stale = chunk_put(f, 64), head = MAIN_STATE + BINS_AT - 16;

	for (size_t i = 0; i < 2; i++)
		fast[i] = chunk_put(f, 48);
	for (size_t i = 0; i < 2; i++)
		cached[i] = chunk_put(f, 32);
	put(f, after - 8, 64); /* the chunk before is free: the unsorted bin is a ring through it */
	put(f, head + 16, bin - 16);
	put(f, head + 24, bin - 16);
	put(f, bin, head);
	put(f, bin + 8, head);
	put(f, bin + 16, stale); /* what is free holds nothing */
	put(f, MAIN_STATE + 16 + 8, fast[0] - 16);
	put(f, fast[0], (fast[1] - 16) ^ fast[0] >> 12);
	put(f, fast[1], fast[1] >> 12);
	put(f, cache, 2);
	put(f, cache + 128, cached[0]);
	put(f, cached[0], cached[1] ^ cached[0] >> 12);
	put(f, cached[1], cached[1] >> 12);
	put(f, POINTERS, cache);
	put(f, POINTERS + 8, used);
	put(f, POINTERS + 16, after);
	walk_and_mark(f);
	assert_int_equal(f->heap.thread_caches, 1);
	assert_int_equal(f->found.blocks, 4); /* the cache, used, after, stale */
	assert_int_equal(f->found.lost, 1);
	assert_int_equal(flags_of(f, stale), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_true(flags_of(f, fast[i]) & HEAP_FREE);
		assert_true(flags_of(f, cached[i]) & HEAP_FREE);
	}
	assert_true(flags_of(f, bin) & HEAP_FREE);
}

/* A mapping of its own, another one with an alignment before it; what the program mapped itself is no block but may hold pointers. */
static void test_mapped(void **state)
{
	struct fixture *f = *state;
	uint64_t from_own = chunk_put(f, 64), from_mapped = chunk_put(f, 64);

	put(f, MAPPED + 8, 16 * PAGE | 2);
	put(f, MAPPED + 128, from_mapped);
	put(f, MAPPED + 16 * PAGE + 48, 48);
	put(f, MAPPED + 16 * PAGE + 56, (16 * PAGE - 48) | 2);
	put(f, MAPPED + 33 * PAGE, from_own);
	put(f, POINTERS, MAPPED + 5000);
	walk_and_mark(f);
	assert_int_equal(f->found.blocks, 4);
	assert_int_equal(f->found.lost, 1);
	assert_int_equal(f->found.lost_bytes, 16 * PAGE);
	assert_int_equal(flags_of(f, MAPPED + 16 * PAGE + 64), 0);
	assert_true(flags_of(f, from_mapped) & HEAP_REACHED);
	assert_true(flags_of(f, from_own) & HEAP_REACHED);
}

/* The arena of another thread, found through the main one. */
static void test_other_arena(void **state)
{
	struct fixture *f = *state;
	uint64_t other = OTHER + 48, kept, lost;

	put(f, OTHER, other);
	arena_put(f, other, MAIN_STATE);
	put(f, MAIN_STATE + BINS_AT + 254 * 8 + 16, other);
	put(f, POINTERS, chunk_put(f, 64));
	assert_int_equal(f->next, HEAP + 64);
	f->next = (other + STATE_BYTES + 15) & ~UINT64_C(15);
	kept = chunk_put(f, 128);
	lost = chunk_put(f, 128);
	put(f, POINTERS + 8, kept);
	top_put(f, other, f->next, OTHER + OTHER_PAGES * PAGE);
	f->next = HEAP + 64;
	walk_and_mark(f);
	assert_int_equal(f->heap.arenas, 2);
	assert_int_equal(f->found.blocks, 3);
	assert_int_equal(flags_of(f, lost), 0);
	assert_true(flags_of(f, kept) & HEAP_REACHED);
}

/* Behind a chunk that makes no sense nothing is judged, and all that lies there may be a pointer. */
static void test_broken(void **state)
{
	struct fixture *f = *state;
	uint64_t before = chunk_put(f, 64), bad = chunk_put(f, 64), behind = chunk_put(f, 64);

	put(f, bad - 8, 13);
	put(f, behind, before);
	assert_int_equal(walk(f), -EAGAIN);
	assert_int_equal(f->heap.broken, 1);
	assert_int_equal(reach_mark(&f->image, &f->heap, &f->found), 0);
	assert_null(heap_block_at(&f->heap, behind));
	assert_true(flags_of(f, before) & HEAP_REACHED);
	assert_int_equal(f->found.lost, 0);
}

static void test_no_arena(void **state)
{
	struct fixture *f = *state;

	memset(f->memory, 0, sizeof(f->memory));
	assert_int_equal(glibc_heap_walk(&f->image, 36, &f->heap), -ENODATA);
}

/* Whatever a copy holds, it is read within its bounds and in bounded time. */
static void test_noise(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = 88172645463325252u;

	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 40; i++)
			chunk_put(f, 32 + 16 * (seed % 20));
		for (unsigned i = 0; i < 60; i++) { /* xorshift, Marsaglia 2003 */
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			put(f, HEAP + seed % 512 * 8, seed & 1 ? seed >> 40 : HEAP + (seed >> 20) % 8192);
		}
		if (f->next > HEAP + 24 * PAGE)
			f->next = HEAP;
		walk(f);
		reach_mark(&f->image, &f->heap, &f->found);
		assert_true(f->found.lost <= f->found.blocks);
		heap_fini(&f->heap);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_roots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mapped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_arena, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_arena, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noise, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
