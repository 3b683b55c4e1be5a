/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The files that are mapped as code in one or more processes: names of addresses, and call chains out of copied stacks. The files are
 * opened once, so a program that is replaced or ends afterwards still has its names. One thread. Private to symbol/.
 */
#ifndef TOLL_SYMBOL_SPACE_H
#define TOLL_SYMBOL_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "symbol/maps.h"

struct space;

/* Opens what `maps` (taken over, emptied) names in process pid; files that cannot be opened have no names. -ENOMEM. */
int space_new(struct space **out, uint32_t pid, struct code_maps *maps);
void space_free(struct space *s);
/* The same files at the same addresses: workers that were forked share one space. */
bool space_is(const struct space *s, const struct code_maps *maps);
const struct code_maps *space_maps(const struct space *s);

/* Does the code at `in` keep frame pointers? Told by its unwind information; Go always does. */
bool space_frame_pointers(struct space *s, const struct map_range *in);

struct chain {
	uint64_t address[WIRE_STACK_FRAMES_MAX]; /* innermost first; within the call instruction for all but the first */
	unsigned frames;
	bool whole; /* the outermost frame was reached */
};
/* From the registers and the copy behind the record's frames, by call frame information and, where there is none, frame pointers. */
void space_unwind(struct space *s, const struct wire_stack *stack, const void *copy, struct chain *out);

enum space_name {
	SPACE_NO_NAME = 0, /* no code of a file */
	SPACE_FUNCTION = 1, /* a symbol */
	SPACE_FILE = 2, /* no symbol: "file+0x1234", where its function begins if the unwind information tells */
};
enum space_name space_name(struct space *s, uint64_t mapped, char *out, size_t size);

#endif
