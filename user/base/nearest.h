/* SPDX-License-Identifier: GPL-2.0-only */
/* "Did you mean ...?": the known name nearest to a mistyped one. */
#ifndef TOLL_BASE_NEAREST_H
#define TOLL_BASE_NEAREST_H

#include <stddef.h>

/* How many characters must be inserted, removed, replaced or swapped with their neighbour; words are compared up to 63 characters. */
unsigned nearest_distance(const char *a, const char *b);

struct nearest {
	const char *word;
	const char *name; /* best so far; NULL: none is near */
	unsigned distance;
};

/* Zero-initialise with .word set; offer every known name; then read .name. */
void nearest_offer(struct nearest *n, const char *name);

#endif
