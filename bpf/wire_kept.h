/* SPDX-License-Identifier: GPL-2.0-only */
/* Part of wire.h, which includes it and is what others include: things that are taken, and the sites that take them. */
#ifndef TOLL_WIRE_KEPT_H
#define TOLL_WIRE_KEPT_H

/* What a process takes and may keep. */
enum wire_kept_kind {
	WIRE_KEPT_BLOCK = 0, /* of an allocator; by address */
	WIRE_KEPT_DESCRIPTOR = 1, /* by number */
	WIRE_KEPT_MAPPING = 2, /* anonymous and writable; by address */
	WIRE_KEPT_THREAD = 3, /* by thread id, as its process numbers it */
	WIRE_KEPT_HEAP = 4, /* growth by brk: how much, from where; its end is not seen */
	WIRE_KEPT_TOUCH = 5, /* pages that were first written to; their end is not seen */
	WIRE_KEPT_KINDS = 6,
};

/*
 * Blocks are followed or not by their address, so that both ends of one decide alike: those whose hash has none of the mask's bits. Fibonacci
 * hashing: blocks of one size lie at even distances, and must not all be followed or none.
 */
#define WIRE_BLOCK_IS_FOLLOWED(address, mask) (!((wire_u32)(((address) >> 4) * 0x9e3779b97f4a7c15ULL >> 40) & (mask)))

/* A thing that was taken and not yet given back. */
struct wire_block_key {
	wire_u64 address; /* or number */
	wire_u32 tgid;
	wire_u32 kind; /* enum wire_kept_kind */
};
struct wire_block {
	wire_u64 site; /* key of the stack that took it; 0: none is meant */
	wire_u64 birth_ns;
	wire_u64
		held_bytes; /* with the allocator's own header and rounding where they are known (glibc), else as asked for; 1: no memory */
	wire_u32 window; /* in which it was taken */
	wire_u32 weight; /* one address in so many was followed then */
};

/*
 * Where blocks come from, one stack of one process; counts and bytes stand for all blocks: each counts its weight. life: ages at which blocks of
 * the current window were given back, by powers of two from 2^16 ns on; what is younger is in the first.
 */
#define WIRE_SITE_LIVES 32
#define WIRE_SITE_LIFE_SHIFT 16
struct wire_site {
	wire_u64 first_ns, last_ns; /* when a block was first and last taken here */
	wire_u64 born, born_bytes, asked_bytes; /* born_bytes is held */
	wire_u64 squared_bytes; /* of weight * held, in units of 256: for the sampling error */
	wire_u64 freed, freed_bytes; /* in the window in which they were taken */
	wire_u64 gone, gone_bytes; /* later: given back, or the address was handed out anew */
	wire_u32 tgid;
	wire_u32 kind; /* enum wire_kept_kind */
	wire_u64 life[WIRE_SITE_LIVES];
};

_Static_assert(sizeof(struct wire_block_key) == 16, "layout of wire_block_key");
_Static_assert(sizeof(struct wire_block) == 32, "layout of wire_block");
_Static_assert(sizeof(struct wire_site) == 88 + 8 * WIRE_SITE_LIVES, "layout of wire_site");

#endif
