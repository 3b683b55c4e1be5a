// SPDX-License-Identifier: GPL-2.0-only
#include "probe/survivor_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/map.h"
#include "probe/alloc_programs.h"
#include "probe/discover.h"
#include "probe/kept_feed_bpf.h"

#define BLOCKS_DEFAULT (1u << 18)
#define WEIGHT_MAX (1u << 16)

struct survivor_probe {
	struct survivor_config config;
	struct alloc_probe *hooks; /* owns the programs */
	struct toll_bpf *skel;
	struct kept_feed feed;
};

static int load(struct survivor_probe *p, struct alloc_programs *programs)
{
	struct toll_bpf *skel = toll_bpf__open();
	int rc;

	if (!skel)
		return -errno;
	*programs = (struct alloc_programs){
		.skel = skel,
		.kind = p->config.calibration->link,
		.session = skel->progs.toll_survivor_session,
		.enter = skel->progs.toll_survivor_enter,
		.leave = skel->progs.toll_survivor_leave,
		.window = &skel->bss->kept_window,
	};
	alloc_programs_choose(programs);
	bpf_map__set_autocreate(skel->maps.alloc_functions, true);
	bpf_map__set_autocreate(skel->maps.survivor_threads, true);
	rc = kept_feed_choose(skel, p->config.blocks_max);
	if (!rc)
		rc = toll_bpf__load(skel);
	if (rc)
		alloc_programs_unload(programs);
	else
		p->skel = skel;
	return rc;
}

int survivor_probe_open(struct survivor_probe **out, const struct survivor_config *config, struct err *err)
{
	struct survivor_probe *p = calloc(1, sizeof(*p));
	struct alloc_probe_config hooks = {.link = config->calibration->link, .threads_map_fd = -1};
	struct alloc_programs programs;
	int rc;

	if (!p)
		return err_set(err, -ENOMEM, "no memory to follow blocks");
	p->config = *config;
	if (!p->config.blocks_max)
		p->config.blocks_max = BLOCKS_DEFAULT;
	skeleton_quiet();
	rc = load(p, &programs);
	if (!rc)
		rc = alloc_probe_open_with(&p->hooks, &hooks, &programs);
	if (!rc)
		rc = kept_feed_open(&p->feed, p->skel, p->config.stack, p->config.ctx);
	if (rc) {
		survivor_probe_close(p);
		return err_set(err, rc, "cannot load the probes that follow blocks: %s; %s", strerror(-rc), skeleton_advice(rc));
	}
	*out = p;
	return 0;
}

void survivor_probe_close(struct survivor_probe *p)
{
	if (!p)
		return;
	if (p->hooks)
		alloc_probe_switch(p->hooks, false);
	kept_feed_close(&p->feed);
	alloc_probe_close(p->hooks);
	free(p);
}

int survivor_probe_add(struct survivor_probe *p, uint32_t pid, struct err *err)
{
	return alloc_probe_add(p->hooks, pid, err);
}

void survivor_probe_forget(struct survivor_probe *p, uint32_t pid)
{
	alloc_probe_forget(p->hooks, pid);
}

int survivor_probe_text(struct survivor_probe *p, uint32_t tgid, const struct code_maps *maps, bool frame_pointers)
{
	return kept_feed_text(&p->feed, tgid, maps, frame_pointers);
}

int survivor_probe_switch(struct survivor_probe *p, bool on)
{
	return alloc_probe_switch(p->hooks, on);
}

bool survivor_probe_is_on(const struct survivor_probe *p)
{
	return alloc_probe_is_on(p->hooks);
}

int survivor_probe_poll(struct survivor_probe *p)
{
	return kept_feed_poll(&p->feed);
}

/* Traps as calibrated with a program that does less than these; what these do, as they measured it themselves. */
static double row_cost_ns(const struct calibration *c, const struct alloc_row *row)
{
	return calibration_cost_ns(c, row->place.insn, row->beside, (double)row->stats.calls, (double)row->stats.returns) +
	       (double)row->stats.sum_ns;
}

