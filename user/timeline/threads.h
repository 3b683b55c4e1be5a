/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each thread of the gateway did: when it was off its CPU and why, its system calls, and the bytes of which connection it
 * touched when. Between two off-CPU periods of a thread lies time on a CPU. Kept for a bounded number of bytes and a bounded
 * age; what had to go early is counted, and a thread says from when on its history is whole.
 */
#ifndef TOLL_TIMELINE_THREADS_H
#define TOLL_TIMELINE_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "bpf/wire.h"
#include "timeline/ring.h"

/* What a thread waited for. */
enum thread_wait {
	THREAD_WAIT_POLL = 0, /* parked: epoll, poll, select, io_uring, accept */
	THREAD_WAIT_TIMER, /* slept */
	THREAD_WAIT_FUTEX, /* a lock, or parked in a condition variable: the records do not tell */
	THREAD_WAIT_DISK,
	THREAD_WAIT_PAGE_FAULT,
	THREAD_WAIT_SWAP,
	THREAD_WAIT_SOCKET, /* in a read or write of a socket or pipe */
	THREAD_WAIT_OTHER,
	THREAD_WAITS,
};
const char *thread_wait_name(enum thread_wait wait); /* "poll" */
bool thread_call_polls(uint16_t nr);

/* Off the CPU: blocked in [out_ns, runnable_ns), waiting for a CPU in [runnable_ns, in_ns). */
struct thread_off {
	uint64_t out_ns, runnable_ns, in_ns;
	uint64_t exec_ns; /* CPU time so far, at out_ns; 0: not known */
	uint32_t held_ns[WIRE_HOLDERS];
	uint32_t waker_tid;
	uint16_t syscall;
	uint16_t flags; /* enum wire_off_flag, THREAD_OFF_HOLE */
	uint64_t stack; /* where it blocked; 0: not taken */
};
/* Before it at least one period is missing: the thread ran far less than the stretch is long. */
#define THREAD_OFF_HOLE 0x8000
/* No period of the thread's: the probes of threads were off. */
#define THREAD_OFF_UNTOLD 0x4000
enum thread_wait thread_off_wait(const struct thread_off *o);

/* Found on its CPU. */
struct thread_sample {
	uint64_t time_ns;
	uint64_t stack;
	uint32_t period_ns;
	uint16_t flags; /* enum wire_sample_flag */
	uint16_t told; /* it was within a request */
};

enum thread_mark_flag {
	THREAD_MARK_OUT = 1, /* it sent; else it read */
	THREAD_MARK_NEUTRAL = 2, /* a connection that tells nothing of whose request it is: a side call, an inner hop */
};
struct thread_mark {
	uint64_t time_ns;
	uint64_t conn;
	uint64_t alloc_ns; /* time in the allocator so far; 0: not told here */
	uint64_t flags;
};

/* Over its whole life, as far as it was watched. */
struct thread_totals {
	uint64_t on_cpu_ns; /* wall clock on a CPU */
	uint64_t run_queue_ns, throttled_ns;
	uint64_t held_ns[WIRE_HOLDERS]; /* of run_queue_ns */
	uint64_t blocked_ns[THREAD_WAITS];
	uint64_t periods;
};

struct thread {
	uint32_t tid, tgid;
	uint8_t role; /* enum wire_role */
	char comm[16];
	uint64_t exit_ns; /* 0: lives */
	uint64_t known_ns; /* history is whole from here on */
	uint64_t calls_known_ns; /* ... and that of calls; UINT64_MAX: none was ever told */
	uint64_t seen_ns; /* newest evidence: nothing is known past it */
	struct ring off, call,
		mark; /* struct thread_off by in_ns, struct wire_syscall by exit_ns, struct thread_mark by time_ns */
	struct ring sample; /* struct thread_sample by time_ns */
	uint64_t call_seen_ns; /* calls are told up to here */
	uint64_t marks_sorted; /* marks below this index are in order */
	struct thread_totals totals;
	struct thread *next;
};

