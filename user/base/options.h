/* SPDX-License-Identifier: GPL-2.0-only */
/* Command-line options as rows of a table; help text is made from the same rows. No global settings: rows point into a struct of the caller. */
#ifndef TOLL_BASE_OPTIONS_H
#define TOLL_BASE_OPTIONS_H

#include <stdio.h>

#include "base/err.h"

enum option_kind {
	OPTION_FLAG, /* bool *; --no-NAME clears */
	OPTION_STRING, /* const char ** (points into argv) */
	OPTION_U64, /* uint64_t * */
	OPTION_DURATION, /* uint64_t *, ns */
	OPTION_BYTES, /* uint64_t * */
	OPTION_LIST, /* struct option_list *: may be given several times */
	OPTION_END = -1,
};

#define OPTION_LIST_MAX 32
struct option_list {
	unsigned count;
	const char *value[OPTION_LIST_MAX];
};

struct option {
	enum option_kind kind;
	const char *name; /* without "--" */
	char letter; /* 0: none */
	const char *argname; /* "URL", NULL for flags */
	const char *help; /* one line */
	void *out;
};

struct command_help {
	const char *usage; /* "toll run SCENARIO --gateway URL [options]" */
	const char *text; /* what it does, a paragraph */
	const char *tables; /* what an option's value may be: "title:\n  rows\n", an empty line between two; or NULL */
	const char *examples; /* lines */
};

/*
 * Parses argv[1..]; both "--name value" and "--name=value"; "--" ends options. Positional arguments are collected in
 * positional (at most max; *count set). Returns 0, 1 if --help was printed to stdout, or -EINVAL with err naming the
 * argument, what was expected and the nearest known option. A lone --list-options prints the rows for completion scripts, and returns 1 too.
 */
int options_parse(const struct option *rows, const struct command_help *help, int argc, char **argv, const char **positional,
		  unsigned max, unsigned *count, struct err *err);
void options_print_help(FILE *out, const struct option *rows, const struct command_help *help);

#endif
