// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/nearest.h"
#include "commands/commands.h"

#ifndef TOLL_VERSION
#define TOLL_VERSION "0.1"
#endif

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{"run", command_run, "load a gateway as a scenario tells and report what it charged each request"},
	{"soak", command_soak, "does it leak? rounds of load that end with a verdict"},
	{"attach", command_attach, "watch a running gateway under its own traffic"},
	{"top", command_top, "a full screen of a running gateway, made anew each second"},
	{"replay", command_replay, "make the report of a capture again, without root"},
	{"report", command_report, "print a result: text, HTML, JUnit, Prometheus and more"},
	{"compare", command_compare, "what changed between two results, with intervals and gates"},
	{"merge", command_merge, "join the results of several drivers or hosts, exactly"},
	{"redact", command_redact, "a result without hosts, addresses, paths and users"},
	{"doctor", command_doctor, "what this kernel and these permissions allow"},
	{"provider", command_provider, "the embedded OpenAI-compatible upstream"},
	{"gateway", command_gateway, "the reference gateway, with planted costs"},
	{"schema", command_schema, "print the JSON schema of results"},
	{"scenarios", command_scenarios, "list the built-in scenarios, or print one"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	size_t i;

	printf("usage: toll COMMAND [options]\n\nWhat does an LLM gateway charge every request, and where inside it does that "
	       "time go?\n\n"
	       "commands:\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-10s  %s\n", commands[i].name, commands[i].help);
	printf("\n`toll COMMAND --help` tells a command's options; `toll --version` prints the version.\n\n"
	       "exit codes:\n"
	       "  %d  ran; all criteria met\n"
	       "  %d  ran; a criterion was missed or could not be measured\n"
	       "  %d  could not run: usage, bad file, no listener, no permission\n"
	       "  %d  the run was cut short (signal, gateway died, disk full); the result says where\n",
	       EXIT_CODE_OK, EXIT_CODE_CRITERIA, EXIT_CODE_CANNOT_RUN, EXIT_CODE_CUT_SHORT);
}

static int unknown_command(const char *name)
{
	struct nearest n = {.word = name};
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		nearest_offer(&n, commands[i].name);
	if (n.name)
		fprintf(stderr, "toll: unknown command '%s': did you mean '%s'? (`toll --help` lists all)\n", name, n.name);
	else
		fprintf(stderr, "toll: unknown command '%s': `toll --help` lists all\n", name);
	return EXIT_CODE_CANNOT_RUN;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	size_t i;

	/* a peer that left is told by write()'s error, not by a signal */
	signal(SIGPIPE, SIG_IGN);
	if (!name) {
		print_help();
		return EXIT_CODE_CANNOT_RUN;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help();
		return EXIT_CODE_OK;
	}
	if (strcmp(name, "--version") == 0) {
		printf("toll %s\n", TOLL_VERSION);
		return EXIT_CODE_OK;
	}
	for (i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	return unknown_command(name);
}
