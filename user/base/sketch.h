/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small distribution, for when there are thousands of them: 32 buckets per power of two, only those that hold something. A value read
 * back is at most 1/64 = 1.6 % off, exact below 64. Merging is exact. struct hist is the finer one.
 */
#ifndef TOLL_BASE_SKETCH_H
#define TOLL_BASE_SKETCH_H

#include <stdint.h>

struct sketch_bucket {
	uint32_t index;
	uint32_t count; /* saturates */
};

/* Zero-initialise; sketch_fini() frees. */
struct sketch {
	struct sketch_bucket *at; /* by index, rising */
	uint32_t used, size;
	uint64_t count;
};

/* 0 or -ENOMEM (the value is then not in it). */
int sketch_record(struct sketch *s, uint64_t value);
int sketch_merge(struct sketch *into, const struct sketch *from);
/* q in [0, 100], nearest rank; 0 when empty. */
uint64_t sketch_percentile(const struct sketch *s, double q);
uint64_t sketch_bucket_value(uint32_t index); /* the middle of the bucket */
void sketch_fini(struct sketch *s);

#endif