int survivor_probe_totals(const struct survivor_probe *p, struct survivor_totals *out)
{
	int rc = 0;

	*out = (struct survivor_totals){
		.window = p->skel->bss->kept_window,
		.weight = p->skel->bss->survivor_mask + 1,
		.refused = p->skel->bss->survivor_refused,
		.strangers = p->skel->bss->survivor_strangers,
		.stacks_lost = kept_feed_stacks_lost(&p->feed),
	};
	for (unsigned i = 0; i < alloc_probe_rows(p->hooks) && !rc; i++) {
		struct alloc_row row;

		rc = alloc_probe_row(p->hooks, i, &row);
		if (rc)
			break;
		out->spent_ns += row_cost_ns(p->config.calibration, &row);
		out->calls += row.stats.calls;
		out->returns += row.stats.returns;
	}
	return rc;
}

int survivor_probe_sites(const struct survivor_probe *p, kept_site_fn fn, void *ctx)
{
	return kept_feed_sites(&p->feed, fn, ctx);
}

int survivor_probe_blocks(const struct survivor_probe *p, kept_block_fn fn, void *ctx)
{
	return kept_feed_blocks(&p->feed, fn, ctx);
}

/* --- thinning -------------------------------------------------------------------------------------------------------------- */

struct thin {
	struct survivor_probe *probe;
	uint32_t mask;
	uint64_t blocks;
	void (*fn)(void *ctx, const struct wire_block *forgotten);
	void *ctx;
};

static int count_one(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	struct thin *t = ctx;

	(void)key;
	(void)b;
	t->blocks++;
	return 0;
}

/* Deleting while walking may pass over some: those are found in the next walk. */
static int forget_one(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	struct thin *t = ctx;

	if (!WIRE_BLOCK_IS_FOLLOWED(key->address, t->mask) &&
	    !bpf_map__delete_elem(t->probe->skel->maps.kept_blocks, key, sizeof(*key), 0))
		t->fn(t->ctx, b);
	return 0;
}

int survivor_probe_thin(struct survivor_probe *p, void (*fn)(void *ctx, const struct wire_block *forgotten), void *ctx)
{
	struct thin t = {.probe = p, .mask = p->skel->bss->survivor_mask, .fn = fn, .ctx = ctx};
	int rc = survivor_probe_blocks(p, count_one, &t);

	if (rc || t.blocks <= p->config.blocks_max / 4 * 3 || t.mask + 1 >= WEIGHT_MAX)
		return rc;
	t.mask = t.mask * 2 + 1;
	p->skel->bss->survivor_mask = t.mask;
	return survivor_probe_blocks(p, forget_one, &t);
}

/* --- processes that have ended ---------------------------------------------------------------------------------------------- */

struct burial {
	struct survivor_probe *probe;
	struct map *alive; /* by number: &is_alive or &is_gone */
	kept_block_fn fn;
	void *ctx;
};

static int bury_one(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	static char is_alive, is_gone;
	struct burial *f = ctx;
	const char *state = map_get(f->alive, key->tgid);
	uint64_t born_ticks;
	int rc = 0;

	if (!state) {
		state = discover_alive(key->tgid, &born_ticks) ? &is_alive : &is_gone;
		rc = map_put(f->alive, key->tgid, (void *)(uintptr_t)state);
	}
	if (rc || state == &is_alive)
		return rc;
	if (bpf_map__delete_elem(f->probe->skel->maps.kept_blocks, key, sizeof(*key), 0))
		return 0;
	return f->fn(f->ctx, key, b);
}

int survivor_probe_bury(struct survivor_probe *p, kept_block_fn fn, void *ctx)
{
	struct burial f = {.probe = p, .alive = map_new(), .fn = fn, .ctx = ctx};
	int rc = f.alive ? survivor_probe_blocks(p, bury_one, &f) : -ENOMEM;

	map_free(f.alive);
	return rc;
}

const char *survivor_probe_note(const struct survivor_probe *p, unsigned index)
{
	return alloc_probe_note(p->hooks, index);
}
