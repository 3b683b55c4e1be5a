/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the code of a process lies: the executable lines of /proc/PID/maps. */
#ifndef TOLL_SYMBOL_MAPS_H
#define TOLL_SYMBOL_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct map_range {
	uint64_t start, end;
};

struct code_map {
	struct map_range at;
	uint64_t offset; /* in the file */
	uint64_t device, inode; /* inode 0: no file */
	bool deleted; /* the file has lost its name */
	char *path; /* as the process' own mount namespace names it; "": no file, "[vdso]" ... */
};

/* Zero-initialise; code_maps_fini frees. By rising address. */
struct code_maps {
	struct code_map *map;
	size_t count;
};

/* -ENOMEM; lines that are none are skipped. */
int code_maps_parse(FILE *in, struct code_maps *out);
/* -ENOENT: the process is gone. */
int code_maps_read(uint32_t pid, struct code_maps *out);
const struct code_map *code_maps_find(const struct code_maps *maps, uint64_t address); /* NULL: no code there */
/*
 * At most `max` ranges that cover all code: neighbours are joined over the smallest gaps until they fit. Returns how many.
 */
unsigned code_maps_ranges(const struct code_maps *maps, struct map_range *out, unsigned max);
void code_maps_fini(struct code_maps *maps);

#endif
