/* SPDX-License-Identifier: GPL-2.0-only */
/* The generated skeleton, and libbpf's messages led into our log. Private to probe/. */
#ifndef TOLL_PROBE_SKELETON_H
#define TOLL_PROBE_SKELETON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/wire.h"
#include "probe/paths.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include "toll.skel.h"
#pragma GCC diagnostic pop

/* Sends libbpf's messages to the log at debug level: what matters of them is told in sentences of our own. */
void skeleton_quiet(void);

/* Between open and load: programs, maps and settings of these paths, all of which are chosen. */
void skeleton_choose(struct toll_bpf *skel, const struct paths *paths);
/* Between open and load: no program, and no map but the counters and what the compiler makes. Who needs more chooses it next. */
void skeleton_none(struct toll_bpf *skel);
/* Between open and load: stacks and CPU samples every period_ns; 0: none, and their maps are not made. */
void skeleton_stacks(struct toll_bpf *skel, uint32_t period_ns);

/* 0 where the program is not loaded, or attached already. */
int skeleton_attach(struct bpf_program *prog, struct bpf_link **link, struct err *err);

/* The kernel side's losses and the like, of all CPUs. -errno: counters are 0. */
int skeleton_counters(const struct toll_bpf *skel, uint64_t counters[WIRE_COUNTERS]);

/* Runs an iterator program to its end. */
int skeleton_run_iterator(struct bpf_program *prog, int map_fd);

/* Type information is there, lockdown allows BPF to read the kernel, and the clock here is the kernel's; else err tells which is not so. */
int skeleton_host_check(struct err *err);
/* What to do next about an errno of bpf(2). */
const char *skeleton_advice(int negative_errno);

#endif
