/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps and the ring of bpf/kept.bpf.h, of a skeleton of their own. Private to probe/. */
#ifndef TOLL_PROBE_KEPT_FEED_BPF_H
#define TOLL_PROBE_KEPT_FEED_BPF_H

#include "probe/kept_feed.h"
#include "probe/skeleton.h"
#include "symbol/maps.h"

struct ring_buffer;
struct kept_feed {
	struct toll_bpf *skel; /* not owned */
	struct ring_buffer *ring;
	kept_stack_fn stack;
	void *ctx;
	int stack_error;
};

/* Between open and load: the maps that it takes, and no others than were chosen before. */
int kept_feed_choose(struct toll_bpf *skel, uint32_t things_max);
int kept_feed_open(struct kept_feed *f, struct toll_bpf *skel, kept_stack_fn stack, void *ctx);
void kept_feed_close(struct kept_feed *f); /* twice is fine */
/* Where the code of a process lies: without it nothing of the process is followed. */
int kept_feed_text(const struct kept_feed *f, uint32_t tgid, const struct code_maps *maps, bool frame_pointers);
int kept_feed_poll(struct kept_feed *f);
int kept_feed_sites(const struct kept_feed *f, kept_site_fn fn, void *ctx);
int kept_feed_blocks(const struct kept_feed *f, kept_block_fn fn, void *ctx);
uint64_t kept_feed_stacks_lost(const struct kept_feed *f);

#endif
