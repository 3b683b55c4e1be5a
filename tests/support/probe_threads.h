/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes on this process as the gateway, and what they told of its threads. */
#ifndef TOLL_TESTS_PROBE_THREADS_H
#define TOLL_TESTS_PROBE_THREADS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"
#include "probe/probe.h"

#define RIG_RECORDS_MAX 65536

union thread_record {
	struct wire_header h;
	struct wire_thread_life life;
	struct wire_off_cpu off;
	struct wire_syscalls calls;
	struct wire_lookup lookup;
};

struct thread_rig {
	struct probe *probe;
	union thread_record *record;
	unsigned records;
};

struct thread_rig_config {
	unsigned groups; /* with PROBE_THREADS */
	uint32_t threads_max;
	pid_t driver; /* a process that is the driver's; 0: none */
};

/* False: this kernel has no accounts of threads, and the reason was printed as a skip. */
bool rig_open(struct thread_rig *r, const char *test, struct thread_rig_config config);
/* Brings in what is there. Checks of each thread that its periods follow each other and that each wait's parts add up. */
void rig_collect(struct thread_rig *r);
void rig_close(struct thread_rig *r);
uint64_t rig_counter(const struct thread_rig *r, enum wire_counter which);

/* The longest period off the CPU of a thread inside this call (-1: any), begun at since_ns or later; NULL: none. */
const struct wire_off_cpu *rig_off(const struct thread_rig *r, pid_t tid, int syscall, uint64_t since_ns);
/* All waits for a CPU of a thread, by who held it. */
void rig_held(const struct thread_rig *r, pid_t tid, uint64_t held_ns[WIRE_HOLDERS]);
unsigned rig_lives(const struct thread_rig *r, enum wire_thread_event event, const char *comm);

/* A thread that runs `run` and tells its tid before. */
struct rig_thread {
	void (*run)(struct rig_thread *self);
	void *arg;
	volatile pid_t tid;
	unsigned long handle;
};
void rig_thread_start(struct rig_thread *t);
void rig_thread_join(struct rig_thread *t);
/* Until the thread sleeps. */
void rig_wait_asleep(pid_t tid);
void rig_pin(int cpu);
/* Burns CPU time of the calling thread. */
void rig_burn(uint64_t cpu_ns);

#endif
