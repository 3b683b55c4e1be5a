/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of many lines that a scenario names: prompts, arrival traces. Inside scenario/ only. */
#ifndef TOLL_SCENARIO_DATA_FILE_H
#define TOLL_SCENARIO_DATA_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Calls fn for each line that is not blank (its end not included; line[bytes] is a NUL), numbers from 1, until it returns other than 0. Only
 * regular files, of at most max_bytes; the buffer is read in pieces.
 */
int data_lines(const char *path, uint64_t max_bytes,
	       int (*fn)(void *ctx, const char *line, size_t bytes, unsigned number, const char *path, struct err *err),
	       void *ctx, struct err *err);

/* "PATH:LINE: ..." and -EINVAL. */
__attribute__((format(printf, 4, 5))) int data_error(struct err *err, const char *path, unsigned line, const char *fmt, ...);

/* Room for item `count` of an array that grows by doubling; NULL: no memory, and the array is as it was. */
void *data_grow(void *array, uint64_t count, size_t item_bytes);

#endif
