// SPDX-License-Identifier: GPL-2.0-only
#include "session/growth_watch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "report/survivors.h"

/*
 * A window in so many seconds: every system call of the machine passes the probes, which costs nginx at 2,000 requests/s some 2 % while
 * they are on, and so a fifth of a percent in all (scripts/bench.d/soak-tiers).
 */
#define WINDOW_NS (10 * NS_PER_S)
#define EVERY_NS (90 * NS_PER_S)
#define LOOK_NS (6 * EVERY_NS)

static int text_tell(void *probe, uint32_t tgid, const struct code_maps *maps, bool frame_pointers)
{
	return growth_probe_text(probe, tgid, maps, frame_pointers);
}

void growth_watch_add(struct growth_watch *w, uint32_t pid)
{
	if (w->probe)
		code_process(&w->kept.code, pid);
}

static int open_all(struct growth_watch *w, const struct soaked *of, struct err *err)
{
	int rc = kept_code_open(&w->kept, of->files);

	if (rc)
		return err_set(err, rc, "no memory for the stacks of growth");
	rc = growth_probe_open(&w->probe, kept_code_stack, &w->kept, err);
	if (rc)
		return rc;
	code_probe(&w->kept.code, text_tell, w->probe);
	w->no_touches = !growth_probe_has_touches(w->probe);
	return 0;
}

static void fail(struct growth_watch *w, const char *text)
{
	snprintf(w->why, sizeof(w->why), "%.300s", text);
	log_line(LOG_WARN, "no stacks of what grows: %s", w->why);
}

static void window_open(struct growth_watch *w, const struct soaked_now *now)
{
	int rc = growth_probe_switch(w->probe, true);

	if (rc) {
		fail(w, strerror(-rc));
		return;
	}
	soaked_window_open(&w->windows, now);
	w->next_ns = now->now_ns + EVERY_NS;
}

void growth_watch_begin(struct growth_watch *w, const struct soaked *of, const char *because, const struct soaked_now *now)
{
	size_t used = strlen(w->because);
	struct err err = {0};

	snprintf(w->because + used, sizeof(w->because) - used, "%s%s", used ? ", " : "", because);
	w->until_ns = now->now_ns + LOOK_NS;
	if (w->probe && !growth_probe_is_on(w->probe))
		w->next_ns = now->now_ns;
	if (w->why[0])
		return;
	if (!w->probe) {
		w->windows.begun_ns = now->now_ns;
		if (open_all(w, of, &err)) {
			w->probe = NULL;
			fail(w, err.text);
			return;
		}
		for (unsigned i = 0; i < of->pids; i++)
			growth_watch_add(w, of->pid[i]);
	}
	log_line(LOG_INFO, "%s: from here on the stacks behind it are looked at", because);
}

void growth_watch_fini(struct growth_watch *w)
{
	growth_probe_close(w->probe);
	kept_code_close(&w->kept);
	*w = (struct growth_watch){.probe = NULL};
}

/* --- windows -------------------------------------------------------------------------------------------------------------------- */

struct census {
	struct growth_watch *w;
	uint64_t now_ns;
	bool was_on; /* a window is closing */
	bool again; /* another window may follow; else things are counted for good */
};

/* A descriptor may have been closed out of our sight: by close_range, by exec. */
static bool is_there(const struct wire_block_key *key)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/fd/%" PRIu64, key->tgid, key->address);
	return key->kind != WIRE_KEPT_DESCRIPTOR || !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static int on_thing(void *ctx, const struct wire_block_key *key, const struct wire_block *b)
{
	struct census *c = ctx;
	struct growth_watch *w = c->w;
	bool present = c->was_on && growth_probe_window(w->probe) == b->window;
	int rc = 0;

	if (!is_there(key))
		return 0;
	if (present)
		rc = survivors_censored(w->kept.found, b, c->now_ns, c->again);
	return rc || c->again ? rc : survivors_alive(w->kept.found, b, c->now_ns);
}

static int window_close(struct growth_watch *w, const struct soaked_now *now, bool again)
{
	struct census census = {.w = w, .now_ns = now->now_ns, .was_on = growth_probe_is_on(w->probe), .again = again};

	if (census.was_on) {
		growth_probe_switch(w->probe, false);
		soaked_window_close(&w->windows, now);
	}
	return growth_probe_things(w->probe, on_thing, &census);
}

void growth_watch_tick(struct growth_watch *w, const struct soaked_now *now)
{
	int rc;

	if (!w->probe || w->why[0])
		return;
	rc = growth_probe_poll(w->probe);
	if (!rc && growth_probe_is_on(w->probe) && now->now_ns >= w->windows.open.now_ns + WINDOW_NS)
		rc = window_close(w, now, true);
	else if (!rc && !growth_probe_is_on(w->probe) && now->now_ns >= w->next_ns && now->now_ns < w->until_ns)
		window_open(w, now);
	if (rc)
		fail(w, strerror(-rc));
}

/* Of kinds whose end is not seen all that was taken counts as there. */
static int on_site(void *ctx, uint64_t key, const struct wire_site *site)
{
	struct growth_watch *w = ctx;
	struct wire_block all = {.site = key, .birth_ns = site->first_ns, .weight = (uint32_t)site->born};
	int rc = survivors_site(w->kept.found, key, site);

	return rc || site->kind < WIRE_KEPT_HEAP ? rc : survivors_censored(w->kept.found, &all, site->last_ns, false);
}

void growth_watch_end(struct growth_watch *w, const struct soaked_now *now)
{
	int rc;

	if (!w->probe || w->why[0])
		return;
	rc = growth_probe_poll(w->probe);
	if (!rc)
		rc = window_close(w, now, false);
	if (!rc)
		rc = growth_probe_sites(w->probe, on_site, w);
	if (!rc)
		rc = code_name(&w->kept.code);
	w->refused = growth_probe_refused(w->probe);
	w->stacks_lost = growth_probe_stacks_lost(w->probe);
	if (rc)
		fail(w, strerror(-rc));
}

void growth_watch_result(const struct growth_watch *w, const struct plan *plan, uint64_t start_ns, json_t *parts,
			 json_t *not_measured)
{
	static const char *const no_touches =
		"this kernel does not show page faults: pages written to for the first time are not seen";
	const char *note[] = {w->no_touches ? no_touches : NULL, NULL};
	struct survivor_row *row = NULL;
	struct report_survivors r = {
		.because = w->because,
		.cpu_share = -1,
		.weight = 1,
		.refused = w->refused,
		.stacks_lost = w->stacks_lost,
		.note = note,
	};
	const char *why = w->why[0] ? w->why : !w->because[0] ? "nothing rose for sure while the soak ran" : NULL;

	if (!why && survivors_rows(w->kept.found, &row, &r.rows))
		why = "no memory for the stacks of growth";
	if (why) {
		json_object_set_new(not_measured, "leak.growth_stacks", json_string(why));
		return;
	}
	r.row = row;
	soaked_windows_fill(&w->windows, plan, start_ns, &r);
	json_object_set_new(parts, "growth_stacks", report_growth_stacks(&r));
	free(row);
}
