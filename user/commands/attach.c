// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "session/session.h"

static const struct command_help help = {
	.usage = "toll attach (--pid PID | --comm NAME | --cgroup PATH | --gateway URL) --for TIME [options]",
	.text = "Watches a running gateway under whatever traffic it has; sends nothing. Upstream turns are joined to requests "
		"by thread and order, "
		"and the report says so. What only a load of ours could tell (latency from the intended start, driver, provider) "
		"is listed as not "
		"measured.",
	.examples = "  toll attach --pid 4242 --for 30s\n"
		    "  toll attach --comm nginx --for 2m --out out/nginx\n"
		    "  toll attach --gateway http://127.0.0.1:8080 --for 30s\n",
};

int command_attach(int argc, char **argv)
{
	struct session_config session = {.out_dir = "out/attach", .attach_ns = 30 * NS_PER_S};
	struct session_config *s = &session;
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	const char *capture = NULL;
	const struct option rows[] = {
		TARGET_OPTION_ROWS(s),
		{OPTION_DURATION, "for", 0, "TIME", "how long (default 30s)", &s->attach_ns},
		{OPTION_STRING, "capture", 0, "MODE", "full, sample (default, at most --capture-max) or off", &capture},
		COMMON_OPTION_ROWS(common, s),
	};
	struct err err = {0};
	unsigned positionals = 0;
	int rc = options_parse(rows, &help, argc, argv, NULL, 0, &positionals, &err);

	if (rc > 0)
		return EXIT_CODE_OK;
	if (!rc && !s->pid && !s->comm && !s->cgroup && !s->url)
		rc = err_set(&err, -EINVAL, "attach to what? give --pid, --comm, --cgroup or --gateway");
	if (!rc)
		rc = common_capture_mode(capture, &s->capture, &err);
	if (!rc)
		rc = common_finish(&common, s, &err);
	return rc ? common_fail(&err) : common_run(&common, s);
}
