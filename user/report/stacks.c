// SPDX-License-Identifier: GPL-2.0-only
#include "report/stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

static int node_new(struct stack_tree *t, const char *name, uint32_t parent, uint32_t *out)
{
	if (t->nodes == t->size) {
		uint32_t size = t->size ? t->size * 2 : 256;
		struct stack_node *node = realloc(t->node, size * sizeof(*node));
		if (!node)
			return -ENOMEM;
		t->node = node;
		t->size = size;
	}
	*out = t->nodes++;
	t->node[*out] = (struct stack_node){.name = name, .parent = parent, .depth = *out ? t->node[parent].depth + 1 : 0};
	return 0;
}

/* The child of that name, made where names stay in order. */
static int child_of(struct stack_tree *t, uint32_t parent, const char *name, uint32_t *out)
{
	uint32_t before = 0, at = t->node[parent].first;
	int order = 1;

	while (at && (order = strcmp(name, t->node[at].name)) > 0) {
		before = at;
		at = t->node[at].next;
	}
	if (at && !order) {
		*out = at;
		return 0;
	}
	int rc = node_new(t, name, parent, out);
	if (rc)
		return rc;
	t->node[*out].next = at;
	if (before)
		t->node[before].next = *out;
	else
		t->node[parent].first = *out;
	return 0;
}

/* What a thread does on a CPU; every other cause is a wait. */
static bool is_work(const char *cause)
{
	static const char *const names[] = {"own_user", "own_kernel", "own_cpu", "allocator", "other_work"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(cause, names[i]))
			return true;
	return false;
}

static int row_add(struct stack_tree *t, const json_t *row, enum stacks_which which)
{
	const char *cause = text_string(row, "cause");
	bool waits = which == STACKS_OF_TOLL && !is_work(cause);
	uint64_t ns = text_u64(row, "ns");
	uint32_t at = 0;
	json_t *frame;
	size_t i;
	int rc = which == STACKS_OF_TOLL ? child_of(t, 0, cause, &at) : 0;

	if (!rc)
		t->node[at].waits = waits;
	json_array_foreach (json_object_get(row, "frames"), i, frame) {
		if (rc || !json_is_string(frame))
			continue;
		rc = child_of(t, at, json_string_value(frame), &at);
		if (!rc)
			t->node[at].waits = waits;
	}
	if (rc)
		return rc;
	t->node[at].self_ns += ns;
	for (;; at = t->node[at].parent) {
		t->node[at].ns += ns;
		if (!at)
			return 0;
	}
}

int stacks_read(struct stack_tree *t, const json_t *doc, enum stacks_which which)
{
	const json_t *rows = json_object_get(json_object_get(doc, "stacks"), "folded");
	uint32_t root;
	json_t *row;
	size_t i;

	*t = (struct stack_tree){0};
	int rc = node_new(t, "", 0, &root);
	json_array_foreach (rows, i, row) {
		if (!rc && (json_object_get(row, "phase") != NULL) == (which == STACKS_OF_TOLL))
			rc = row_add(t, row, which);
	}
	return rc ? rc : t->node[0].ns ? 0 : -ENOENT;
}

void stacks_fini(struct stack_tree *t)
{
	free(t->node);
	*t = (struct stack_tree){0};
}
