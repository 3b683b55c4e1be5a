// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/doctor_allocators.h"
#include "probe/probe.h"

static const struct command_help help = {
	.usage = "toll doctor [--pid PID] [--path NAME=IMPL]",
	.text = "Says what this kernel and these permissions allow, one line each: ability, yes or no, which path, and what a "
		"report lacks "
		"without it. Everything is tried: programs are loaded and attached, then a byte is sent there and back on "
		"loopback. Then: which allocator functions a process has, and which instruction of each a probe sits on.",
	.examples = "  toll doctor\n"
		    "  toll doctor --pid 4242\n",
};

/* What no kernel path of ours shows, however good the kernel. */
static const char *const blind[] = {
	"HTTP/3 (QUIC), AF_XDP and sockmap redirects: their bytes pass no TCP socket",
	"Unix sockets: an upstream behind one is named, not timed",
	"kTLS reads by kernel workers: the reading thread is a kernel worker",
	"HTTP/2 phases while several streams share a connection",
};

static void row_print(const struct ability *a)
{
	static const char *const word[] = {[ABILITY_NO] = "no", [ABILITY_YES] = "yes", [ABILITY_UNKNOWN] = "unknown"};

	printf("%-33s %-8s %s (%s)\n", a->name, word[a->state], a->detail, a->how);
	if (a->state != ABILITY_YES)
		printf("%-33s %-8s lost without it: %s\n", "", "", a->lost);
}

int command_doctor(int argc, char **argv)
{
	bool verbose = false;
	uint64_t pid = 0;
	struct option_list list = {0};
	struct paths paths = {0};
	const struct option rows[] = {
		{OPTION_U64, "pid", 'p', "PID", "tell the allocator probes of this process", &pid},
		PATH_OPTION_ROW(&list),
		{OPTION_FLAG, "verbose", 'v', NULL, "print libbpf's messages too", &verbose},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	struct ability ability[ABILITIES_MAX];
	struct utsname kernel;
	struct err err = {0};
	unsigned count, positionals, missing = 0;
	int rc = options_parse(rows, &help, argc, argv, NULL, 0, &positionals, &err);

	if (rc > 0)
		return EXIT_CODE_OK;
	if (!rc)
		rc = paths_parse(&list, &paths, &err);
	if (rc < 0) {
		log_line(LOG_ERROR, "%s", err.text);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (verbose)
		log_set_level(LOG_DEBUG);
	uname(&kernel);
	printf("kernel %s, %s, user id %u\n\n", kernel.release, kernel.machine, (unsigned)geteuid());
	abilities_probe(&paths, ability, &count);
	for (unsigned i = 0; i < count; i++) {
		row_print(&ability[i]);
		missing += ability[i].required && ability[i].state != ABILITY_YES;
	}
	doctor_allocators_print((uint32_t)pid, &paths);
	printf("\nnever visible:\n");
	for (size_t i = 0; i < sizeof(blind) / sizeof(blind[0]); i++)
		printf("  %s\n", blind[i]);
	if (!missing)
		printf("\nprobes work here.\n");
	else
		printf("\nprobes do not work here (%u of what they need is missing)%s; load and outside criteria still run.\n",
		       missing, geteuid() ? ": run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE" : "");
	return missing ? EXIT_CODE_CRITERIA : EXIT_CODE_OK;
}
