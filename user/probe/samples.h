/* SPDX-License-Identifier: GPL-2.0-only */
/* The perf software clock on every CPU, with the sampling program on it. Private to probe/. */
#ifndef TOLL_PROBE_SAMPLES_H
#define TOLL_PROBE_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/wire.h"
#include "probe/paths.h"
#include "symbol/maps.h"

struct bpf_link;
struct bpf_program;
struct samples;
struct toll_bpf;

/* CPU time between two samples of one CPU. */
uint32_t samples_period_ns(unsigned hz);
/* Starts the clock of all CPUs that are online; -errno. */
int samples_open(struct samples **out, struct bpf_program *prog, uint32_t period_ns);
/* Of one process' first thread alone, wherever it runs; the caller destroys the link. */
int samples_open_thread(struct bpf_link **out, struct bpf_program *prog, pid_t pid, uint32_t period_ns);
/* Stops the clock of all CPUs, or lets it go on. */
void samples_switch(const struct samples *s, bool on);
void samples_close(struct samples *s); /* NULL is fine */
/* Tells the kernel side where the code of a process lies: without it no stack of the process is taken. -errno */
int samples_text(struct toll_bpf *skel, uint32_t tgid, const struct code_maps *maps, bool frame_pointers);

/* Samples this process for up to a second: 0 when a stack was unwound to its end. detail: what was found. */
int samples_try(const struct paths *paths, char *detail, size_t size);

#endif
