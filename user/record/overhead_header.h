/* SPDX-License-Identifier: GPL-2.0-only */
/* What a gateway says itself, in a header of its answer, that it took of a request. */
#ifndef TOLL_RECORD_OVERHEAD_HEADER_H
#define TOLL_RECORD_OVERHEAD_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By index: the one that the user has named, then those of known gateways. Captures hold the indices: append only. */
#define OVERHEAD_HEADERS 4
/* Of a known one; NULL: index 0, whose name is the user's, or none. */
const char *overhead_header_name(uint32_t index);
/* Longest name that may be asked for, with its NUL. */
#define OVERHEAD_HEADER_NAME_MAX 64
/* May a header have this name? */
bool overhead_header_is_name(const char *name);
/*
 * Does this line of a head tell it? named: what the user asked for, and then nothing else counts; NULL: any of the known ones. A number
 * without a unit has the one that the name ends with ("-ms", "-us", "-ns", "-seconds"), else ms. False for another header, and for a
 * value that is no time.
 */
bool overhead_header_read(const char *line, size_t bytes, const char *named, uint32_t *index, uint64_t *ns);

#endif
