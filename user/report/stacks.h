/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to user/report: the document's "stacks" as one tree, for the flame graph and the formats that hold stacks.
 *   "stacks": {"rows": [{"kind": "cpu", "frames": ["main", "loop", "parse"], "ns": 1200, "count": 3}, ...]}
 * frames from the outermost to the innermost; kind "cpu" for time on a CPU, "wait" for time off it.
 */
#ifndef TOLL_REPORT_STACKS_H
#define TOLL_REPORT_STACKS_H

#include <jansson.h>
#include <stdint.h>

struct stack_node {
	const char *name; /* borrowed from the document */
	uint64_t ns; /* of it and all below */
	uint64_t self_ns;
	uint32_t parent, first, next; /* indices; 0: none */
	uint32_t depth;
};

struct stack_tree {
	struct stack_node *node; /* [0]: the root, named ""; below it one node for each kind */
	uint32_t nodes, size;
};

/* -ENOENT: the document has no stacks; -ENOMEM. Either way stacks_fini() is safe. */
int stacks_read(struct stack_tree *t, const json_t *doc);
void stacks_fini(struct stack_tree *t);

#endif
