// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe/kept_feed_bpf.h"
#include "probe/samples.h"

#define RING_BYTES (4u << 20)
#define BATCH 2048

int kept_feed_choose(struct toll_bpf *skel, uint32_t things_max)
{
	int rc;

	bpf_map__set_autocreate(skel->maps.events, true);
	bpf_map__set_autocreate(skel->maps.texts, true);
	bpf_map__set_autocreate(skel->maps.stack_keys, true);
	bpf_map__set_autocreate(skel->maps.stack_tops, true);
	bpf_map__set_autocreate(skel->maps.stack_scratch, true);
	bpf_map__set_autocreate(skel->maps.kept_blocks, true);
	bpf_map__set_autocreate(skel->maps.kept_sites, true);
	bpf_map__set_autocreate(skel->maps.kept_blank, true);
	rc = bpf_map__set_max_entries(skel->maps.events, RING_BYTES);
	return rc ? rc : bpf_map__set_max_entries(skel->maps.kept_blocks, things_max);
}

static int deliver(void *ctx, void *data, size_t bytes)
{
	struct kept_feed *f = ctx;
	const struct wire_stack *stack = data;

	/* reserved whole, and cut by its header */
	if (bytes >= sizeof(*stack) && stack->h.kind == WIRE_KIND_STACK && stack->h.size <= bytes && !f->stack_error)
		f->stack_error = f->stack(f->ctx, stack);
	return 0;
}

int kept_feed_open(struct kept_feed *f, struct toll_bpf *skel, kept_stack_fn stack, void *ctx)
{
	*f = (struct kept_feed){.skel = skel, .stack = stack, .ctx = ctx};
	f->ring = ring_buffer__new(bpf_map__fd(skel->maps.events), deliver, f, NULL);
	return f->ring ? 0 : -errno;
}

void kept_feed_close(struct kept_feed *f)
{
	ring_buffer__free(f->ring);
	f->ring = NULL;
}

int kept_feed_text(const struct kept_feed *f, uint32_t tgid, const struct code_maps *maps, bool frame_pointers)
{
	return samples_text(f->skel, tgid, maps, frame_pointers);
}

int kept_feed_poll(struct kept_feed *f)
{
	int n = ring_buffer__consume(f->ring);

	return f->stack_error ? f->stack_error : n < 0 ? n : 0;
}

int kept_feed_sites(const struct kept_feed *f, kept_site_fn fn, void *ctx)
{
	uint64_t key, *before = NULL;
	struct wire_site site;
	int rc = 0;

	while (!rc && !bpf_map__get_next_key(f->skel->maps.kept_sites, before, &key, sizeof(key))) {
		if (!bpf_map__lookup_elem(f->skel->maps.kept_sites, &key, sizeof(key), &site, sizeof(site), 0))
			rc = fn(ctx, key, &site);
		before = &key;
	}
	return rc;
}

struct batch {
	struct wire_block_key key[BATCH];
	struct wire_block block[BATCH];
};

int kept_feed_blocks(const struct kept_feed *f, kept_block_fn fn, void *ctx)
{
	struct batch *b = malloc(sizeof(*b));
	int fd = bpf_map__fd(f->skel->maps.kept_blocks), rc = 0, more = 0;
	uint64_t cursor = 0, next = 0;
	bool first = true;

	if (!b)
		return -ENOMEM;
	while (!rc && !more) {
		uint32_t count = BATCH;

		more = bpf_map_lookup_batch(fd, first ? NULL : &cursor, &next, b->key, b->block, &count, NULL);
		if (more && more != -ENOENT)
			rc = more;
		for (uint32_t i = 0; i < count && !rc; i++)
			rc = fn(ctx, &b->key[i], &b->block[i]);
		cursor = next;
		first = false;
	}
	free(b);
	return rc;
}

uint64_t kept_feed_stacks_lost(const struct kept_feed *f)
{
	uint64_t counters[WIRE_COUNTERS];

	skeleton_counters(f->skel, counters);
	return counters[WIRE_COUNT_STACKS_LOST];
}
