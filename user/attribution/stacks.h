/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where in the code the gateway's time went: nanoseconds by stack, phase, class and cause. A sample stands for its period, a wait for what
 * of it lay in the phase; the weights of a phase estimate its length, the more of it was on a CPU or waited with a stack. Stacks get
 * their names at any time, mostly at the end. Memory is bounded; what found no room is counted.
 */
#ifndef TOLL_ATTRIBUTION_STACKS_H
#define TOLL_ATTRIBUTION_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "attribution/cause.h"
#include "record/stack.h"

/* In place of a phase: all CPU samples, within requests or not; the cause and the class of these rows are 0. */
#define STACKS_ALL PHASES

struct stacks_name {
	struct record_stack head;
	const char *text; /* head.frames names, each with its NUL, innermost first */
};

struct stacks_row {
	const struct stacks_name *name; /* NULL: the stack got no name, or was not taken */
	uint8_t phase; /* enum phase, or STACKS_ALL */
	uint8_t cause; /* enum cause */
	uint16_t class_index;
	uint64_t ns;
};

struct stacks_stats {
	uint64_t samples, samples_ns;
	uint64_t samples_without_stack;
	uint64_t named, whole,
		copied; /* stacks with names; those that reach their outermost frame; those that were unwound from a copy */
	uint64_t frames, frames_unnamed;
	uint64_t dropped; /* weights that found no room */
	uint64_t toll_ns; /* told of phases in the toll: samples and waits */
	uint64_t in_requests; /* samples that lay within a request */
	uint64_t waits_ns, waits_without_stack_ns; /* blocked in a phase */
};

struct stacks;
struct stacks *stacks_new(void); /* NULL: no memory */
void stacks_free(struct stacks *s);
/* -ENOMEM from all three. The record has passed record_stack_check(). */
int stacks_named(struct stacks *s, const struct record_stack *stack);
int stacks_sampled(struct stacks *s, const struct wire_sample *sample);
/* Of one request, as cause_split() tells it. */
int stacks_told(struct stacks *s, const struct cause_stack *told, uint16_t class_index);
const struct stacks_stats *stacks_stats(const struct stacks *s);
/* Stacks of the same names joined, the largest first; caller frees *rows. -ENOMEM. */
int stacks_rows(const struct stacks *s, struct stacks_row **rows, size_t *count);
/*
 * stacks_fold.c: what flame graph programs read. "phase;cause;outermost;...;innermost ns", or, with all, "outermost;...;innermost ns" of
 * all CPU samples. Returns the number of lines or -errno.
 */
long stacks_fold(const struct stacks *s, bool all, FILE *out);

#endif
