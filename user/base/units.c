// SPDX-License-Identifier: GPL-2.0-only
#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define FRACTION_DIGITS_MAX 12

struct unit {
	const char *name;
	uint64_t scale;
};

static const struct unit duration_units[] = {
	{"ns", 1},       {"us", NS_PER_US},    {"\xc2\xb5s", NS_PER_US}, {"ms", NS_PER_MS},
	{"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S},   {NULL, 0},
};

static const struct unit byte_units[] = {
	{"", 1},
	{"B", 1},
	{"kB", 1000},
	{"KiB", UINT64_C(1) << 10},
	{"MB", 1000000},
	{"MiB", UINT64_C(1) << 20},
	{"GB", 1000000000},
	{"GiB", UINT64_C(1) << 30},
	{"TB", UINT64_C(1000000000000)},
	{"TiB", UINT64_C(1) << 40},
	{NULL, 0},
};

/* A decimal number without sign or exponent: whole + part / parts. */
struct decimal {
	uint64_t whole;
	uint64_t part;
	uint64_t parts; /* a power of ten */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int parse_whole(const char **text, uint64_t *out)
{
	uint64_t n = 0;

	if (**text == '-')
		return -ERANGE;
	if (!is_digit(**text))
		return -EINVAL;
	for (; is_digit(**text); (*text)++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(**text - '0'), &n))
			return -ERANGE;
	}
	*out = n;
	return 0;
}

static int parse_decimal(const char **text, struct decimal *d)
{
	int digits, rc = parse_whole(text, &d->whole);

	d->part = 0;
	d->parts = 1;
	if (rc || **text != '.')
		return rc;
	(*text)++;
	if (!is_digit(**text))
		return -EINVAL;
	for (digits = 0; is_digit(**text); digits++, (*text)++) {
		if (digits >= FRACTION_DIGITS_MAX)
			return -EINVAL;
		d->part = d->part * 10 + (uint64_t)(**text - '0');
		d->parts *= 10;
	}
	return 0;
}

static int decimal_scale(const struct decimal *d, uint64_t scale, uint64_t *out)
{
	unsigned __int128 part = ((unsigned __int128)d->part * scale + d->parts / 2) / d->parts;

	if (__builtin_mul_overflow(d->whole, scale, out) || __builtin_add_overflow(*out, (uint64_t)part, out))
		return -ERANGE;
	return 0;
}

/* The unit whose name is the n characters at text. */
static const struct unit *unit_find(const struct unit *units, const char *text, size_t n)
{
	for (; units->name; units++) {
		if (strlen(units->name) == n && memcmp(units->name, text, n) == 0)
			return units;
	}
	return NULL;
}

int units_parse_duration_ns(const char *text, uint64_t *out_ns)
{
	uint64_t total = 0, last_scale = UINT64_MAX;

	if (strcmp(text, "0") == 0) {
		*out_ns = 0;
		return 0;
	}
	do {
		const struct unit *unit;
		struct decimal d;
		uint64_t ns;
		size_t n;
		int rc = parse_decimal(&text, &d);

		if (rc)
			return rc;
		n = strcspn(text, "0123456789.-");
		unit = unit_find(duration_units, text, n);
		/* "1h30m", but neither "30m1h" nor "1m1m" */
		if (!unit || unit->scale >= last_scale)
			return -EINVAL;
		last_scale = unit->scale;
		rc = decimal_scale(&d, unit->scale, &ns);
		if (rc || __builtin_add_overflow(total, ns, &total))
			return -ERANGE;
		text += n;
	} while (*text);
	*out_ns = total;
	return 0;
}

int units_parse_bytes(const char *text, uint64_t *out_bytes)
{
	const struct unit *unit;
	struct decimal d;
	int rc = parse_decimal(&text, &d);

	if (rc)
		return rc;
	unit = unit_find(byte_units, text, strlen(text));
	if (!unit || (unit->scale == 1 && d.parts > 1))
		return -EINVAL;
	return decimal_scale(&d, unit->scale, out_bytes);
}

int units_parse_rate(const char *text, double *out_per_s)
{
	static const struct unit units[] = {{"", 1},     {"/s", 1},    {"rps", 1},    {"/m", 60},
					    {"rpm", 60}, {"/h", 3600}, {"rph", 3600}, {NULL, 0}};
	const struct unit *unit;
	struct decimal d;
	double rate;
	int rc = parse_decimal(&text, &d);

	if (rc)
		return rc;
	unit = unit_find(units, text, strlen(text));
	if (!unit)
		return -EINVAL;
	rate = ((double)d.whole + (double)d.part / (double)d.parts) / (double)unit->scale;
	if (!(rate > 0.0))
		return -ERANGE;
	*out_per_s = rate;
	return 0;
}

int units_parse_u64(const char *text, uint64_t *out)
{
	uint64_t n;
	int rc = parse_whole(&text, &n);

	if (rc)
		return rc;
	if (*text)
		return -EINVAL;
	*out = n;
	return 0;
}

/* Three significant digits in the first unit in which they stay below 1000 (or in the last one). */
static void format_scaled(char *buf, size_t size, uint64_t value, const struct unit *units)
{
	double x;

	if (value < 1000) {
		snprintf(buf, size, "%" PRIu64 " %s", value, units->name);
		return;
	}
	do {
		units++;
		x = (double)value / (double)units->scale;
	} while (x >= 999.5 && units[1].name);
	snprintf(buf, size, "%.*f %s", x < 9.995 ? 2 : x < 99.95 ? 1 : 0, x, units->name);
}

const char *units_format_ns(char *buf, size_t size, uint64_t ns)
{
	static const struct unit units[] = {{"ns", 1}, {"\xc2\xb5s", NS_PER_US}, {"ms", NS_PER_MS}, {"s", NS_PER_S}, {NULL, 0}};
	uint64_t s;

	if (ns < 60 * NS_PER_S - NS_PER_S / 20) { /* 59.95 s and more would read "60.0 s" */
		format_scaled(buf, size, ns, units);
		return buf;
	}
	s = ns / NS_PER_S + (ns % NS_PER_S >= NS_PER_S / 2);
	if (s < 3600)
		snprintf(buf, size, "%" PRIu64 " m %" PRIu64 " s", s / 60, s % 60);
	else
		snprintf(buf, size, "%" PRIu64 " h %" PRIu64 " m", s / 3600, s % 3600 / 60);
	return buf;
}

const char *units_format_bytes(char *buf, size_t size, uint64_t bytes)
{
	static const struct unit units[] = {
		{"B", 1}, {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {"TB", UINT64_C(1000000000000)}, {NULL, 0}};

	format_scaled(buf, size, bytes, units);
	return buf;
}

const char *units_format_count(char *buf, size_t size, uint64_t n)
{
	char digits[24], text[32];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), i;
	size_t used = 0;

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used] = '\0';
	snprintf(buf, size, "%s", text);
	return buf;
}
