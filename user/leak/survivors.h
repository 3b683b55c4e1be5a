/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who takes memory and does not give it back: blocks followed in windows, by the stack that took them. A block that is still there when its
 * window closes has lived that long at least (it is censored): what share of a site's blocks outlives any age follows from a life table.
 * Pure; one thread.
 */
#ifndef TOLL_LEAK_SURVIVORS_H
#define TOLL_LEAK_SURVIVORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"

#define SURVIVORS_Z 1.96 /* 95 % of a normal distribution */

/* By age: deaths and censored lives, buckets as struct wire_site has them. */
struct life_table {
	uint64_t died[WIRE_SITE_LIVES];
	uint64_t censored[WIRE_SITE_LIVES];
};
unsigned life_bucket(uint64_t age_ns);
/*
 * Share of blocks that outlive the last age at which any were watched, and that age: the actuarial estimator (Cutler and Ederer 1958), which
 * takes those censored within a bucket as at risk for half of it. 0 blocks: 0.
 */
double life_survival(const struct life_table *t, double *until_s);

/* What a search of the heap for pointers says of a followed block. */
enum survivor_fate {
	SURVIVOR_REACHED = 0,
	SURVIVOR_LOST = 1, /* nothing points to it, or only what is lost itself */
	SURVIVOR_GONE = 2, /* given back out of our sight */
	SURVIVOR_FATES = 3,
};

struct survivor_row {
	uint32_t kind; /* enum wire_kept_kind: sites of two kinds are never joined */
	const char *text; /* frames names, each with its NUL, innermost first; "" and 0 frames: the stack got no names */
	unsigned frames;
	uint64_t first_ns, last_ns; /* when it first and last took a block in a window */
	/* estimates for all addresses, in windows; bytes with the allocator's own header and rounding where they are known */
	uint64_t taken, taken_bytes, asked_bytes;
	uint64_t freed; /* in the window in which they were taken */
	uint64_t carried, gone; /* there when a window closed and another one opened; seen to be gone later */
	uint64_t alive, alive_bytes; /* followed blocks that are there at the end */
	uint64_t youngest_ns, oldest_ns; /* ages of those */
	double survival, until_s; /* life_survival() */
	double kept_bytes, kept; /* of those taken: never given back, as far as was seen */
	double kept_error_bytes; /* standard error */
	double one_window_share; /* of the alive bytes: of the window that took most of them; 0: all sites' are of one window */
	uint64_t fate[SURVIVOR_FATES],
		fate_bytes[SURVIVOR_FATES]; /* of followed blocks, where a heap was searched for pointers to them */
};

struct survivors;
struct survivors *survivors_new(void); /* NULL: no memory */
void survivors_free(struct survivors *s);
/* All that follow: -ENOMEM. The state of a site, cumulative: the last one counts. */
int survivors_site(struct survivors *s, uint64_t key, const struct wire_site *site);
/* A block that was taken in the window that closes at now_ns, and is still there. again: another window will open. */
int survivors_censored(struct survivors *s, const struct wire_block *block, uint64_t now_ns, bool again);
/* A block that was carried over, and is not followed any more. */
void survivors_forgotten(struct survivors *s, const struct wire_block *block);
/* A block that is there at the end, whenever it was taken. */
int survivors_alive(struct survivors *s, const struct wire_block *block, uint64_t now_ns);
/* bytes: as the heap has it. */
int survivors_fate(struct survivors *s, const struct wire_block *block, enum survivor_fate fate, uint64_t bytes);
/* What a site's stack is called: `frames` names as in struct survivor_row, `bytes` in all. */
int survivors_named(struct survivors *s, uint64_t key, const char *text, uint32_t bytes, unsigned frames);
/* Sites of the same names joined, by kind, those that surely keep most bytes, and not of one window alone, first; caller frees *rows; texts belong to s. */
int survivors_rows(const struct survivors *s, struct survivor_row **rows, size_t *count);

#endif
