// SPDX-License-Identifier: GPL-2.0-only
#include "commands/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/report.h"

bool output_has_colour(void)
{
	const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(none && *none) && !(terminal && !strcmp(terminal, "dumb"));
}

int output_print(const json_t *doc, const struct report_format *format, bool colour, struct err *err)
{
	if (format->binary && isatty(STDOUT_FILENO))
		return err_set(err, -EINVAL, "--format %s is no text: send it to a file, with > or --out", format->name);
	int r = !strcmp(format->name, "text") ? report_print_text(doc, stdout, colour)
					      : report_format_print(format, doc, stdout, err);
	/* "| head" has what it wanted */
	if (!r || r == -EPIPE)
		return 0;
	return err->text[0] ? r : err_set(err, r, "print the report: %s", strerror(-r));
}

/* mkdir -p; a part that exists is fine, the last one is judged when it is written to. */
static void directory_make(const char *dir)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
		return;
	for (char *c = path + 1; *c; c++) {
		if (*c != '/')
			continue;
		*c = 0;
		mkdir(path, 0777);
		*c = '/';
	}
	mkdir(path, 0777);
}

int output_write(const json_t *doc, const char *dir, struct err *err)
{
	directory_make(dir);
	return report_write_all(doc, dir, err);
}
