// SPDX-License-Identifier: GPL-2.0-only
#include "commands/top_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "bpf/wire.h"
#include "commands/top_screen.h"
#include "probe/alloc_probe.h"

struct top {
	struct top_model model;
	bool open, colour;
	bool quiet; /* as it was asked for: how much is said once the screen is gone */
	bool reports; /* a result comes after it, which tells why it was cut short */
	char why[256]; /* it was cut short */
};

static bool on_tick(void *ctx)
{
	struct top *t = ctx;

	if (!t->open)
		return true;
	enum top_key key = top_screen_key();
	if (key == TOP_RESIZED && t->model.samples)
		top_screen_draw(&t->model);
	return key != TOP_QUIT;
}

static void allocs_take(struct top_model *m, const struct session_view *v)
{
	struct top_alloc before[TOP_ALLOCS_MAX];
	struct alloc_row row;

	m->alloc_seen = false;
	if (!v->alloc)
		return;
	top_model_allocs_begin(m, before);
	for (unsigned i = 0; i < alloc_probe_rows(v->alloc); i++)
		if (!alloc_probe_row(v->alloc, i, &row) && row.stats.calls)
			top_model_alloc(m, row.name, &row.stats, row.kind == WIRE_ALLOC_FREE ? v->frees_on_ns : v->alloc_on_ns);
	top_model_allocs_end(m, before);
}

/* The terminal is taken when there is something to show: what goes wrong before that is told on it as it is. */
static void on_second(void *ctx, const struct session_view *view)
{
	struct top *t = ctx;

	top_model_update(&t->model, view);
	allocs_take(&t->model, view);
	if (!t->open)
		t->open = !top_screen_open(t->colour);
	if (t->open)
		top_screen_draw(&t->model);
}

static void on_wire(void *ctx, const void *record, uint32_t bytes)
{
	top_model_wire(&((struct top *)ctx)->model, record, bytes);
}

static void on_end(void *ctx, const char *why)
{
	struct top *t = ctx;

	if (t->open)
		top_screen_close();
	t->open = false;
	log_set_level(t->quiet ? LOG_WARN : LOG_INFO);
	if (why)
		snprintf(t->why, sizeof(t->why), "%s", why);
}

int top_view_run(struct session_config *s)
{
	struct top *t = calloc(1, sizeof(*t));
	const struct session_viewer viewer = {.ctx = t, .tick = on_tick, .second = on_second, .wire = on_wire, .end = on_end};
	int code;

	if (!t)
		return EXIT_CODE_CANNOT_RUN;
	t->colour = s->colour;
	t->quiet = s->quiet || s->no_result;
	t->reports = !s->no_result;
	s->quiet = true;
	s->viewer = &viewer;
	/* a line on the terminal would tear the screen; why it ended is told afterwards */
	log_set_level(LOG_ERROR);
	code = session_run(s);
	s->viewer = NULL;
	if (t->open)
		top_screen_close();
	if (t->why[0] && !t->reports)
		log_line(LOG_ERROR, "%s", t->why);
	free(t);
	return code;
}
