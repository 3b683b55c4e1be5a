/* SPDX-License-Identifier: GPL-2.0-only */
/* Names by address: filled in any order, sealed once, then searched. One thread. */
#ifndef TOLL_SYMBOL_TABLE_H
#define TOLL_SYMBOL_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table_entry {
	uint64_t start, end;
	uint32_t name; /* offset into the text */
	uint32_t order; /* of two at one address the higher one wins */
};

/* Zero-initialise; table_fini frees. */
struct table {
	struct table_entry *entry;
	size_t count, room;
	char *text;
	size_t text_used, text_room;
	size_t entries_max; /* 0: no bound; more are dropped and counted */
	uint64_t dropped;
};

/* size 0: up to the next one. rank (0 .. 15): preferred among several names of one address; at the same rank the later one. -ENOMEM. */
int table_add(struct table *t, uint64_t start, uint64_t size, unsigned rank, const char *name, size_t name_bytes);
void table_seal(struct table *t);
/* NULL: no name there. */
const char *table_find(const struct table *t, uint64_t address);
void table_fini(struct table *t);

#endif
