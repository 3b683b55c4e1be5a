/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mappings of a scenario file as tables of rows: one row per key says how its value is read, its bounds, and what an error tells
 * that was expected. A key that has no row, or comes twice, is an error.
 */
#ifndef TOLL_SCENARIO_FIELDS_H
#define TOLL_SCENARIO_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenario/document.h"

#define FIELD_DURATION_MAX_NS (UINT64_C(30) * 24 * 3600 * 1000000000)

struct field {
	const char *key; /* NULL ends the table */
	/* Reads the value at `at` into out (base + offset). 0 or the error of place_error(). */
	int (*read)(const struct place *at, const struct field *f, void *out);
	size_t offset;
	size_t size; /* texts: of the array */
	double min, max; /* numbers: both included; durations in ns */
	const char *expected; /* "a number of tokens from 1 to 1000000" */
	const char *const *words; /* field_word: NULL-terminated; the index is stored as an enum */
};

/*
 * Reads a mapping in the order of the rows (so that a row may use what an earlier one read). A key of `overlay` (may be NULL) comes
 * instead of the mapping's. Bit i of *seen: row i was there.
 */
int fields_read(const struct place *mapping, const struct place *overlay, const struct field *rows, void *base, uint64_t *seen);

int field_text(const struct place *at, const struct field *f, void *out); /* printable, fits, not empty */
int field_name(const struct place *at, const struct field *f, void *out); /* letters, digits, - and _ */
int field_word(const struct place *at, const struct field *f, void *out); /* enum */
int field_bool(const struct place *at, const struct field *f, void *out); /* bool: true, false */
int field_u32(const struct place *at, const struct field *f, void *out);
int field_u64(const struct place *at, const struct field *f, void *out);
int field_number(const struct place *at, const struct field *f, void *out); /* double */
int field_duration(const struct place *at, const struct field *f, void *out); /* uint64_t ns */
int field_bytes(const struct place *at, const struct field *f, void *out); /* uint64_t */

/* The same check for a name that is a key. */
int field_check_name(const struct place *at, const char *name, size_t size);
/* "expected EXPECTED, found WHAT" at a place. */
int field_error(const struct place *at, const char *expected);
/* A plain decimal number, nothing after it; false else. */
bool number_parse(const char *text, double *out);

#endif
