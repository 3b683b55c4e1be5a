/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/fields.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/units.h"

int field_error(const struct place *at, const char *expected)
{
	const char *text = place_text(at);

	if (at->node->type == YAML_MAPPING_NODE)
		return place_error(at, "expected %s, found a mapping", expected);
	if (at->node->type == YAML_SEQUENCE_NODE)
		return place_error(at, "expected %s, found a list", expected);
	return place_error(at, "expected %s, found \"%.60s\"", expected, text ? text : "a NUL byte");
}

static int unknown_key(const struct place *at, const struct field *rows)
{
	struct nearest nearest = {.word = at->key};
	char all[240] = "";

	for (const struct field *f = rows; f->key; f++) {
		size_t used = strlen(all);

		nearest_offer(&nearest, f->key);
		snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "", f->key);
	}
	if (nearest.name)
		return place_error(at, "unknown key; did you mean %s? Expected one of %s", nearest.name, all);
	return place_error(at, "unknown key; expected one of %s", all);
}

static bool find_member(const struct place *mapping, const char *key, struct place *out)
{
	for (unsigned i = 0; place_member(mapping, i, out); i++)
		if (strcmp(out->key, key) == 0)
			return true;
	return false;
}

static int check_keys(const struct place *mapping, const struct field *rows)
{
	uint64_t seen = 0;
	struct place at;

	if (mapping->node->type != YAML_MAPPING_NODE)
		return field_error(mapping, "a mapping");
	for (unsigned i = 0; place_member(mapping, i, &at); i++) {
		unsigned row = 0;

		while (rows[row].key && strcmp(rows[row].key, at.key) != 0)
			row++;
		if (!rows[row].key)
			return unknown_key(&at, rows);
		if (seen & (UINT64_C(1) << row))
			return place_error(&at, "given twice; expected one value");
		seen |= UINT64_C(1) << row;
	}
	return 0;
}

int fields_read(const struct place *mapping, const struct place *overlay, const struct field *rows, void *base, uint64_t *seen)
{
	int ret = check_keys(mapping, rows);

	if (!ret && overlay)
		ret = check_keys(overlay, rows);
	*seen = 0;
	for (unsigned i = 0; !ret && rows[i].key; i++) {
		struct place at;

		if (!(overlay && find_member(overlay, rows[i].key, &at)) && !find_member(mapping, rows[i].key, &at))
			continue;
		*seen |= UINT64_C(1) << i;
		ret = rows[i].read(&at, &rows[i], (char *)base + rows[i].offset);
	}
	return ret;
}

int field_text(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);
	size_t n = text ? strlen(text) : 0;

	while (n > 0 && text[n - 1] == '\n') /* a folded block scalar ends with one */
		n--;
	if (n == 0)
		return field_error(at, f->expected);
	if (n >= f->size)
		return place_error(at, "expected %s of at most %zu bytes, found %zu bytes", f->expected, f->size - 1, n);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return place_error(at, "expected %s on one line, found a control character", f->expected);
	memcpy(out, text, n);
	((char *)out)[n] = '\0';
	return 0;
}

int field_check_name(const struct place *at, const char *name, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t n = strlen(name);

	if (n == 0 || n >= size || strspn(name, allowed) != n)
		return place_error(at, "expected a name of letters, digits, - and _ (1 to %zu of them), found \"%.60s\"",
				   size - 1, name);
	return 0;
}

int field_name(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);
	int ret = text ? field_check_name(at, text, f->size) : field_error(at, "a name");

	if (!ret)
		memcpy(out, text, strlen(text) + 1);
	return ret;
}

int field_word(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);

	for (unsigned i = 0; text && f->words[i]; i++) {
		if (strcmp(text, f->words[i]) == 0) {
			memcpy(out, &i, sizeof(i)); /* enums of the plan have unsigned's size: asserted where the rows are */
			return 0;
		}
	}
	return field_error(at, f->expected);
}

int field_bool(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);

	(void)f;
	if (!text || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
		return field_error(at, "true or false");
	*(bool *)out = text[0] == 't';
	return 0;
}

int field_u64(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);
	uint64_t value;

	if (!text || units_parse_u64(text, &value) != 0 || (double)value < f->min || (double)value > f->max)
		return field_error(at, f->expected);
	memcpy(out, &value, sizeof(value));
	return 0;
}

int field_u32(const struct place *at, const struct field *f, void *out)
{
	uint64_t value;
	int ret = field_u64(at, f, &value);

	if (!ret)
		*(uint32_t *)out = (uint32_t)value; /* rows' max is within 32 bits */
	return ret;
}

bool number_parse(const char *text, double *out)
{
	char *end;

	/* strtod alone also reads "inf", "nan" and hexadecimal */
	if (text[0] == '\0' || text[strspn(text, "0123456789.eE+-")] != '\0')
		return false;
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

int field_number(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);
	double value;

	if (!text || !number_parse(text, &value) || value < f->min || value > f->max)
		return field_error(at, f->expected);
	memcpy(out, &value, sizeof(value));
	return 0;
}

int field_duration(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);
	uint64_t value;

	if (!text || units_parse_duration_ns(text, &value) != 0 || (double)value < f->min || (double)value > f->max)
		return field_error(at, f->expected);
	memcpy(out, &value, sizeof(value));
	return 0;
}

int field_bytes(const struct place *at, const struct field *f, void *out)
{
	const char *text = place_text(at);
	uint64_t value;

	if (!text || units_parse_bytes(text, &value) != 0 || (double)value < f->min || (double)value > f->max)
		return field_error(at, f->expected);
	memcpy(out, &value, sizeof(value));
	return 0;
}
