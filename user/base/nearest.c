// SPDX-License-Identifier: GPL-2.0-only
#include "base/nearest.h"

#include <string.h>

#define WORD_MAX 63

static unsigned min_u(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein with swaps of neighbours; three rows are enough. */
unsigned nearest_distance(const char *a, const char *b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];
	size_t na = strnlen(a, WORD_MAX), nb = strnlen(b, WORD_MAX), i, j;

	for (j = 0; j <= nb; j++)
		above[j] = before[j] = (unsigned)j;
	for (i = 1; i <= na; i++) {
		unsigned *spare = before;

		row[0] = (unsigned)i;
		for (j = 1; j <= nb; j++) {
			row[j] = min_u(min_u(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min_u(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[nb];
}

void nearest_offer(struct nearest *n, const char *name)
{
	unsigned distance = nearest_distance(n->word, name);

	/* farther than a third of the word is a guess, not a typing error */
	if (distance > strlen(n->word) / 3 + 1 || (n->name && distance >= n->distance))
		return;
	n->name = name;
	n->distance = distance;
}
