/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Blocks that the gateway's processes take from their allocators and do not give back: each by its address, and by the stack that took it.
 * On in windows; what was taken in one is still known in the next. A sample of the addresses is followed once there are too many. One thread.
 */
#ifndef TOLL_PROBE_SURVIVOR_PROBE_H
#define TOLL_PROBE_SURVIVOR_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/wire.h"
#include "probe/calibrate.h"
#include "probe/kept_feed.h"
#include "symbol/maps.h"

struct survivor_config {
	const struct calibration *calibration; /* how programs are put on, and what a hit costs */
	uint32_t blocks_max; /* followed at a time, a power of two; 0: 262,144 */
	kept_stack_fn stack;
	void *ctx;
};

struct survivor_probe;
int survivor_probe_open(struct survivor_probe **out, const struct survivor_config *config, struct err *err);
void survivor_probe_close(struct survivor_probe *p); /* NULL is fine */
/* As alloc_probe_add() and alloc_probe_forget(). */
int survivor_probe_add(struct survivor_probe *p, uint32_t pid, struct err *err);
void survivor_probe_forget(struct survivor_probe *p, uint32_t pid);
/* Where the code of a process lies; without it its stacks are not taken, nor its blocks followed. */
int survivor_probe_text(struct survivor_probe *p, uint32_t tgid, const struct code_maps *maps, bool frame_pointers);
/* A window begins, or ends. */
int survivor_probe_switch(struct survivor_probe *p, bool on);
bool survivor_probe_is_on(const struct survivor_probe *p);
/* Delivers the new stacks; -errno of config.stack. */
int survivor_probe_poll(struct survivor_probe *p);

struct survivor_totals {
	uint32_t window; /* number of the present or last one */
	uint32_t weight; /* one address in so many is followed */
	double spent_ns; /* CPU time so far */
	uint64_t calls, returns;
	uint64_t refused; /* blocks that found no room */
	uint64_t strangers; /* given back, never seen to be taken */
	uint64_t stacks_lost;
};
int survivor_probe_totals(const struct survivor_probe *p, struct survivor_totals *out);
/* All sites, all blocks that are there. fn: other than 0 ends it and is returned. */
int survivor_probe_sites(const struct survivor_probe *p, kept_site_fn fn, void *ctx);
int survivor_probe_blocks(const struct survivor_probe *p, kept_block_fn fn, void *ctx);
/*
 * Between windows: where more than 3/4 of the room is taken, half of the addresses are followed from now on. What is not followed any more is
 * forgotten: its life is known up to here. fn is told of each. 0 or -errno.
 */
int survivor_probe_thin(struct survivor_probe *p, void (*fn)(void *ctx, const struct wire_block *forgotten), void *ctx);
/* Forgets the blocks of processes that have ended; fn is told of each, as it was. 0 or -errno. */
int survivor_probe_bury(struct survivor_probe *p, kept_block_fn fn, void *ctx);
/* What could not be measured; NULL behind the last. */
const char *survivor_probe_note(const struct survivor_probe *p, unsigned index);

#endif
