// SPDX-License-Identifier: GPL-2.0-only
// rooms: base symbol probe tests/support/alloc_target
/* Blocks followed by address, on a program whose kept blocks are known: what was taken, given back, moved, failed, handed out anew. */
#include <string.h>
#include <unistd.h>

#include "probe/survivor_probe.h"
#include "tests/support/alloc_target.h"
#include "tests/support/test.h"
#include "tests/support/uprobes_here.h"

#define JEMALLOC "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"

struct rig {
	struct calibration calibration;
	struct survivor_probe *probe;
	struct alloc_target target;
	unsigned stacks;
};

static int on_stack(void *ctx, const struct wire_stack *stack)
{
	struct rig *r = ctx;

	assert_int_equal(stack->tgid, r->target.pid);
	assert_true(stack->copied_bytes > 0);
	r->stacks++;
	return 0;
}

static void rig_start(struct rig *r, uint32_t blocks_max, enum uprobe_link_kind link, const char *preload)
{
	struct survivor_config config = {.calibration = &r->calibration, .blocks_max = blocks_max, .stack = on_stack, .ctx = r};
	struct code_maps maps = {0};
	struct err err = {0};

	memset(r, 0, sizeof(*r));
	uprobes_or_skip(link);
	if (calibrate(link, &r->calibration, &err) || survivor_probe_open(&r->probe, &config, &err))
		fail_msg("%s", err.text);
	alloc_target_start(&r->target, "keeps", preload);
	assert_int_equal(code_maps_read((uint32_t)r->target.pid, &maps), 0);
	assert_int_equal(survivor_probe_text(r->probe, (uint32_t)r->target.pid, &maps, false), 0);
	code_maps_fini(&maps);
	if (survivor_probe_add(r->probe, (uint32_t)r->target.pid, &err))
		fail_msg("%s", err.text);
}

static void rig_end(struct rig *r)
{
	alloc_target_end(&r->target);
	survivor_probe_close(r->probe);
}

/* One run of the target within a window of its own. */
static void window(struct rig *r)
{
	assert_int_equal(survivor_probe_switch(r->probe, true), 0);
	alloc_target_run(&r->target);
	assert_int_equal(survivor_probe_switch(r->probe, false), 0);
	assert_int_equal(survivor_probe_poll(r->probe), 0);
}

struct find {
	uint64_t asked_bytes; /* of one block */
	struct wire_site found;
	unsigned count;
};

static int on_site(void *ctx, uint64_t key, const struct wire_site *s)
{
	struct find *f = ctx;

	assert_true(key != 0);
	if (!s->born || s->asked_bytes != s->born * f->asked_bytes)
		return 0;
	f->found = *s;
	f->count++;
	return 0;
}

static struct wire_site site_of(const struct rig *r, uint64_t asked_bytes)
{
	struct find f = {.asked_bytes = asked_bytes};

	assert_int_equal(survivor_probe_sites(r->probe, on_site, &f), 0);
	assert_int_equal(f.count, 1);
	return f.found;
}

static int on_block(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	assert_true(key->address && b->site && b->birth_ns && b->weight);
	(*(unsigned *)ctx)++;
	return 0;
}

static unsigned alive(const struct rig *r)
{
	unsigned blocks = 0;

	assert_int_equal(survivor_probe_blocks(r->probe, on_block, &blocks), 0);
	return blocks;
}

static void expect(const struct wire_site *s, uint64_t born, uint64_t freed, uint64_t gone)
{
	uint64_t lives = 0;

	for (unsigned i = 0; i < WIRE_SITE_LIVES; i++)
		lives += s->life[i];
	assert_int_equal(s->born, born);
	assert_int_equal(s->freed, freed);
	assert_int_equal(s->gone, gone);
	assert_int_equal(lives, freed);
	assert_true(s->first_ns > 0 && s->last_ns >= s->first_ns);
}

static void sites_check(const struct rig *r, uint64_t windows, uint64_t gone)
{
	struct wire_site kept = site_of(r, TARGET_KEPT_BYTES), from = site_of(r, TARGET_GROWN_FROM_BYTES);
	struct wire_site grown = site_of(r, TARGET_GROWN_BYTES), stayed = site_of(r, TARGET_STAYED_BYTES);

	expect(&kept, windows * TARGET_KEPT, 0, gone * TARGET_KEPT);
	expect(&from, windows * TARGET_GROWN, windows * TARGET_GROWN, 0);
	expect(&grown, windows * TARGET_GROWN, 0, gone * TARGET_GROWN);
	expect(&stayed, windows * TARGET_STAYED, windows * TARGET_STAYED, 0);
}

