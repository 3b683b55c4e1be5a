// SPDX-License-Identifier: GPL-2.0-only
#include "leak/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD 8
#define ADDRESS_MASK UINT64_C(0x7fffffffffff) /* of user space: 47 bits */
#define RED_ZONE_BYTES 128 /* below a stack pointer, x86-64 psABI 3.2.2 */

struct range {
	uint64_t start, end;
};

struct mark {
	const struct image *image;
	struct heap *heap;
	uint32_t *waiting; /* blocks that were reached and not looked into yet */
	size_t waits;
	struct range *apart; /* no roots, by rising address */
	size_t aparts;
	uint32_t flag; /* what a block that is found gets */
	const struct heap_block *self; /* a pointer of a block to itself tells nothing */
	struct reach *seen;
};

static void found(struct mark *m, uint64_t word)
{
	struct heap_block *b = heap_block_of(m->heap, word & ADDRESS_MASK);

	if (!b || b == m->self || b->flags & (HEAP_FREE | HEAP_REACHED | m->flag))
		return;
	b->flags |= m->flag;
	if (m->flag == HEAP_REACHED)
		m->waiting[m->waits++] = (uint32_t)(b - m->heap->block);
}

static void bytes_search(struct mark *m, const unsigned char *data, uint64_t bytes, unsigned step)
{
	for (uint64_t at = 0; at + WORD <= bytes; at += step) {
		uint64_t word;

		memcpy(&word, data + at, sizeof(word));
		if (word)
			found(m, word);
	}
}

/* --- roots ------------------------------------------------------------------------------------------------------------------------ */

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* The heap, and of each stack what its thread has left. */
static int aparts_make(struct mark *m)
{
	const struct image *image = m->image;

	m->apart = calloc(m->heap->ranges + image->sps + 1, sizeof(*m->apart));
	if (!m->apart)
		return -ENOMEM;
	for (size_t i = 0; i < m->heap->ranges; i++)
		m->apart[m->aparts++] = (struct range){m->heap->range[i].start, m->heap->range[i].end};
	for (size_t i = 0; i < image->sps; i++) {
		const struct image_map *map = image_map_at(image, image->sp[i]);

		if (map && map->stack && image->sp[i] - map->start > RED_ZONE_BYTES)
			m->apart[m->aparts++] = (struct range){map->start, (image->sp[i] - RED_ZONE_BYTES) & ~(uint64_t)7};
	}
	qsort(m->apart, m->aparts, sizeof(*m->apart), by_start);
	return 0;
}

static void piece_search(struct mark *m, const struct image_piece *p, size_t *apart)
{
	const struct image_map *map = image_map_at(m->image, p->start);
	uint64_t at = p->start, end = p->start + p->bytes;
	unsigned step = map && map->executable ? 1 : WORD;

	while (*apart < m->aparts && m->apart[*apart].end <= at)
		(*apart)++;
	for (size_t i = *apart; at < end; i++) {
		uint64_t until = i < m->aparts && m->apart[i].start < end ? m->apart[i].start : end;

		if (until > at) {
			bytes_search(m, p->data + (at - p->start), until - at, step);
			m->seen->root_bytes += until - at;
		}
		if (until == end)
			break;
		if (m->apart[i].end > at)
			at = m->apart[i].end;
	}
}

static void roots_search(struct mark *m)
{
	size_t apart = 0;

	for (size_t i = 0; i < m->image->words; i++)
		found(m, m->image->word[i]);
	for (size_t i = 0; i < m->image->pieces; i++)
		piece_search(m, &m->image->piece[i], &apart);
}

/* --- blocks ----------------------------------------------------------------------------------------------------------------------- */

static void block_search(struct mark *m, const struct heap_block *b)
{
	const struct image *image = m->image;
	uint64_t at = b->address, end = b->address + b->bytes;

	for (size_t i = image_piece_at(image, at); i < image->pieces && image->piece[i].start < end; i++) {
		const struct image_piece *p = &image->piece[i];
		uint64_t from = p->start > at ? p->start : at, behind = p->start + p->bytes < end ? p->start + p->bytes : end;

		bytes_search(m, p->data + (from - p->start), behind - from, WORD);
	}
}

static void waiting_search(struct mark *m)
{
	while (m->waits)
		block_search(m, &m->heap->block[m->waiting[--m->waits]]);
}

/* Of what is lost, that which other lost blocks point to; a ring has no head. */
static void lost_search(struct mark *m)
{
	m->flag = HEAP_POINTED_TO;
	for (size_t i = 0; i < m->heap->blocks; i++) {
		if (!(m->heap->block[i].flags & (HEAP_FREE | HEAP_REACHED))) {
			m->self = &m->heap->block[i];
			block_search(m, m->self);
		}
	}
}

static void count(const struct heap *h, struct reach *out)
{
	for (size_t i = 0; i < h->blocks; i++) {
		const struct heap_block *b = &h->block[i];
		uint64_t bytes = b->bytes + b->overhead_bytes;

		if (b->flags & HEAP_FREE)
			continue;
		out->blocks++;
		out->bytes += bytes;
		if (b->flags & HEAP_REACHED)
			continue;
		out->lost++;
		out->lost_bytes += bytes;
		if (b->flags & HEAP_POINTED_TO)
			continue;
		out->heads++;
		out->heads_bytes += bytes;
	}
}

int reach_mark(const struct image *image, struct heap *h, struct reach *out)
{
	struct mark m = {.image = image, .heap = h, .flag = HEAP_REACHED, .seen = out};
	int rc;

	*out = (struct reach){0};
	m.waiting = calloc(h->blocks + 1, sizeof(*m.waiting));
	rc = m.waiting ? aparts_make(&m) : -ENOMEM;
	if (!rc) {
		roots_search(&m);
		waiting_search(&m);
		lost_search(&m);
		count(h, out);
	}
	free(m.waiting);
	free(m.apart);
	return rc;
}
