/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What can a program still find of its heap? A conservative mark (Boehm and Weiser 1988) over a copy of its memory: whatever looks like an
 * address within a block keeps it. What is not reached is lost for certain, unless the program hides its pointers. Pure.
 */
#ifndef TOLL_LEAK_REACH_H
#define TOLL_LEAK_REACH_H

#include "base/image.h"
#include "leak/heap.h"

struct reach {
	uint64_t blocks, bytes; /* in use; bytes with the allocator's headers */
	uint64_t lost, lost_bytes; /* of these: nothing reaches them */
	uint64_t heads, heads_bytes; /* of these: nothing at all points to them, not even what is lost itself */
	uint64_t root_bytes; /* searched for pointers outside of the heap */
};

/*
 * Sets HEAP_REACHED and HEAP_POINTED_TO of h's blocks. Roots: the words of the image, and its memory but for the heap itself and what lies
 * below the stack pointers. Pointers are looked for at multiples of 8, in code at every byte, and without their upper 17 bits, which some
 * programs keep tags in. -ENOMEM.
 */
int reach_mark(const struct image *image, struct heap *h, struct reach *out);

#endif
