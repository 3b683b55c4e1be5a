/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which functions of a process hand out memory, and where in them a uprobe sits: glibc, musl, jemalloc, tcmalloc, mimalloc, shared or
 * linked in. /proc and ELF files only, no libbpf. What cannot be found is told in sentences, never left out in silence.
 */
#ifndef TOLL_PROBE_ALLOCATOR_H
#define TOLL_PROBE_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/wire.h"
#include "probe/elf_file.h"
#include "probe/placement.h"

#define ALLOCATOR_FILES_MAX 8
#define ALLOCATOR_FUNCTIONS_MAX 48
#define ALLOCATOR_NOTES_MAX 6

struct allocator_file {
	char shown[200]; /* as the process calls it: "/usr/lib/x86_64-linux-gnu/libc.so.6" */
	char open_path[280]; /* where we and the kernel open the very same file, deleted or in another mount namespace */
	char family[24]; /* "glibc", "jemalloc" ... */
	uint64_t device, inode;
};

struct allocator_function {
	char name[80]; /* "malloc", "free, operator delete": names that share one address */
	enum wire_alloc_kind kind;
	unsigned file;
	uint64_t entry; /* of the function in the file */
	bool hands_on; /* alignments that malloc gives anyway go on to malloc of the same file, which counts them */
	bool entry_only; /* a return probe would be unsafe here (Go): no latency, no failures */
	struct placement place;
};

struct allocators {
	struct allocator_file file[ALLOCATOR_FILES_MAX];
	unsigned files;
	struct allocator_function function[ALLOCATOR_FUNCTIONS_MAX];
	unsigned functions;
	char note[ALLOCATOR_NOTES_MAX][240]; /* what cannot be measured, and what is seen instead */
	unsigned notes;
	const char *runtime; /* that keeps its objects in a heap of its own: "Go", "V8", "the JVM"; NULL: none */
};

/* Fills out for one process; functions may be 0, then notes say why. -ESRCH: gone; -EACCES: not ours to see. */
int allocators_find(uint32_t pid, struct allocators *out, struct err *err);
/*
 * The allocator functions of one file, into out as its file number `file`. go: the process is a Go program. Returns how many were added.
 * Split off for tests and fuzzing.
 */
unsigned allocators_add_file(struct allocators *out, unsigned file, const struct elf_file *elf, bool go);

#endif
