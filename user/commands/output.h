/* SPDX-License-Identifier: GPL-2.0-only */
/* How commands print a result document. */
#ifndef TOLL_COMMANDS_OUTPUT_H
#define TOLL_COMMANDS_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "report/formats.h"

/* Standard output is a terminal that knows colours, and NO_COLOR (no-color.org) is not set. */
bool output_has_colour(void);
/* To standard output; colour only where the format is "text". */
int output_print(const json_t *doc, const struct report_format *format, bool colour, struct err *err);
/* result.json, report.txt and report.html in the directory, which is made if it is missing. */
int output_write(const json_t *doc, const char *dir, struct err *err);

#endif
