/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walks the members of a JSON object where the text lies, without building anything: for bodies of which a member or two is wanted, request
 * after request. It knows plain JSON: ASCII, no \u, numbers without an exponent, 32 levels. What it takes, a whole parser of RFC 8259 takes
 * too; of what it does not take it says nothing.
 */
#ifndef TOLL_BASE_JSON_SCAN_H
#define TOLL_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name: without its quotes, escapes as they stand. value: from its first character to its last, a string with its quotes. */
struct json_member {
	const char *name, *value;
	size_t name_bytes, value_bytes;
};

/* Of a name that comes twice the last one counts: a later call overwrites. */
typedef void json_member_fn(void *ctx, const struct json_member *member);

/* Calls fn for each member of the object that the text is, in their order. False: no plain JSON object, and what fn was told is worth nothing. */
bool json_scan_object(const char *text, size_t bytes, json_member_fn *fn, void *ctx);

bool json_member_is(const struct json_member *m, const char *name);
/* Is the value this literal, or this number as it is written? */
bool json_value_is(const struct json_member *m, const char *text);

#endif
