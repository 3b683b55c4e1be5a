/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From the kernel's stack records to named stacks. What a process maps is noted, and its files are opened, when it is first seen; the
 * names are looked up later, when that costs the measured load nothing. One thread: the session's.
 */
#ifndef TOLL_SYMBOL_SYMBOLS_H
#define TOLL_SYMBOL_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "record/stack.h"
#include "symbol/maps.h"

struct symbols;

struct symbols_config {
	uint64_t waiting_bytes_max; /* stacks that wait for their names; past it they are named at once. 0: 8 MiB */
	/* each named stack: its record, `bytes` with the text behind it; other than 0 ends the naming and is returned */
	int (*named)(void *ctx, const struct record_stack *stack, uint32_t bytes);
	void *ctx;
	const struct symbols *files; /* whose files are opened and read for both; may be freed first. NULL: nobody's */
};

struct symbols_stats {
	uint64_t stacks, whole, cut; /* whole + cut == stacks: was the outermost user frame reached? */
	uint64_t copied; /* unwound from a copy of the stack */
	uint64_t frames, unnamed;
	uint64_t without_process; /* stacks of processes that were gone before they were seen, or too many */
	bool kernel_hidden; /* /proc/kallsyms tells no addresses here */
};

struct symbols *symbols_new(const struct symbols_config *config); /* NULL: no memory */
void symbols_free(struct symbols *s);
/* Notes what process pid maps, again where it is known; *maps (may be NULL): its code, until the next call. -ENOENT, -ENOMEM. */
int symbols_watch(struct symbols *s, uint32_t pid, const struct code_maps **maps);
/* Does the program that pid runs keep frame pointers? false: no, or not known. */
bool symbols_frame_pointers(const struct symbols *s, uint32_t pid);
/* Is the address in code of pid that is known? */
bool symbols_covers(const struct symbols *s, uint32_t pid, uint64_t address);
/*
 * A WIRE_KIND_STACK that has passed capture_wire_check(); copied. Where its code was not known the process is looked at again; *changed
 * (may be NULL) is then what it maps now, until the next call, else NULL.
 */
int symbols_take(struct symbols *s, const struct wire_stack *stack, const struct code_maps **changed);
/* Names all that wait. */
int symbols_name(struct symbols *s);
const struct symbols_stats *symbols_stats(const struct symbols *s);

#endif
