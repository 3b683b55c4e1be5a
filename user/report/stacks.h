/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: the document's stacks as a tree, for the flame graph and the formats that hold stacks. */
#ifndef TOLL_REPORT_STACKS_H
#define TOLL_REPORT_STACKS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum stacks_which {
	STACKS_OF_TOLL, /* inside the gateway's phases, CPU and waits; below the root one node for each cause */
	STACKS_OF_CPU, /* all of the gateway's time on a CPU, within requests or not */
};

struct stack_node {
	const char *name; /* borrowed from the document, or a word of ours */
	uint64_t ns; /* of it and all below */
	uint64_t self_ns;
	uint32_t parent, first, next; /* indices; 0: none */
	uint32_t depth;
	bool waits; /* off the CPU */
};

struct stack_tree {
	struct stack_node *node; /* [0]: the root, named "" */
	uint32_t nodes, size;
};

/* -ENOENT: the document has no such stacks; -ENOMEM. Either way stacks_fini() is safe. */
int stacks_read(struct stack_tree *t, const json_t *doc, enum stacks_which which);
void stacks_fini(struct stack_tree *t);

#endif
