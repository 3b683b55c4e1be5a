/* SPDX-License-Identifier: GPL-2.0-only */
/* A watched process: its address space (shared with others like it), and the names that its JIT has written. Private to symbol/. */
#ifndef TOLL_SYMBOL_PROCESS_H
#define TOLL_SYMBOL_PROCESS_H

#include "symbol/space.h"
#include "symbol/table.h"

struct process {
	uint32_t pid;
	uint32_t pid_inside; /* as it calls itself, in its own pid namespace */
	int root; /* its root directory, held open: perf-PID.map is read after the process has ended too. -1 */
	struct space *space; /* not owned; NULL: never seen alive */
	uint64_t looked_ns; /* when its mappings were read because an address lay in none */
	bool jit_read;
	struct table jit;
};

struct process *process_new(uint32_t pid); /* NULL: no memory */
void process_free(struct process *p);
/* The name that a JIT gave to the code at address; NULL. Reads /tmp/perf-PID.map at its first use. */
const char *process_jit_name(struct process *p, uint64_t address);

#endif
