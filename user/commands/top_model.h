/* SPDX-License-Identifier: GPL-2.0-only */
/* What `toll top` shows: the last ten seconds, from sums that only rise. No screen in it. */
#ifndef TOLL_COMMANDS_TOP_MODEL_H
#define TOLL_COMMANDS_TOP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "attribution/cause.h"
#include "bpf/wire.h"
#include "probe/peers_now.h"
#include "probe/threads_now.h"
#include "session/session.h"

#define TOP_SECONDS 10
#define TOP_THREADS_MAX 256
#define TOP_SYSCALLS 512

/* Sums at one moment. */
struct top_sums {
	uint64_t time_ns;
	uint64_t requests, toll_ns;
	uint64_t phase_ns[PHASES];
	uint64_t caused, cause_ns[CAUSES]; /* caused: requests whose causes are known */
	uint64_t cpu_ns; /* of the gateway; 0: not known */
};

struct top_thread {
	struct thread_now now;
	double cores; /* over the last second; NAN: it was not there before */
};

struct top_syscall {
	uint64_t calls, ns;
};

/* An allocator function, over all processes and files. */
#define TOP_ALLOCS_MAX 16
struct top_alloc {
	char name[32];
	uint64_t calls, bytes, returns, ns; /* sums; ns over the returns that were seen */
	uint64_t on_ns; /* how long it was probed, in all */
	double calls_per_s, bytes_per_s; /* while it was probed, over the last second in which it was */
};

struct top_model {
	struct top_sums ring[TOP_SECONDS + 1];
	unsigned samples; /* taken so far */
	uint64_t start_ns;
	char exe[256];
	unsigned processes;
	struct record_gauges gauges;
	double rate_per_s; /* requests joined, over the last ten whole seconds in which they were; 0: none for so long */
	double cores; /* the gateway's CPU over as long */
	uint64_t toll_p50_ns, toll_p99_ns; /* of the last ten seconds; 0: no request */
	struct top_thread thread[TOP_THREADS_MAX]; /* busiest first */
	unsigned threads;
	struct peer_now peer[PEERS_NOW_MAX];
	unsigned peers;
	struct top_syscall syscall[TOP_SYSCALLS], last[TOP_SYSCALLS]; /* now being counted; a second, as of the last look */
	uint64_t syscalls_on_ns,
		syscalls_from_ns; /* for how long what is being counted was probed; 0, or since when it is again */
	bool syscalls_seen, syscalls_off;
	struct top_alloc alloc[TOP_ALLOCS_MAX]; /* busiest first */
	unsigned allocs;
	bool alloc_seen; /* the probes are there */
};

/* Once a second. */
void top_model_update(struct top_model *m, const struct session_view *view);
/* Each record of the probes: system calls are counted. */
void top_model_wire(struct top_model *m, const void *record, uint32_t bytes);
/* One function of one process: between top_model_allocs_begin() and _end(), each second. on_ns: how long it was probed, in all. */
void top_model_allocs_begin(struct top_model *m, struct top_alloc before[TOP_ALLOCS_MAX]);
void top_model_alloc(struct top_model *m, const char *name, const struct wire_alloc_stats *stats, uint64_t on_ns);
void top_model_allocs_end(struct top_model *m, const struct top_alloc before[TOP_ALLOCS_MAX]);
/* What the last ten seconds added, or as many as there are; false: there is no second yet. */
bool top_model_window(const struct top_model *m, struct top_sums *out);
#endif
