// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/options.h"
#include "bpf/wire.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/top_screen.h"
#include "session/session.h"

static const struct command_help help = {
	.usage = "toll top (--pid PID | --comm NAME | --cgroup PATH | --gateway URL) [options]",
	.text = "A full screen of a running gateway, made anew each second: requests, the toll by phase and by cause, threads, "
		"system calls, "
		"sockets by peer, memory. Sends nothing and writes nothing; q ends it. For figures to keep, use toll attach.",
	.examples = "  toll top --comm nginx\n"
		    "  toll top --gateway http://127.0.0.1:8080 --probes sockets,threads,syscalls\n",
};

struct top {
	struct top_model model;
	bool open, colour;
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

/* The terminal is taken when there is something to show: what goes wrong before that is told on it as it is. */
static void on_second(void *ctx, const struct session_view *view)
{
	struct top *t = ctx;

	top_model_update(&t->model, view);
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
	if (why)
		snprintf(t->why, sizeof(t->why), "%s", why);
}

static int top_run(struct session_config *s)
{
	struct top *t = calloc(1, sizeof(*t));
	const struct session_viewer viewer = {.ctx = t, .tick = on_tick, .second = on_second, .wire = on_wire, .end = on_end};
	int code;

	if (!t)
		return EXIT_CODE_CANNOT_RUN;
	t->colour = s->colour;
	s->viewer = &viewer;
	code = session_run(s);
	s->viewer = NULL;
	if (t->open)
		top_screen_close();
	if (t->why[0])
		log_line(LOG_ERROR, "%s", t->why);
	free(t);
	return code;
}

int command_top(int argc, char **argv)
{
	struct session_config session = {.attach_ns = UINT64_MAX / 4, .no_result = true, .capture = CAPTURE_OFF};
	struct session_config *s = &session;
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	const struct option rows[] = {
		TARGET_OPTION_ROWS(s),
		{OPTION_DURATION, "for", 0, "TIME", "how long (default: until q)", &s->attach_ns},
		{OPTION_STRING, "probes", 0, "LIST", "sockets (always on), threads, syscalls (default sockets,threads)",
		 &common.probes},
		PATH_OPTION_ROW(&common.path),
		{OPTION_FLAG, "color", 0, NULL, "--no-color: plain (also $NO_COLOR)", &common.color},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	struct err err = {0};
	unsigned positionals = 0;
	int rc = options_parse(rows, &help, argc, argv, NULL, 0, &positionals, &err);

	if (rc > 0)
		return EXIT_CODE_OK;
	if (!rc && !s->pid && !s->comm && !s->cgroup && !s->url)
		rc = err_set(&err, -EINVAL, "look at what? give --pid, --comm, --cgroup or --gateway");
	s->quiet = true;
	if (!rc)
		rc = common_finish(&common, s, &err);
	if (!rc && top_screen_is_missing())
		rc = err_set(&err, -ENOTTY, "toll top needs a terminal; for a file or a pipe use toll attach");
	/* a line on the terminal would tear the screen; why it ended is told afterwards */
	log_set_level(LOG_ERROR);
	return rc ? common_fail(&err) : top_run(s);
}