static void every_block_with(enum uprobe_link_kind link, const char *preload)
{
	struct survivor_totals totals;
	struct rig r;

	if (preload && access(preload, R_OK)) {
		print_message("skip %s is not installed\n", preload);
		skip();
	}
	rig_start(&r, 0, link, preload);
	window(&r);
	sites_check(&r, 1, 0);
	assert_int_equal(alive(&r), TARGET_KEPT + TARGET_GROWN);
	assert_int_equal(survivor_probe_totals(r.probe, &totals), 0);
	assert_int_equal(totals.strangers, TARGET_KEPT + TARGET_GROWN); /* of the run before the window */
	assert_int_equal(totals.refused, 0);
	assert_int_equal(totals.weight, 1);
	assert_true(totals.spent_ns > 0);
	assert_int_equal(r.stacks, 4);
	if (!preload)
		assert_int_equal(site_of(&r, TARGET_KEPT_BYTES).born_bytes,
				 TARGET_KEPT * 64); /* glibc: 8 of header, rounded up to 16 */
	window(&r); /* gives back what the first window saw */
	sites_check(&r, 2, 1);
	assert_int_equal(alive(&r), TARGET_KEPT + TARGET_GROWN);
	/* between windows everything is given back and taken anew, unseen: the addresses tell, at the latest when they are freed */
	alloc_target_run(&r.target);
	alloc_target_run(&r.target);
	window(&r);
	sites_check(&r, 3, 2);
	assert_int_equal(alive(&r), TARGET_KEPT + TARGET_GROWN);
	assert_int_equal(r.stacks, 4);
	rig_end(&r);
}

static void by_the_best_link(void **state)
{
	(void)state;
	every_block_with(UPROBE_LINK_BEST, NULL);
}

static void by_perf_events(void **state)
{
	(void)state;
	every_block_with(UPROBE_LINK_PERF, NULL);
}

static void of_jemalloc(void **state)
{
	(void)state;
	every_block_with(UPROBE_LINK_BEST, JEMALLOC);
}

static void on_forgotten(void *ctx, const struct wire_block *b)
{
	assert_int_equal(b->weight, 1);
	(*(unsigned *)ctx)++;
}

/* Too many blocks: what finds no room is counted, then half of the addresses are followed, each for two. */
static void a_sample_where_there_is_no_room(void **state)
{
	struct survivor_totals totals;
	unsigned forgotten = 0;
	struct rig r;

	(void)state;
	rig_start(&r, 128, UPROBE_LINK_BEST, NULL);
	window(&r);
	assert_int_equal(survivor_probe_totals(r.probe, &totals), 0);
	assert_true(totals.refused > 0);
	assert_true(alive(&r) > 96);
	assert_int_equal(survivor_probe_thin(r.probe, on_forgotten, &forgotten), 0);
	assert_in_range(forgotten, 20, 108);
	assert_in_range(alive(&r), 20, 108);
	forgotten = 0;
	assert_int_equal(survivor_probe_thin(r.probe, on_forgotten, &forgotten), 0); /* there is room now */
	assert_int_equal(forgotten, 0);
	window(&r);
	assert_int_equal(survivor_probe_totals(r.probe, &totals), 0);
	assert_int_equal(totals.weight, 2);
	/* as many again, by a sample of one half: six standard deviations */
	assert_in_range(site_of(&r, TARGET_KEPT_BYTES).born, TARGET_KEPT + 40, 2 * TARGET_KEPT + 60);
	rig_end(&r);
}

static void a_process_that_has_ended(void **state)
{
	struct survivor_totals totals;
	struct rig r;

	(void)state;
	rig_start(&r, 0, UPROBE_LINK_BEST, NULL);
	alloc_target_end(&r.target); /* processes that have ended are passed over */
	assert_int_equal(survivor_probe_switch(r.probe, true), 0);
	assert_int_equal(survivor_probe_totals(r.probe, &totals), 0);
	assert_int_equal(totals.calls, 0);
	assert_int_equal(alive(&r), 0);
	survivor_probe_close(r.probe);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_best_link),
		cmocka_unit_test(by_perf_events),
		cmocka_unit_test(of_jemalloc),
		cmocka_unit_test(a_sample_where_there_is_no_room),
		cmocka_unit_test(a_process_that_has_ended),
	};

	alloc_target_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
