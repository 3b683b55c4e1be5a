/* SPDX-License-Identifier: GPL-2.0-only */
/* One thread followed from instant to instant for one request. Private to this room. */
#ifndef TOLL_ATTRIBUTION_WALK_H
#define TOLL_ATTRIBUTION_WALK_H

#include "attribution/cause.h"

struct walk {
	const struct threads *threads;
	const struct cause_question *question;
	const struct cause_witness *witness;
	struct cause_cut *out;
	enum phase phase;
	bool toll;
	bool custody; /* the thread has the request in its hands: what tells nothing else is its own work */
	bool borrowed; /* ... for as long as another thread waits for the result */
	uint64_t taken_ns; /* other work that was done by then is over: this thread took the request over; 0: had it before */
	uint64_t window_ns; /* when it came into these hands, or began to wait for them */
};

void walk_add(struct walk *w, enum cause cause, uint64_t ns);
/* Gives every instant of [from_ns, to_ns) a cause, told by what this thread did then. t may be NULL: unknown. */
void walk_thread(struct walk *w, const struct thread *t, uint64_t from_ns, uint64_t to_ns);

/* walk_cpu.c: a stretch on a CPU, between the off-CPU periods next_off - 1 and next_off. Returns how much of it was own work. */
uint64_t walk_cpu(struct walk *w, const struct thread *t, uint64_t next_off, uint64_t from_ns, uint64_t to_ns);
/* Moves what the allocator took out of own_ns of own work done in [from_ns, to_ns). */
void walk_allocator(struct walk *w, const struct thread *t, uint64_t from_ns, uint64_t to_ns, uint64_t own_ns);

enum walk_owner { WALK_NEUTRAL, WALK_OWN, WALK_OTHER };
enum walk_owner walk_mark_owner(const struct cause_question *q, const struct thread_mark *m);

/* The thread waits for whatever comes next: what it does after that is another errand. */
bool walk_parks(const struct thread *t, const struct thread_off *o);

#endif
