/* SPDX-License-Identifier: GPL-2.0-only */
/* From the words on the command line to a scenario's file. Inside scenario/ only. */
#ifndef TOLL_SCENARIO_PLAN_SOURCE_H
#define TOLL_SCENARIO_PLAN_SOURCE_H

#include <stddef.h>

#include "base/err.h"

/* Built-in names ("gateway/smoke"), sorted; caller frees each and the array by plan_names_free. */
struct plan_names {
	char **name;
	size_t count;
};
int plan_names_read(struct plan_names *out, struct err *err);
void plan_names_free(struct plan_names *names);

/* Path of a source of plan_load ("-" stays). -ENOENT: no such file or name; err lists near names. */
int plan_source_path(const char *source, char *path, size_t size, struct err *err);

#endif
