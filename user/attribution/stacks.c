// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define WEIGHTS_MAX 65536
#define NAMES_MAX 65536

/* One weight; `name` of its row is found when rows are asked for. */
struct weight {
	uint64_t stack;
	struct stacks_row row;
};

/* Stacks of the same text share the first one that had it. */
struct name {
	struct stacks_name shown;
	struct name *same;
	char text[];
};

struct stacks {
	struct map *weight; /* by hash of stack, phase, cause and class */
	struct map *name; /* by stack */
	struct map *text; /* by hash of the text: struct name */
	struct stacks_stats stats;
};

struct stacks *stacks_new(void)
{
	struct stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->weight = map_new();
	s->name = map_new();
	s->text = map_new();
	if (!s->weight || !s->name || !s->text) {
		stacks_free(s);
		return NULL;
	}
	return s;
}

void stacks_free(struct stacks *s)
{
	if (!s)
		return;
	map_free_with(s->weight, free);
	map_free_with(s->name, free);
	map_free(s->text);
	free(s);
}

/* FNV-1a, 64 bits */
static uint64_t hash(uint64_t h, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	for (size_t i = 0; i < bytes; i++)
		h = (h ^ at[i]) * UINT64_C(0x100000001b3);
	return h;
}

static bool same_text(const struct name *a, const struct name *b)
{
	return a->shown.head.text_bytes == b->shown.head.text_bytes && !memcmp(a->text, b->text, a->shown.head.text_bytes);
}

static int name_keep(struct stacks *s, struct name *n)
{
	uint64_t key = hash(UINT64_C(0xcbf29ce484222325), n->text, n->shown.head.text_bytes);
	struct name *first = map_get(s->text, key);
	int rc = 0;

	n->same = n;
	if (!first)
		rc = map_put(s->text, key, n);
	else if (same_text(first, n))
		n->same = first;
	return rc ? rc : map_put(s->name, n->shown.head.stack, n);
}

int stacks_named(struct stacks *s, const struct record_stack *stack)
{
	struct name *n;
	int rc;

	/* the first name stays: a stack that was sent twice says the same */
	if (map_get(s->name, stack->stack))
		return 0;
	if (map_count(s->name) >= NAMES_MAX) {
		s->stats.dropped++;
		return 0;
	}
	n = malloc(sizeof(*n) + stack->text_bytes);
	if (!n)
		return -ENOMEM;
	n->shown = (struct stacks_name){.head = *stack, .text = n->text};
	memcpy(n->text, (const char *)stack + sizeof(*stack), stack->text_bytes);
	rc = name_keep(s, n);
	if (rc) {
		free(n);
		return rc;
	}
	s->stats.named++;
	s->stats.whole += !(stack->flags & RECORD_STACK_CUT);
	s->stats.copied += (stack->flags & RECORD_STACK_COPIED) != 0;
	s->stats.frames += stack->frames;
	s->stats.frames_unnamed += stack->unnamed;
	return 0;
}

static int weight_add(struct stacks *s, uint64_t stack, const struct stacks_row *row)
{
	uint64_t where = (uint64_t)row->phase << 32 | (uint64_t)row->cause << 16 | row->class_index;
	uint64_t key = hash(hash(UINT64_C(0xcbf29ce484222325), &stack, sizeof(stack)), &where, sizeof(where));
	struct weight *w = map_get(s->weight, key);
	int rc;

	if (w) {
		w->row.ns += row->ns;
		return 0;
	}
	if (map_count(s->weight) >= WEIGHTS_MAX) {
		s->stats.dropped++;
		return 0;
	}
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct weight){stack, *row};
	w->row.name = NULL;
	rc = map_put(s->weight, key, w);
	if (rc)
		free(w);
	return rc;
}

int stacks_sampled(struct stacks *s, const struct wire_sample *sample)
{
	struct stacks_row row = {.phase = STACKS_ALL, .ns = sample->period_ns};

	s->stats.samples++;
	s->stats.samples_ns += sample->period_ns;
	s->stats.samples_without_stack += !sample->stack;
	return weight_add(s, sample->stack, &row);
}

int stacks_told(struct stacks *s, const struct cause_stack *told, uint16_t class_index)
{
	struct stacks_row row = {
		.phase = (uint8_t)told->phase, .cause = (uint8_t)told->cause, .class_index = class_index, .ns = told->ns};

	if (told->cause == CAUSE_IDLE && !told->stack)
		return 0; /* parked: where, is not looked for */
	s->stats.in_requests += told->first;
	s->stats.waits_ns += told->waited ? told->ns : 0;
	s->stats.waits_without_stack_ns += told->waited && !told->stack ? told->ns : 0;
	s->stats.toll_ns += phase_is_toll(told->phase) ? told->ns : 0;
	return weight_add(s, told->stack, &row);
}

const struct stacks_stats *stacks_stats(const struct stacks *s)
{
	return &s->stats;
}

/* --- rows ----------------------------------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct stacks_row *x = a, *y = b;

	if (x->name != y->name)
		return (uintptr_t)x->name < (uintptr_t)y->name ? -1 : 1;
	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	if (x->cause != y->cause)
		return x->cause < y->cause ? -1 : 1;
	return x->class_index < y->class_index ? -1 : x->class_index > y->class_index;
}

/* Among equals by what does not change from run to run: a replay prints the same order. */
static int by_weight(const void *a, const void *b)
{
	const struct stacks_row *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	if (!x->name != !y->name)
		return x->name ? -1 : 1;
	if (x->name && x->name != y->name) {
		uint32_t bytes =
			x->name->head.text_bytes < y->name->head.text_bytes ? x->name->head.text_bytes : y->name->head.text_bytes;
		int order = memcmp(x->name->text, y->name->text, bytes);

		if (order)
			return order;
	}
	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	if (x->cause != y->cause)
		return x->cause < y->cause ? -1 : 1;
	return x->class_index < y->class_index ? -1 : x->class_index > y->class_index;
}

static size_t rows_join(struct stacks_row *row, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept && !by_place(&row[kept - 1], &row[i]))
			row[kept - 1].ns += row[i].ns;
		else
			row[kept++] = row[i];
	}
	return kept;
}

int stacks_rows(const struct stacks *s, struct stacks_row **rows, size_t *count)
{
	size_t cursor = 0, n = 0;
	uint64_t key;
	void *value;

	*rows = calloc(map_count(s->weight) + 1, sizeof(**rows));
	*count = 0;
	if (!*rows)
		return -ENOMEM;
	while (map_next(s->weight, &cursor, &key, &value)) {
		const struct weight *w = value;
		const struct name *name = map_get(s->name, w->stack);

		(*rows)[n] = w->row;
		(*rows)[n++].name = name ? &name->same->shown : NULL;
	}
	qsort(*rows, n, sizeof(**rows), by_place);
	*count = rows_join(*rows, n);
	qsort(*rows, *count, sizeof(**rows), by_weight);
	return 0;
}
