/* SPDX-License-Identifier: GPL-2.0-only */
/* Every form that a result document can be printed in: `toll report RESULT --format NAME` and `--export NAME=FILE`. */
#ifndef TOLL_REPORT_FORMATS_H
#define TOLL_REPORT_FORMATS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"

struct report_format {
	const char *name; /* "html" */
	const char *what; /* for the help: one line */
	bool binary; /* not for a terminal */
	const char *header[2]; /* of a POST of it: "Content-Type: ...", and one more; NULL: none */
	int (*print)(const json_t *doc, FILE *out); /* 0 or -errno; -ENODATA: the document lacks what this form is made of */
};

/* All, in the order of the help; the last has no name. */
extern const struct report_format report_formats[];
/* -EINVAL: err lists the names. */
int report_format_find(const char *name, const struct report_format **out, struct err *err);
/* Prints and judges: err tells what failed and what to do. */
int report_format_print(const struct report_format *format, const json_t *doc, FILE *out, struct err *err);
/* Into memory: text ends with a NUL that *bytes does not count; the caller frees. */
int report_format_make(const struct report_format *format, const json_t *doc, char **text, size_t *bytes, struct err *err);
/* To a file, replaced as a whole. */
int report_format_write(const struct report_format *format, const json_t *doc, const char *path, struct err *err);
/* "html=report.html": split at the first "=", the name checked. path points into text. */
int report_export_parse(const char *text, const struct report_format **out, const char **path, struct err *err);
/* What each run leaves in its directory: result.json, report.txt, report.html. */
int report_write_all(const json_t *doc, const char *dir, struct err *err);

#endif
