// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "base/clock.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/top_screen.h"
#include "commands/top_view.h"
#include "session/session.h"

static const struct command_help help = {
	.usage = "toll top (--pid PID | --comm NAME | --cgroup PATH | --gateway URL) [options]",
	.text = "A full screen of a running gateway, made anew each second: requests, the toll by phase and by cause, threads, "
		"system calls, "
		"sockets by peer, memory. Sends nothing and writes nothing; q ends it. For figures to keep, use toll attach "
		"--top or toll run --top.",
	.examples = "  toll top --comm nginx\n"
		    "  toll top --gateway http://127.0.0.1:8080 --probes sockets,threads,syscalls\n",
};

int command_top(int argc, char **argv)
{
	struct session_config session = {.attach_ns = UINT64_MAX / 4, .no_result = true, .capture = CAPTURE_OFF};
	struct session_config *s = &session;
	struct common_options common = COMMON_OPTIONS_DEFAULT;

	common.probes = "sockets,threads";
	const struct option rows[] = {
		TARGET_OPTION_ROWS(s),
		{OPTION_DURATION, "for", 0, "TIME", "how long (default: until q)", &s->attach_ns},
		{OPTION_STRING, "probes", 0, "LIST", "sockets (always on), threads, syscalls, alloc (default sockets,threads)",
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
	if (!rc)
		rc = common_finish(&common, s, &err);
	if (!rc && top_screen_is_missing())
		rc = err_set(&err, -ENOTTY, "toll top needs a terminal; for a file or a pipe use toll attach");
	return rc ? common_fail(&err) : top_view_run(s);
}
