// SPDX-License-Identifier: GPL-2.0-only
#include "probe/growth_probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "probe/kept_feed_bpf.h"

#define THINGS_MAX 65536
#define LINKS 3

struct growth_probe {
	struct toll_bpf *skel;
	struct kept_feed feed;
	struct bpf_link *link[LINKS];
	bool touches, on;
};

static int load(struct growth_probe *p, bool touches)
{
	int rc;

	p->skel = toll_bpf__open();
	if (!p->skel)
		return -errno;
	skeleton_none(p->skel);
	bpf_program__set_autoload(p->skel->progs.toll_growth_call, true);
	bpf_program__set_autoload(p->skel->progs.toll_growth_exit, true);
	bpf_program__set_autoload(p->skel->progs.toll_growth_touch, touches);
	bpf_map__set_autocreate(p->skel->maps.growth_brk, true);
	rc = kept_feed_choose(p->skel, THINGS_MAX);
	if (!rc)
		rc = toll_bpf__load(p->skel);
	p->touches = touches;
	if (rc) {
		toll_bpf__destroy(p->skel);
		p->skel = NULL;
	}
	return rc;
}

int growth_probe_open(struct growth_probe **out, kept_stack_fn stack, void *ctx, struct err *err)
{
	struct growth_probe *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return err_set(err, -ENOMEM, "no memory to look for the stacks of growth");
	skeleton_quiet();
	rc = load(p, true);
	if (rc)
		rc = load(p, false);
	if (!rc)
		rc = kept_feed_open(&p->feed, p->skel, stack, ctx);
	if (rc) {
		growth_probe_close(p);
		return err_set(err, rc, "cannot load the probes of growth: %s; %s", strerror(-rc), skeleton_advice(rc));
	}
	*out = p;
	return 0;
}

static void detach(struct growth_probe *p)
{
	for (unsigned i = 0; i < LINKS; i++) {
		bpf_link__destroy(p->link[i]);
		p->link[i] = NULL;
	}
}

void growth_probe_close(struct growth_probe *p)
{
	if (!p)
		return;
	detach(p);
	kept_feed_close(&p->feed);
	toll_bpf__destroy(p->skel);
	free(p);
}

int growth_probe_text(struct growth_probe *p, uint32_t tgid, const struct code_maps *maps, bool frame_pointers)
{
	return kept_feed_text(&p->feed, tgid, maps, frame_pointers);
}

/* Ends first: what is seen to begin is seen to end. */
static int attach(struct growth_probe *p)
{
	struct bpf_program *prog[LINKS] = {p->skel->progs.toll_growth_exit, p->skel->progs.toll_growth_call,
					   p->touches ? p->skel->progs.toll_growth_touch : NULL};

	p->skel->bss->kept_window++;
	for (unsigned i = 0; i < LINKS; i++) {
		int rc;

		if (!prog[i])
			continue;
		p->link[i] = bpf_program__attach(prog[i]);
		if (p->link[i])
			continue;
		rc = -errno;
		detach(p);
		return rc;
	}
	return 0;
}

int growth_probe_switch(struct growth_probe *p, bool on)
{
	int rc = 0;

	if (on == p->on)
		return 0;
	if (on)
		rc = attach(p);
	else
		detach(p);
	p->on = on && !rc;
	return rc;
}

bool growth_probe_is_on(const struct growth_probe *p)
{
	return p->on;
}

uint32_t growth_probe_window(const struct growth_probe *p)
{
	return p->skel->bss->kept_window;
}

bool growth_probe_has_touches(const struct growth_probe *p)
{
	return p->touches;
}

int growth_probe_poll(struct growth_probe *p)
{
	return kept_feed_poll(&p->feed);
}

int growth_probe_sites(const struct growth_probe *p, kept_site_fn fn, void *ctx)
{
	return kept_feed_sites(&p->feed, fn, ctx);
}

int growth_probe_things(const struct growth_probe *p, kept_block_fn fn, void *ctx)
{
	return kept_feed_blocks(&p->feed, fn, ctx);
}

uint64_t growth_probe_refused(const struct growth_probe *p)
{
	return p->skel->bss->growth_refused;
}

uint64_t growth_probe_stacks_lost(const struct growth_probe *p)
{
	return kept_feed_stacks_lost(&p->feed);
}
