/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stacks behind what grows: descriptors, anonymous mappings, threads, the heap's end, pages written to for the first time. Few events, but while
 * it is on every system call of the machine passes its program: for windows. One thread.
 */
#ifndef TOLL_PROBE_GROWTH_PROBE_H
#define TOLL_PROBE_GROWTH_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "bpf/wire.h"
#include "probe/kept_feed.h"
#include "symbol/maps.h"

struct growth_probe;
int growth_probe_open(struct growth_probe **out, kept_stack_fn stack, void *ctx, struct err *err);
void growth_probe_close(struct growth_probe *p); /* NULL is fine */
/* Where the code of a process lies: from here on it is looked at. */
int growth_probe_text(struct growth_probe *p, uint32_t tgid, const struct code_maps *maps, bool frame_pointers);
/* A window begins, or ends. */
int growth_probe_switch(struct growth_probe *p, bool on);
bool growth_probe_is_on(const struct growth_probe *p);
uint32_t growth_probe_window(const struct growth_probe *p);
bool growth_probe_has_touches(const struct growth_probe *p); /* false: this kernel does not show page faults */
int growth_probe_poll(struct growth_probe *p);
int growth_probe_sites(const struct growth_probe *p, kept_site_fn fn, void *ctx);
int growth_probe_things(const struct growth_probe *p, kept_block_fn fn, void *ctx);
/* Things that found no room, stacks that could not be taken. */
uint64_t growth_probe_refused(const struct growth_probe *p);
uint64_t growth_probe_stacks_lost(const struct growth_probe *p);

#endif
