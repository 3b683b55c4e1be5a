/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why a phase of the gateway took its time. The phase's threads are followed from instant to instant, so the causes of a phase add
 * up to it exactly, by construction.
 */
#ifndef TOLL_ATTRIBUTION_CAUSE_H
#define TOLL_ATTRIBUTION_CAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/segments.h"
#include "timeline/threads.h"

/* Names as in the result document; order as printed. */
enum cause {
	CAUSE_OWN_USER = 0, /* on a CPU for this request: the gateway's code */
	CAUSE_OWN_KERNEL, /* ... the kernel in a system call */
	CAUSE_OWN_CPU, /* ... not told apart */
	CAUSE_ALLOCATOR, /* ... in the allocator */
	CAUSE_OTHER_WORK, /* its thread worked for other requests */
	CAUSE_RUN_QUEUE, /* its thread could run and had no CPU */
	CAUSE_THROTTLED, /* ... because its cgroup was out of quota */
	CAUSE_STEAL, /* on a CPU that interrupts or the hypervisor took */
	CAUSE_LOCK,
	CAUSE_DISK,
	CAUSE_PAGE_FAULT,
	CAUSE_SWAP,
	CAUSE_SOCKET, /* in a read or write of a socket or pipe */
	CAUSE_OTHER_BLOCKED,
	CAUSE_IDLE, /* parked: in epoll, in a timer */
	CAUSE_HAND_OFF, /* on its way between two threads */
	CAUSE_UNKNOWN, /* no account of the thread */
	CAUSES,
};
const char *cause_name(enum cause cause); /* "run_queue" */
const char *cause_title(enum cause cause); /* "run queue" */
const char *cause_meaning(enum cause cause); /* "could run, but had no CPU" */

/* The request's own connections; a mark on one of them within its time is this request's. */
struct cause_own {
	uint64_t conn;
	uint64_t from_ns, to_ns;
};
#define CAUSE_OWNS_MAX (TIMELINE_UPSTREAMS_MAX + 1)
uint32_t cause_owns(const struct whole_request *w, struct cause_own out[CAUSE_OWNS_MAX]);

/* What a request's causes are looked for with. */
struct cause_question {
	const struct phase_segment *segment;
	uint32_t segments;
	const struct custody *custody;
	const struct cause_own *own;
	uint32_t owns;
	unsigned untold; /* enum wire_group: what was off at some time of it */
};

/* Where in the code a part of a phase went: a sample of its thread, or a wait. */
struct cause_stack {
	enum phase phase;
	enum cause cause; /* a sample tells user from kernel by itself: CAUSE_OWN_USER, CAUSE_OWN_KERNEL */
	uint64_t stack; /* its key; 0: not taken */
	uint64_t ns;
	bool waited; /* blocked, not on a CPU */
	bool first; /* a sample that was within no request yet */
};

/* Told beside the causes while they are found, of phases in the toll only where nothing else is said; any may be NULL. */
struct cause_witness {
	void *ctx;
	/* a thread was busy with other requests, or let go of a lock that was waited for; tid 0: not known */
	void (*other_work)(void *ctx, uint32_t tid, uint64_t ns);
	void (*lock_released)(void *ctx, uint32_t by_tid, uint64_t ns);
	/* of all phases of the gateway */
	void (*stack)(void *stack_ctx, const struct cause_stack *stack);
	void *stack_ctx;
	void (*in_call)(void *ctx, uint16_t nr, uint64_t ns); /* time in a system call, on a CPU or blocked */
};

struct cause_cut {
	uint64_t ns[PHASES][CAUSES];
	uint64_t held_ns[WIRE_HOLDERS]; /* of the toll's run_queue: who held the CPU */
	uint64_t timer_ns; /* of the toll's idle */
	bool calls_known; /* system calls were told: own CPU is split */
};

/* How finely own work is told apart: what was not told of all requests is told of none. */
enum cause_level {
	CAUSE_LEVEL_ALL = 0,
	CAUSE_LEVEL_NO_ALLOCATOR, /* the allocator's time is part of the code's */
	CAUSE_LEVEL_CPU, /* all of it is own_cpu */
	CAUSE_LEVELS,
};
/* Time by cause, less finely. */
void cause_level_fold(enum cause_level level, uint64_t ns[CAUSES]);
/* The finest for which nothing of this was off. */
enum cause_level cause_level_of(unsigned untold);
/* Pure, but that samples remember to have been told. For each phase the sum over its causes is the sum of its segments. */
void cause_split(const struct threads *threads, const struct cause_question *q, const struct cause_witness *witness,
		 struct cause_cut *out);

#endif
