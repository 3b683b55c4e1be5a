/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a value stands among structs that are sorted by one of their u64. */
#ifndef TOLL_BASE_SORTED_H
#define TOLL_BASE_SORTED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first of n structs of `bytes`, sorted by the u64 at `offset` within them, whose u64 is above value; n: none is. */
static inline size_t sorted_above(const void *first, size_t n, size_t bytes, size_t offset, uint64_t value)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t at;

		memcpy(&at, (const char *)first + middle * bytes + offset, sizeof(at));
		if (at <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

#endif
