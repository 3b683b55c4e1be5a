// SPDX-License-Identifier: GPL-2.0-only
#include "commands/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report/report.h"

int output_format(const char *format, bool *json, struct err *err)
{
	*json = !strcmp(format, "json");
	if (!*json && strcmp(format, "text"))
		return err_set(err, -EINVAL, "--format %.40s: expected text or json", format);
	return 0;
}

bool output_has_colour(void)
{
	const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(none && *none) && !(terminal && !strcmp(terminal, "dumb"));
}

int output_print(const json_t *doc, bool json, bool colour, struct err *err)
{
	int r = json ? report_print_json(doc, stdout) : report_print_text(doc, stdout, colour);

	/* "| head" has what it wanted */
	return r && r != -EPIPE ? err_set(err, r, "print the report: %s", strerror(-r)) : 0;
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

static int text_write(const json_t *doc, const char *path, struct err *err)
{
	FILE *f = fopen(path, "we");
	int r = f ? 0 : -errno;

	if (f)
		r = report_print_text(doc, f, false);
	if (f && fclose(f) && !r)
		r = -errno;
	if (r)
		return err_set(err, r, "write the report %s: %s; free space there, or choose another place with --out", path,
			       strerror(-r));
	return 0;
}

int output_write(const json_t *doc, const char *dir, struct err *err)
{
	char path[4096];

	if (strlen(dir) + sizeof("/result.json") > sizeof(path))
		return err_set(err, -ENAMETOOLONG, "--out: the directory's name is too long");
	directory_make(dir);
	snprintf(path, sizeof(path), "%s/result.json", dir);
	int r = report_write_json(doc, path, err);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/report.txt", dir);
	return text_write(doc, path, err);
}
