// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/nearest.h"
#include "base/sandbox.h"
#include "commands/commands.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
	bool only_reads; /* files, and prints: nothing else is possible (base/sandbox.h) */
};

static const struct command commands[] = {
	{"run", command_run, "load a gateway as a scenario tells and report what it charged each request", false},
	{"soak", command_soak, "does it leak? rounds of load that end with a verdict", false},
	{"attach", command_attach, "watch a running gateway under its own traffic", false},
	{"top", command_top, "a full screen of a running gateway, made anew each second", false},
	{"replay", command_replay, "make the report of a capture again, without root", true},
	{"report", command_report, "print a result: text, HTML, JUnit, Prometheus and more", true},
	{"compare", command_compare, "what changed between two results, with intervals and gates", true},
	{"merge", command_merge, "join the results of several drivers or hosts, exactly", true},
	{"redact", command_redact, "a result without hosts, addresses, paths and users", true},
	{"doctor", command_doctor, "what this kernel and these permissions allow", false},
	{"provider", command_provider, "the embedded OpenAI-compatible upstream", false},
	{"gateway", command_gateway, "the reference gateway, with planted costs", false},
	{"schema", command_schema, "print the JSON schema of results", true},
	{"scenarios", command_scenarios, "list the built-in scenarios, or print one", true},
	{"completion", command_completion, "print a completion script for bash, zsh or fish", true},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	printf("usage: toll COMMAND [options]\n\n"
	       "What does an LLM gateway charge every request, and where inside it does that time go?\n\ncommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s  %s\n", commands[i].name, commands[i].help);
	printf("\n`toll COMMAND --help` tells a command's options; `toll --version` the version and what is compiled in.\n\n"
	       "exit codes:\n"
	       "  %d  ran; all criteria met\n"
	       "  %d  ran; a criterion was missed or could not be measured\n"
	       "  %d  could not run: usage, bad file, no listener, no permission\n"
	       "  %d  the run was cut short (signal, gateway died, disk full); the result says where\n",
	       EXIT_CODE_OK, EXIT_CODE_CRITERIA, EXIT_CODE_CANNOT_RUN, EXIT_CODE_CUT_SHORT);
}

/* For completion scripts. */
static int list_commands(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		printf("%s\t%s\n", commands[i].name, commands[i].help);
	return EXIT_CODE_OK;
}

static int unknown_command(const char *name)
{
	struct nearest n = {.word = name};

	for (size_t i = 0; i < COMMANDS; i++)
		nearest_offer(&n, commands[i].name);
	if (n.name)
		fprintf(stderr, "toll: unknown command '%s': did you mean '%s'? (`toll --help` lists all)\n", name, n.name);
	else
		fprintf(stderr, "toll: unknown command '%s': `toll --help` lists all\n", name);
	return EXIT_CODE_CANNOT_RUN;
}

/* A file that took the number of a stream which the caller had closed would be printed into. */
static void streams_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			exit(EXIT_CODE_CANNOT_RUN);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	streams_open();
	/* a peer that left is told by write()'s error, not by a signal */
	signal(SIGPIPE, SIG_IGN);
	if (!name || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_help();
		return name ? EXIT_CODE_OK : EXIT_CODE_CANNOT_RUN;
	}
	if (strcmp(name, "--version") == 0)
		return command_version();
	if (strcmp(name, "--list-commands") == 0)
		return list_commands();
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (commands[i].only_reads)
			sandbox_enter(); /* a kernel without it runs the command all the same */
		return commands[i].run(argc - 1, argv + 1);
	}
	return unknown_command(name);
}
