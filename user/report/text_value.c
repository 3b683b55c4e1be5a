// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"

#define ABSENT "–"

const json_t *text_at(const json_t *doc, const char *path)
{
	while (doc && *path) {
		size_t n = strcspn(path, ".");
		doc = json_is_array(doc) ? json_array_get(doc, strtoul(path, NULL, 10)) : json_object_getn(doc, path, n);
		path += n + (path[n] == '.');
	}
	return doc;
}

uint64_t text_u64(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

double text_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

const char *text_string(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

const char *text_ns(char buf[TEXT_CELL], const json_t *object, const char *key)
{
	if (!json_object_get(object, key))
		return ABSENT;
	return units_format_ns(buf, TEXT_CELL, text_u64(object, key));
}

static bool is_at_least(const json_t *dist, const char *key)
{
	json_t *name;
	size_t i;

	json_array_foreach (json_object_get(dist, "at_least"), i, name) {
		const char *s = json_string_value(name);
		if (s && !strcmp(s, key))
			return true;
	}
	return false;
}

const char *text_dist(char buf[TEXT_CELL], const json_t *dist, const char *key)
{
	char plain[TEXT_CELL - 4];

	if (!json_object_get(dist, key))
		return ABSENT;
	units_format_ns(plain, sizeof(plain), text_u64(dist, key));
	snprintf(buf, TEXT_CELL, "%s%s", is_at_least(dist, key) ? "≥" : "", plain);
	return buf;
}

const char *text_count(char buf[TEXT_CELL], const json_t *object, const char *key)
{
	if (!json_object_get(object, key))
		return ABSENT;
	return units_format_count(buf, TEXT_CELL, text_u64(object, key));
}

const char *text_rate(char buf[TEXT_CELL], double per_s)
{
	if (per_s < 100)
		snprintf(buf, TEXT_CELL, "%.*f", per_s < 10 ? 2 : 1, per_s);
	else if (per_s < 9999999.5)
		units_format_count(buf, TEXT_CELL, (uint64_t)llround(per_s));
	else
		snprintf(buf, TEXT_CELL, "%.3g", per_s);
	return buf;
}

const char *text_percent(char buf[TEXT_CELL], double share)
{
	double p = share * 100;

	if (p > 99.9 && p < 100)
		snprintf(buf, TEXT_CELL, "%.3f %%", floor(p * 1000) / 1000);
	else if (p == 0 || p == 100)
		snprintf(buf, TEXT_CELL, "%.0f %%", p);
	else if (fabs(p) >= 1e6)
		snprintf(buf, TEXT_CELL, "%.2g %%", p);
	else
		snprintf(buf, TEXT_CELL, "%.*f %%", fabs(p) >= 10 ? 1 : fabs(p) >= 1 ? 2 : 3, p);
	return buf;
}

const char *text_share(char buf[TEXT_CELL], double share)
{
	double p = share * 100;

	if (p > 0 && p < 0.05)
		snprintf(buf, TEXT_CELL, "<0.1 %%");
	else if (p > 99.95 && p < 100)
		snprintf(buf, TEXT_CELL, ">99.9 %%");
	else
		snprintf(buf, TEXT_CELL, "%.1f %%", p);
	return buf;
}

const char *text_spaced(char buf[TEXT_CELL], const char *name)
{
	snprintf(buf, TEXT_CELL, "%s", name);
	for (char *c = buf; *c; c++)
		if (*c == '_')
			*c = ' ';
	return buf;
}

const char *text_bar(char *buf, size_t size, unsigned width, double share)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	double clamped = !(share > 0) ? 0 : share > 1 ? 1 : share;
	unsigned n = (unsigned)lround(clamped * width * 8);
	size_t used = 0;

	if (!n && share > 0)
		n = 1;
	buf[0] = 0;
	for (; n >= 8 && used + 4 < size; n -= 8)
		used += (size_t)snprintf(buf + used, size - used, "█");
	if (n < 8)
		snprintf(buf + used, size - used, "%s", eighths[n]);
	return buf;
}

const char *text_amount(char buf[TEXT_CELL], double value, bool bytes)
{
	char size[32];

	if (!bytes || fabs(value) < 1000) {
		snprintf(buf, TEXT_CELL, "%.3g%s", value, bytes ? " B" : "");
		return buf;
	}
	units_format_bytes(size, sizeof(size), (uint64_t)fabs(value));
	snprintf(buf, TEXT_CELL, "%s%s", value < 0 ? "-" : "", size);
	return buf;
}

const char *text_span(char buf[TEXT_CELL], double seconds)
{
	units_format_ns(buf, TEXT_CELL, seconds < 1e9 ? (uint64_t)(seconds * (double)NS_PER_S) : UINT64_MAX);
	return buf;
}