/* Threads of one name, those that have ended too. */
struct thread_group {
	char comm[16];
	uint64_t threads;
	struct thread_totals totals;
};
/* The last one takes all for which there was no room: its name is "". */
#define THREAD_GROUPS 64

struct threads_stats {
	uint64_t threads; /* ever known */
	uint64_t refused; /* past the bound, or no memory */
	uint64_t periods, calls, marks, samples;
	uint64_t dropped; /* records that went before their age, to stay within the bytes */
	uint64_t holes; /* stretches in which records of a thread are missing */
	uint64_t rejected; /* out of order: not used */
};

struct threads {
	struct map *by_tid;
	struct thread *first; /* all of them */
	struct ring_budget budget;
	struct threads_stats stats;
	struct thread_group ended[THREAD_GROUPS]; /* threads that are no longer kept */
	unsigned ended_groups;
	struct ring lookup; /* struct thread_lookup by end */
	struct ring groups; /* struct thread_groups */
	uint64_t off_ns; /* the probes of threads went off; 0: they are on */
	struct thread_mark *scratch; /* to bring marks into order */
	uint64_t scratch_size;
};

/* Groups of probes were switched. */
struct thread_groups {
	uint64_t from_ns;
	uint64_t off; /* enum wire_group */
};

/* A name look-up; end_ns 0: no answer was seen. */
struct thread_lookup {
	uint64_t told_ns; /* when the record was made */
	uint64_t start_ns, end_ns;
	uint64_t tid;
};

int threads_init(struct threads *s, uint64_t bytes_max); /* -ENOMEM */
void threads_fini(struct threads *s);
void threads_life(struct threads *s, const struct wire_thread_life *r);
void threads_off(struct threads *s, const struct wire_off_cpu *r);
void threads_calls(struct threads *s, const struct wire_syscalls *r);
void threads_mark(struct threads *s, uint32_t tid, const struct thread_mark *m);
void threads_sample(struct threads *s, const struct wire_sample *r);
void threads_switched(struct threads *s, const struct wire_groups *r);
void threads_look_up(struct threads *s, const struct wire_lookup *r);
/* Brings late marks into order: due before any of the look-ups below. */
void threads_settle(struct threads *s);
/* Forgets what ended before old_ns, and threads that ended before it. */
void threads_trim(struct threads *s, uint64_t old_ns);

/* All threads of the gateway by name, in no order; returns how many names. */
unsigned threads_groups(const struct threads *s, struct thread_group out[THREAD_GROUPS]);
/* "V8 platform worker (GC, compiler)": what a runtime uses threads of this name for; NULL: not known. */
const char *thread_purpose(const char *comm);

/* Groups that told nothing at some time in [from_ns, to_ns), though they were asked for: enum wire_group. */
unsigned threads_untold(const struct threads *s, uint64_t from_ns, uint64_t to_ns);

/* NULL: no such thread is known. */
const struct thread *threads_find(const struct threads *s, uint32_t tid);
/* Index of the first period that ends after at_ns; of the first call that ends after it; of the first mark after it. */
uint64_t thread_off_after(const struct thread *t, uint64_t at_ns);
uint64_t thread_call_after(const struct thread *t, uint64_t at_ns);
uint64_t thread_mark_after(const struct thread *t, uint64_t at_ns);
/* ... of the first sample at or after it */
uint64_t thread_sample_from(const struct thread *t, uint64_t at_ns);

static inline const struct thread_off *thread_off_at(const struct thread *t, uint64_t index)
{
	return ring_at(&t->off, index);
}

static inline const struct wire_syscall *thread_call_at(const struct thread *t, uint64_t index)
{
	return ring_at(&t->call, index);
}

static inline struct thread_sample *thread_sample_at(const struct thread *t, uint64_t index)
{
	return ring_at(&t->sample, index);
}

static inline const struct thread_mark *thread_mark_at(const struct thread *t, uint64_t index)
{
	return ring_at(&t->mark, index);
}

/* thread_groups.c: for threads.c */
void thread_group_add(struct thread_group *groups, unsigned *count, const struct thread *t);

#endif
