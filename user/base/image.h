/* SPDX-License-Identifier: GPL-2.0-only */
/* A copy of a process' memory as it was at one moment, and what pointed into it from outside of it. */
#ifndef TOLL_BASE_IMAGE_H
#define TOLL_BASE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_map {
	uint64_t start, end;
	bool heap; /* grown by brk */
	bool anonymous; /* of no file, and private */
	bool executable; /* code may hold pointers at any byte */
	bool stack; /* the first thread's, or another one's as far as can be told: below it lies a mapping without any access */
};

/* Bytes in a row, all of one mapping. What of a mapping lies in no piece was never written to, or cannot hold a pointer. */
struct image_piece {
	uint64_t start, bytes;
	const unsigned char *data;
};

/* Zero-initialise; image_fini() frees. */
struct image {
	struct image_map *map; /* by rising address, as the pieces */
	size_t maps;
	struct image_piece *piece;
	size_t pieces, piece_room;
	uint64_t *word; /* pointers, perhaps, that lie in no memory: registers, what the kernel keeps for the process */
	size_t words, word_room;
	uint64_t *sp; /* stack pointers of the threads */
	size_t sps, sp_room;
	unsigned char *copy; /* the pieces' data: mapped, copy_bytes long */
	size_t copy_bytes;
};

void image_fini(struct image *i);
/* -ENOMEM */
int image_piece_add(struct image *i, const struct image_piece *piece);
int image_word_add(struct image *i, uint64_t word);
int image_sp_add(struct image *i, uint64_t sp);
/* The piece that holds the address, else the first one behind it; `pieces`: there is none. */
size_t image_piece_at(const struct image *i, uint64_t address);
/* The 8 bytes at an address; 0 where no copy of them is. */
uint64_t image_read(const struct image *i, uint64_t address);
const struct image_map *image_map_at(const struct image *i, uint64_t address); /* NULL: nothing is mapped there */

#endif
