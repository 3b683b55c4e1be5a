/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel side as the session sees it: load, arm, read, disarm. The only room that knows libbpf. */
#ifndef TOLL_PROBE_PROBE_H
#define TOLL_PROBE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/wire.h"
#include "probe/paths.h"
#include "symbol/maps.h"

/* What this kernel and these permissions allow; found by trying, each with how it was tried and what is lost without it. */
enum ability_state { ABILITY_NO = 0, ABILITY_YES = 1, ABILITY_UNKNOWN = 2 };
struct ability {
	const char *name; /* "leaves marks" */
	const char *how; /* how it was tried */
	const char *lost; /* what a report lacks without it */
	bool required; /* no probes at all without it */
	enum ability_state state;
	char detail[320]; /* which path was chosen, or the kernel's error */
};
#define ABILITIES_MAX 24
/* Tries everything once (loads, attaches and detaches each program, then a byte there and back with all of them). */
void abilities_probe(const struct paths *asked, struct ability out[ABILITIES_MAX], unsigned *rows);

struct probe_target {
	uint32_t pid; /* thread group id as this process' pid namespace numbers it */
	enum wire_role role;
};

/* What may be left out. Sockets never: without their marks there is no phase. */
enum probe_group {
	PROBE_THREADS = WIRE_GROUP_THREADS, /* thread life, off-CPU periods */
	PROBE_SYSCALLS = WIRE_GROUP_SYSCALLS, /* with threads */
	PROBE_ALLOC =
		WIRE_GROUP_ALLOC, /* marks carry their thread's time in the allocator, if alloc_probe.h puts its probes on */
	PROBE_STACKS = WIRE_GROUP_STACKS, /* CPU samples at sample_hz, stacks of waits */
};

struct probe_config {
	const struct probe_target *target;
	unsigned targets;
	uint32_t ring_bytes; /* power of two, multiple of the page size; 0: 32 MiB */
	unsigned groups; /* of enum probe_group */
	uint32_t targets_max; /* processes watched at a time; 0: 16384 */
	uint32_t threads_max; /* accounts kept at a time; 0: 65536 */
	struct paths paths; /* asked for; 0: what works best */
	unsigned sample_hz; /* with PROBE_STACKS: CPU samples of gateway threads, per second and CPU */
	/* called by probe_poll for each record, in ring order */
	int (*record)(void *ctx, const void *data, uint32_t bytes);
	void *ctx;
};

struct probe;
/* Load and attach; finds the targets' open sockets. err: what is missing and what to do (root, CAP_BPF, BTF ...). */
int probe_open(struct probe **out, const struct probe_config *config, struct err *err);
/* Adds a process that appeared later (its open sockets included). */
int probe_add_target(struct probe *p, const struct probe_target *target);
/*
 * Tells the kernel side where the code of a gateway's process lies (tgid of the initial pid namespace), so that its stacks can be taken;
 * again whenever it has changed. 0 where no stacks are taken.
 */
int probe_text(struct probe *p, uint32_t tgid, const struct code_maps *maps, bool frame_pointers);
/* Starts the clock of the CPU samples: after probe_text() of all that is watched. Nothing to do where none were asked for. */
void probe_samples_start(struct probe *p);
/* With PROBE_ALLOC: the map that alloc_probe_open() takes; -1 without. And whether the allocator probes are on just now. */
int probe_alloc_threads_fd(const struct probe *p);
unsigned probe_alloc_path(const struct probe *p); /* of PATH_ALLOC, as asked for; 0: the best */
int probe_alloc_marks(struct probe *p, bool on);
/* Off in two steps, for reading what was told before takes its time: marks carry nothing from now on (returned: since when), and that is told. */
uint64_t probe_alloc_hush(struct probe *p);
int probe_alloc_hushed(struct probe *p, uint64_t since_ns);
/*
 * Takes a group of those that were asked for off, or puts it on again; not PROBE_ALLOC, whose probes are alloc_probe.h's. The reader is told by a
 * record (WIRE_KIND_GROUPS) after all that was told before. 0 where nothing changes.
 */
int probe_switch(struct probe *p, enum probe_group group, bool on, struct err *err);
/* Groups that work here of those that were asked for. */
unsigned probe_groups(const struct probe *p);
/* What the gateway's threads have made the groups tell so far. */
struct probe_hits {
	uint64_t periods; /* off-CPU */
	uint64_t calls; /* of the system */
	uint64_t samples;
	uint64_t waits; /* with a stack */
};
const struct probe_hits *probe_hits(const struct probe *p);
/* CPU time that one of them costs, calibrated when the probes were opened; who pays it is not told apart. */
struct probe_group_costs {
	uint32_t period_ns, call_ns, sample_ns, wait_ns;
};
/* NULL: they could not be calibrated. */
const struct probe_group_costs *probe_group_costs(const struct probe *p);
/* NULL: threads are accounted for; else why not. */
const char *probe_no_threads(const struct probe *p);
/* NULL: CPU samples are taken; else why not. */
const char *probe_no_samples(const struct probe *p);
/* Delivers what is in the ring now, not what comes meanwhile; returns the number of records or -errno. */
int probe_poll(struct probe *p);
/* The same, but no longer than until then. all: nothing was left. */
int probe_poll_until(struct probe *p, uint64_t until_ns, bool *all);
/* Requests that the gateway has answered, as far as their turns have been delivered. */
uint64_t probe_answers(const struct probe *p);
int probe_ring_fd(const struct probe *p);
/* Asks the kernel to send turns that are still open: idle ones (quiet since 100 ms), or all of them. */
int probe_flush(struct probe *p, bool all);
int probe_counters(const struct probe *p, uint64_t counters[WIRE_COUNTERS]);
/*
 * What the gateway's marks have cost so far: marks of its sockets, lane by lane, and the time that the kernel counted for the programs that
 * take them (all runs, whoever's: their mean is what one mark costs). Counted only while stats are enabled.
 */
struct probe_costs {
	uint64_t gateway_marks[WIRE_LANES];
	uint64_t run_ns[WIRE_LANES];
	uint64_t runs[WIRE_LANES];
};
int probe_costs(const struct probe *p, struct probe_costs *out);
/* Lets the kernel time BPF programs until the returned fd is closed; -errno where it cannot (5.8 and later can). */
int probe_stats_enable(void);
/* Detaches everything; idempotent; NULL is fine. */
void probe_close(struct probe *p);
/* "readable sk_data_ready; accept: not seen on this kernel (no fexit)": which path makes the marks. */
const char *probe_paths(const struct probe *p);

#endif
