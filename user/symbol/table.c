// SPDX-License-Identifier: GPL-2.0-only
#include "symbol/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sorted.h"

#define ENTRIES_FIRST 64
#define TEXT_FIRST 1024
#define RANK_SHIFT 28
#define OVERLAPS_MAX 32 /* names that lie over each other: a JIT reuses addresses, a symbol holds smaller ones */

static int grow(void **data, size_t *room, size_t want, size_t first, size_t bytes_each)
{
	size_t more = *room ? *room : first;
	void *moved;

	if (want <= *room)
		return 0;
	while (more < want)
		more *= 2;
	moved = realloc(*data, more * bytes_each);
	if (!moved)
		return -ENOMEM;
	*data = moved;
	*room = more;
	return 0;
}

int table_add(struct table *t, uint64_t start, uint64_t size, unsigned rank, const char *name, size_t name_bytes)
{
	void *entry = t->entry, *text = t->text;
	int rc;

	if ((t->entries_max && t->count >= t->entries_max) || t->text_used + name_bytes + 1 > UINT32_MAX) {
		t->dropped++;
		return 0;
	}
	rc = grow(&entry, &t->room, t->count + 1, ENTRIES_FIRST, sizeof(*t->entry));
	t->entry = entry;
	if (!rc)
		rc = grow(&text, &t->text_room, t->text_used + name_bytes + 1, TEXT_FIRST, 1);
	t->text = text;
	if (rc)
		return rc;
	t->entry[t->count] = (struct table_entry){
		.start = start,
		.end = size > UINT64_MAX - start ? UINT64_MAX : start + size,
		.name = (uint32_t)t->text_used,
		.order = (rank & 15) << RANK_SHIFT | ((uint32_t)t->count & ((1u << RANK_SHIFT) - 1)),
	};
	t->count++;
	memcpy(t->text + t->text_used, name, name_bytes);
	t->text[t->text_used + name_bytes] = '\0';
	t->text_used += name_bytes + 1;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct table_entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void table_seal(struct table *t)
{
	uint64_t next = UINT64_MAX, after = UINT64_MAX; /* the next start, and the start that all of the same start end at */

	if (t->count)
		qsort(t->entry, t->count, sizeof(*t->entry), compare);
	for (size_t i = t->count; i-- > 0;) {
		struct table_entry *e = &t->entry[i];

		if (e->start != next) {
			after = next;
			next = e->start;
		}
		if (e->end == e->start)
			e->end = after;
	}
}

const char *table_find(const struct table *t, uint64_t address)
{
	size_t low = sorted_above(t->entry, t->count, sizeof(*t->entry), offsetof(struct table_entry, start), address);

	for (size_t n = 0; low > 0 && n < OVERLAPS_MAX; n++) {
		const struct table_entry *e = &t->entry[--low];

		if (address < e->end)
			return t->text + e->name;
	}
	return NULL;
}

void table_fini(struct table *t)
{
	free(t->entry);
	free(t->text);
	*t = (struct table){0};
}
