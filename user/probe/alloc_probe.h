/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocator calls of the gateway's processes: calls, bytes, failures and latency by function. Each process' own copy of a library is
 * probed, so nobody else who uses it pays. On and off at any time (duty cycle); figures add up over all that it was on. One thread.
 */
#ifndef TOLL_PROBE_ALLOC_PROBE_H
#define TOLL_PROBE_ALLOC_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/wire.h"
#include "probe/placement.h"

/* How a program is put on a function. */
enum uprobe_link_kind {
	UPROBE_LINK_BEST = 0, /* the first of the others that this kernel takes */
	UPROBE_LINK_SESSION = 1, /* one link, both ends: 6.13 */
	UPROBE_LINK_MULTI = 2, /* one link for all entries, one for all returns: 6.6 */
	UPROBE_LINK_PERF = 3, /* two perf events for each function */
	UPROBE_LINKS = 4,
};
const char *uprobe_link_name(enum uprobe_link_kind kind);

struct alloc_probe_config {
	enum uprobe_link_kind link;
	int threads_map_fd; /* probe_alloc_threads_fd(); -1: marks do not carry the allocator's time */
	uint32_t bias_ns[PROBE_INSNS]; /* what a probe adds to the latency of a call, by kind of instruction (calibrated) */
};

struct alloc_probe; /* opaque */
int alloc_probe_open(struct alloc_probe **out, const struct alloc_probe_config *config, struct err *err);
void alloc_probe_close(struct alloc_probe *p); /* NULL is fine */
enum uprobe_link_kind alloc_probe_link(const struct alloc_probe *p);
/* Adds a process (once, however often it is called) and puts the probes on it if they are on. Without an allocator function it is none the less 0: notes tell. */
int alloc_probe_add(struct alloc_probe *p, uint32_t pid, struct err *err);
/* The process has ended. */
void alloc_probe_forget(struct alloc_probe *p, uint32_t pid);
/*
 * Call it every now and then: a master that has not run since it was added, while others have, has its probes off, and gets them when it runs.
 * For the kernel asks each session link of a file about each call of all processes that have probes on it, and one of another process cannot say
 * that it does not want the return (bpf_trace.c, uprobe_prog_run(), 6.13): a third more for a call. A worker that sleeps keeps its probes:
 * what it does for its first request is seen. -errno of the first that failed.
 */
int alloc_probe_rest(struct alloc_probe *p);
unsigned alloc_probe_resting(const struct alloc_probe *p); /* processes whose probes are off for that */
/* All processes at once. Processes that have ended meanwhile are passed over. -errno: of the first that failed. */
int alloc_probe_switch(struct alloc_probe *p, bool on);
bool alloc_probe_is_on(const struct alloc_probe *p);
/* Those on functions that give back can be off while the others are on (at first they are on). As alloc_probe_switch(). */
int alloc_probe_frees(struct alloc_probe *p, bool on);
/*
 * Of how many calls of malloc, operator new and aligned forms, and of free, one return is looked at (a power of two; 1: all, as at first for the former;
 * free starts at ALLOC_FREE_SAMPLE). Calls and bytes are counted all the same.
 */
#define ALLOC_FREE_SAMPLE 16
void alloc_probe_sample(struct alloc_probe *p, uint32_t one_in_allocs, uint32_t one_in_frees);

struct alloc_row {
	const char *name; /* "malloc"; valid until the probe is closed, as the other texts */
	const char *file;
	const char *family; /* "" not known */
	enum wire_alloc_kind kind;
	bool entry_only;
	bool beside; /* just now several processes have probes on it */
	struct placement place;
	struct wire_alloc_stats stats;
};
unsigned alloc_probe_rows(const struct alloc_probe *p);
int alloc_probe_row(const struct alloc_probe *p, unsigned index, struct alloc_row *out);
/* What could not be measured; NULL behind the last. */
const char *alloc_probe_note(const struct alloc_probe *p, unsigned index);
/* Lowest value of a bucket of struct wire_alloc_stats, ns. */
uint64_t alloc_bucket_low_ns(unsigned bucket);

#endif
