/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The programs on allocator functions, loaded by themselves, and the links that put them on functions of one file in one process.
 * Private to probe/. Leak survivors and calibration use the same.
 */
#ifndef TOLL_PROBE_ALLOC_PROGRAMS_H
#define TOLL_PROBE_ALLOC_PROGRAMS_H

#include <stdint.h>

#include "probe/alloc_probe.h"
#include "probe/skeleton.h"

struct alloc_programs {
	struct toll_bpf *skel;
	enum uprobe_link_kind kind;
	struct bpf_program *session, *enter,
		*leave; /* of skel: what the links put on functions; by kind the first, or the other two */
	uint32_t *window; /* the number that they know the present window by */
};

/* Between open and load: of the whole object only these programs, no map but the counters. */
void alloc_programs_choose(struct alloc_programs *p);
/* threads_map_fd: of the alloc_threads map that socket marks read; -1: one of its own. -errno: this kernel refuses the kind. */
int alloc_programs_load(struct alloc_programs *p, enum uprobe_link_kind kind, int threads_map_fd);
void alloc_programs_unload(struct alloc_programs *p); /* twice is fine */
/* Counters of one function over all CPUs. */
int alloc_programs_stats(const struct alloc_programs *p, unsigned index, struct wire_alloc_stats *out);

struct uprobe_spot {
	uint64_t offset; /* in the file, of the probed instruction */
	uint64_t cookie; /* WIRE_ALLOC_COOKIE */
};
struct uprobe_group; /* opaque: all spots of one file in one process */
int uprobe_group_attach(struct uprobe_group **out, const struct alloc_programs *p, const char *path, uint32_t pid,
			const struct uprobe_spot *spot, unsigned spots);
void uprobe_group_detach(struct uprobe_group *g); /* NULL is fine */
/*
 * All of them at one moment. The kernel takes the probes of a group off, and then waits until no program of it can run any more: half a second on a
 * busy machine, in which those that wait for their turn would go on costing. group: emptied.
 */
void uprobe_groups_detach(struct uprobe_group **group, unsigned groups);
/* alloc_probe.c: with programs that are loaded already; they are the probe's from here on, whatever is returned. -ENOMEM. */
int alloc_probe_open_with(struct alloc_probe **out, const struct alloc_probe_config *config, struct alloc_programs *programs);
/* calibrate.c: UPROBE_LINK_BEST is the first kind that this kernel loads and attaches. */
int alloc_programs_load_best(struct alloc_programs *p, enum uprobe_link_kind link, int threads_map_fd);

#endif
