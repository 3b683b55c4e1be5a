/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/json_scan.h"

#include <string.h>

#define DEPTH_MAX 32
#define DIGITS_MAX 18 /* of a whole number: it fits an int64 */
#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))
#define HIGH_BITS EACH_BYTE(0x80)

/* Functions take where they begin and give one past what they took; NULL: it is not plain. */
struct scan {
	const char *end;
	json_member_fn *fn; /* of the outermost object */
	void *ctx;
};

static const char *skip_space(const struct scan *s, const char *at)
{
	while (at < s->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

/* High bits where a byte is 0; above such a byte there may be more of them (Mycroft's test, 1987). */
static uint64_t zero_bytes(uint64_t word)
{
	return (word - EACH_BYTE(1)) & ~word & HIGH_BITS;
}

/* Is there, among eight bytes, one that ends or interrupts the text of a string? */
static bool has_stop(uint64_t word)
{
	uint64_t below_space = (word - EACH_BYTE(0x20)) & ~word & HIGH_BITS;

	return zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\')) | below_space | (word & HIGH_BITS);
}

static bool is_text(unsigned char c)
{
	return c >= ' ' && c < 0x80 && c != '"' && c != '\\';
}

static const char *skip_text(const struct scan *s, const char *at)
{
	uint64_t word;

	for (; s->end - at >= (ptrdiff_t)sizeof(word); at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		if (has_stop(word))
			break;
	}
	while (at < s->end && is_text((unsigned char)*at))
		at++;
	return at;
}

/* `at` is behind the opening quote; gives where the closing one is. */
static const char *string_close(const struct scan *s, const char *at)
{
	static const char escapes[] = {'"', '\\', '/', 'b', 'f', 'n', 'r', 't'};

	for (;;) {
		at = skip_text(s, at);
		if (at == s->end)
			return NULL;
		if (*at == '"')
			return at;
		if (*at != '\\' || s->end - at < 2 || !memchr(escapes, at[1], sizeof(escapes)))
			return NULL;
		at += 2;
	}
}

static const char *skip_string(const struct scan *s, const char *at)
{
	const char *close = string_close(s, at + 1);

	return close ? close + 1 : NULL;
}

/* At least one, at most DIGITS_MAX. */
static const char *skip_digits(const struct scan *s, const char *at)
{
	const char *from = at;

	while (at < s->end && *at >= '0' && *at <= '9')
		at++;
	return at > from && at - from <= DIGITS_MAX ? at : NULL;
}

static const char *skip_number(const struct scan *s, const char *at)
{
	const char *from = at += *at == '-';

	at = skip_digits(s, at);
	if (!at || (*from == '0' && at - from > 1))
		return NULL;
	if (at < s->end && *at == '.')
		at = skip_digits(s, at + 1);
	return at && at < s->end && (*at == 'e' || *at == 'E') ? NULL : at;
}

static const char *skip_literal(const struct scan *s, const char *at)
{
	static const char *const literals[] = {"true", "false", "null"};

	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		size_t n = strlen(literals[i]);

		if ((size_t)(s->end - at) >= n && !memcmp(at, literals[i], n))
			return at + n;
	}
	return NULL;
}

static const char *skip_value(const struct scan *s, const char *at, unsigned depth);

static const char *member(const struct scan *s, const char *at, unsigned depth)
{
	struct json_member m;
	const char *close, *past;

	if (at == s->end || *at != '"' || !(close = string_close(s, at + 1)))
		return NULL;
	m.name = at + 1;
	m.name_bytes = (size_t)(close - m.name);
	at = skip_space(s, close + 1);
	if (at == s->end || *at != ':')
		return NULL;
	m.value = skip_space(s, at + 1);
	past = skip_value(s, m.value, depth);
	if (past && depth == 1) {
		m.value_bytes = (size_t)(past - m.value);
		s->fn(s->ctx, &m);
	}
	return past;
}

/* What stands between brackets, which are at `at` and where it ends: an object's members or an array's values. */
static const char *skip_items(const struct scan *s, const char *at, char close, unsigned depth)
{
	at = skip_space(s, at + 1);
	if (at < s->end && *at == close)
		return at + 1;
	for (;;) {
		at = close == '}' ? member(s, at, depth) : skip_value(s, at, depth);
		if (at)
			at = skip_space(s, at);
		if (!at || at == s->end)
			return NULL;
		if (*at == close)
			return at + 1;
		if (*at != ',')
			return NULL;
		at = skip_space(s, at + 1);
	}
}

/* depth: of what holds it. */
static const char *skip_value(const struct scan *s, const char *at, unsigned depth)
{
	if (at == s->end || depth == DEPTH_MAX)
		return NULL;
	switch (*at) {
	case '"':
		return skip_string(s, at);
	case '{':
		return skip_items(s, at, '}', depth + 1);
	case '[':
		return skip_items(s, at, ']', depth + 1);
	case 't':
	case 'f':
	case 'n':
		return skip_literal(s, at);
	default:
		return skip_number(s, at);
	}
}

bool json_scan_object(const char *text, size_t bytes, json_member_fn *fn, void *ctx)
{
	const struct scan s = {.end = text + bytes, .fn = fn, .ctx = ctx};
	const char *at = skip_space(&s, text);

	if (at == s.end || *at != '{')
		return false;
	at = skip_items(&s, at, '}', 1);
	return at && skip_space(&s, at) == s.end;
}

bool json_member_is(const struct json_member *m, const char *name)
{
	return strlen(name) == m->name_bytes && !memcmp(m->name, name, m->name_bytes);
}

bool json_value_is(const struct json_member *m, const char *text)
{
	return strlen(text) == m->value_bytes && !memcmp(m->value, text, m->value_bytes);
}
