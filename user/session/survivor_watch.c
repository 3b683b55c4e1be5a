// SPDX-License-Identifier: GPL-2.0-only
#include "session/survivor_watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "report/survivors.h"

#define BURY_NS NS_PER_S /* after a process has ended */

/* --- begin and end -------------------------------------------------------------------------------------------------------------- */

static int text_tell(void *probe, uint32_t tgid, const struct code_maps *maps, bool frame_pointers)
{
	return survivor_probe_text(probe, tgid, maps, frame_pointers);
}

void survivor_watch_add(struct survivor_watch *w, uint32_t pid)
{
	struct err err = {0};

	if (!w->probe)
		return;
	code_process(&w->kept.code, pid);
	if (survivor_probe_add(w->probe, pid, &err))
		log_line(LOG_DEBUG, "%s", err.text); /* it has ended already */
}

static int open_all(struct survivor_watch *w, const struct soaked *of, struct err *err)
{
	struct survivor_config config = {.calibration = &w->calibration, .stack = kept_code_stack, .ctx = &w->kept};
	int rc = 0;

	if (of->calibration)
		w->calibration = *of->calibration;
	else
		rc = calibrate(of->link, &w->calibration, err);
	if (rc)
		return rc;
	if (kept_code_open(&w->kept, of->files))
		return err_set(err, -ENOMEM, "no memory for the sites of blocks");
	rc = survivor_probe_open(&w->probe, &config, err);
	code_probe(&w->kept.code, text_tell, w->probe);
	return rc;
}

void survivor_watch_begin(struct survivor_watch *w, const struct soaked *of, const char *because, uint64_t now_ns)
{
	struct err err = {0};

	snprintf(w->because, sizeof(w->because), "%s", because);
	w->done.begun_ns = now_ns;
	if (open_all(w, of, &err)) {
		w->probe = NULL;
		snprintf(w->why, sizeof(w->why), "%.300s", err.text);
		log_line(LOG_WARN, "blocks are not followed: %s", w->why);
		return;
	}
	for (unsigned i = 0; i < of->pids; i++)
		survivor_watch_add(w, of->pid[i]);
	log_line(LOG_INFO, "from here on blocks of memory are followed, in windows: %s", because);
}

void survivor_watch_process(struct survivor_watch *w, const struct wire_process *p, uint32_t pid)
{
	if (!w->probe || p->role != WIRE_ROLE_GATEWAY)
		return;
	if (p->event == WIRE_PROCESS_FORK) {
		survivor_watch_add(w, pid);
		return;
	}
	survivor_probe_forget(w->probe, pid);
	if (!w->bury_ns)
		w->bury_ns = clock_now_ns() + BURY_NS;
}

void survivor_watch_fini(struct survivor_watch *w)
{
	survivor_probe_close(w->probe);
	kept_code_close(&w->kept);
	*w = (struct survivor_watch){.probe = NULL};
}

/* --- windows -------------------------------------------------------------------------------------------------------------------- */

struct census {
	struct survivor_watch *w;
	uint64_t now_ns;
	bool again; /* another window may follow */
};

static int on_block(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	struct census *c = ctx;
	int rc = 0;

	(void)key;
	if (b->window == c->w->totals.window)
		rc = survivors_censored(c->w->kept.found, b, c->now_ns, c->again);
	return rc || c->again ? rc : survivors_alive(c->w->kept.found, b, c->now_ns);
}

static void on_forgotten(void *ctx, const struct wire_block *b)
{
	survivors_forgotten(ctx, b);
}

/* Of a process that has ended: what a block's life was is known up to its end. */
static int on_buried(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	struct census *c = ctx;

	(void)key;
	if (b->window == c->w->totals.window)
		return survivors_censored(c->w->kept.found, b, c->now_ns, false);
	survivors_forgotten(c->w->kept.found, b);
	return 0;
}

/* In one walk over all blocks, however many processes have ended: workers may come and go by the second. */
static int bury(struct survivor_watch *w, uint64_t now_ns)
{
	struct census census = {.w = w, .now_ns = now_ns};

	if (!w->bury_ns || now_ns < w->bury_ns)
		return 0;
	w->bury_ns = 0;
	return survivor_probe_bury(w->probe, on_buried, &census);
}

static void window_open(struct survivor_watch *w, const struct soaked_now *now)
{
	int rc = survivor_probe_switch(w->probe, true);

	if (rc) {
		snprintf(w->why, sizeof(w->why), "the probes cannot be put on: %s", strerror(-rc));
		log_line(LOG_WARN, "blocks are not followed: %s", w->why);
		return;
	}
	soaked_window_open(&w->done, now);
}

