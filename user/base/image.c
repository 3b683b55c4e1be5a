// SPDX-License-Identifier: GPL-2.0-only
#include "base/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/sorted.h"

void image_fini(struct image *i)
{
	free(i->map);
	free(i->piece);
	free(i->word);
	free(i->sp);
	if (i->copy)
		munmap(i->copy, i->copy_bytes);
	*i = (struct image){.map = NULL};
}

/* Room for one more of `size` bytes. */
static int grow(void **at, size_t count, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *grown;

	if (count < *room)
		return 0;
	grown = reallocarray(*at, more, size);
	if (!grown)
		return -ENOMEM;
	*at = grown;
	*room = more;
	return 0;
}

int image_piece_add(struct image *i, const struct image_piece *piece)
{
	int rc = grow((void **)&i->piece, i->pieces, &i->piece_room, sizeof(*i->piece));

	if (!rc)
		i->piece[i->pieces++] = *piece;
	return rc;
}

int image_word_add(struct image *i, uint64_t word)
{
	int rc = grow((void **)&i->word, i->words, &i->word_room, sizeof(*i->word));

	if (!rc)
		i->word[i->words++] = word;
	return rc;
}

int image_sp_add(struct image *i, uint64_t sp)
{
	int rc = grow((void **)&i->sp, i->sps, &i->sp_room, sizeof(*i->sp));

	if (!rc)
		i->sp[i->sps++] = sp;
	return rc;
}

size_t image_piece_at(const struct image *i, uint64_t address)
{
	size_t low = 0, high = i->pieces;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (i->piece[middle].start + i->piece[middle].bytes <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t image_read(const struct image *i, uint64_t address)
{
	size_t at = image_piece_at(i, address);
	const struct image_piece *p = &i->piece[at];
	uint64_t word;

	if (at == i->pieces || address < p->start || p->bytes < sizeof(word) || address - p->start > p->bytes - sizeof(word))
		return 0;
	memcpy(&word, p->data + (address - p->start), sizeof(word));
	return word;
}

const struct image_map *image_map_at(const struct image *i, uint64_t address)
{
	size_t low = sorted_above(i->map, i->maps, sizeof(*i->map), offsetof(struct image_map, end), address);

	return low < i->maps && address >= i->map[low].start ? &i->map[low] : NULL;
}