/* The probes go off before blocks are counted: none changes meanwhile. */
static int window_close(struct survivor_watch *w, const struct soaked_now *now, bool again)
{
	struct census census = {.w = w, .now_ns = now->now_ns, .again = again};
	int rc = survivor_probe_switch(w->probe, false);

	soaked_window_close(&w->done, now);
	if (!rc)
		rc = survivor_probe_totals(w->probe, &w->totals);
	if (!rc)
		rc = survivor_probe_blocks(w->probe, on_block, &census);
	return rc || !again ? rc : survivor_probe_thin(w->probe, on_forgotten, w->kept.found);
}

/* Blocks found no room: the window is closed, so that a sample is followed from here on. */
static bool is_full(const struct survivor_watch *w, const struct soaked_now *now)
{
	return w->totals.refused > w->refused_seen && now->now_ns - w->done.open.now_ns >= WINDOWS_LEAST_NS;
}

static void tick(struct survivor_watch *w, const struct soaked_now *now)
{
	int rc = survivor_probe_poll(w->probe);

	if (!rc)
		rc = survivor_probe_totals(w->probe, &w->totals);
	if (!rc)
		rc = bury(w, now->now_ns);
	if (!rc && survivor_probe_is_on(w->probe) && (!w->windows.on || is_full(w, now))) {
		rc = window_close(w, now, true);
		w->refused_seen = w->totals.refused;
	}
	if (!rc && w->windows.on && !survivor_probe_is_on(w->probe))
		window_open(w, now);
	if (rc && !w->why[0]) {
		snprintf(w->why, sizeof(w->why), "blocks cannot be read: %s", strerror(-rc));
		survivor_probe_switch(w->probe, false);
	}
}

void survivor_watch_tick(struct survivor_watch *w, const struct soaked_now *now)
{
	struct windows_seen seen = {.now_ns = now->now_ns, .gateway_cpu_ns = now->cpu_ns, .share = now->share};

	if (!w->opened)
		windows_init(&w->windows, &seen);
	w->opened = true;
	if (w->probe && !w->why[0])
		tick(w, now);
	seen.spent_ns = w->totals.spent_ns;
	windows_tick(&w->windows, &seen, w->probe && !w->why[0]);
}

static int on_site(void *ctx, uint64_t key, const struct wire_site *site)
{
	return survivors_site(ctx, key, site);
}

/* What is there at the end without an open window was counted when the last one closed. */
void survivor_watch_end(struct survivor_watch *w, const struct soaked_now *now)
{
	struct census census = {.w = w, .now_ns = now->now_ns, .again = false};
	bool was_on;
	int rc;

	if (!w->probe || w->why[0])
		return;
	was_on = survivor_probe_is_on(w->probe);
	for (unsigned i = 0; i < SURVIVOR_NOTES_MAX && survivor_probe_note(w->probe, i); i++)
		snprintf(w->note[i], sizeof(w->note[i]), "%s", survivor_probe_note(w->probe, i));
	rc = survivor_probe_poll(w->probe);
	if (!rc && w->bury_ns) {
		w->bury_ns = now->now_ns;
		rc = bury(w, now->now_ns);
	}
	if (!rc && was_on)
		rc = window_close(w, now, false);
	if (!rc && !was_on) {
		w->totals.window++; /* no block is of the present window */
		rc = survivor_probe_blocks(w->probe, on_block, &census);
	}
	if (!rc)
		rc = survivor_probe_sites(w->probe, on_site, w->kept.found);
	if (!rc)
		rc = code_name(&w->kept.code);
	if (rc)
		snprintf(w->why, sizeof(w->why), "blocks cannot be read: %s", strerror(-rc));
}

/* --- result --------------------------------------------------------------------------------------------------------------------- */

void survivor_watch_result(const struct survivor_watch *w, const struct plan *plan, uint64_t start_ns, json_t *parts,
			   json_t *not_measured)
{
	const char *note[SURVIVOR_NOTES_MAX + 1] = {NULL};
	struct survivor_row *row = NULL;
	struct report_survivors r = {
		.because = w->because,
		.cpu_share = w->done.cpu_ns > 0 ? w->totals.spent_ns / w->done.cpu_ns : -1,
		.weight = w->totals.weight,
		.refused = w->totals.refused,
		.strangers = w->totals.strangers,
		.stacks_lost = w->totals.stacks_lost,
		.searched = w->searched,
		.note = note,
	};
	const char *why = w->why[0] ? w->why : !w->because[0] ? "no memory grew, and --survivors was not given" : NULL;

	if (!why && !w->done.count)
		why = "the budget allowed no window: a larger --budget, or a longer soak";
	if (!why && survivors_rows(w->kept.found, &row, &r.rows))
		why = "no memory for the sites of blocks";
	if (why) {
		json_object_set_new(not_measured, "leak.survivors", json_string(why));
		return;
	}
	r.row = row;
	soaked_windows_fill(&w->done, plan, start_ns, &r);
	for (unsigned i = 0; i < SURVIVOR_NOTES_MAX && w->note[i][0]; i++)
		note[i] = w->note[i];
	json_object_set_new(parts, "survivors", report_survivors(&r));
	free(row);
}
