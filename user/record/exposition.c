// SPDX-License-Identifier: GPL-2.0-only
#include "record/exposition.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES_MAX 63

/* A line in the reading. */
struct cursor {
	const char *at, *end;
};

/* The family that the last "# TYPE" line named. */
struct family {
	const char *name;
	size_t bytes;
	enum exposition_type type;
};

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r'))
		c->at++;
}

/* Up to the next blank or brace; its length. */
static size_t word(struct cursor *c, const char **out)
{
	skip_blanks(c);
	*out = c->at;
	while (c->at < c->end && *c->at != ' ' && *c->at != '\t' && *c->at != '\r' && *c->at != '{')
		c->at++;
	return (size_t)(c->at - *out);
}

static bool is_text(const char *at, size_t bytes, const char *text)
{
	return bytes == strlen(text) && !memcmp(at, text, bytes);
}

/* "# TYPE name counter" */
static void comment(struct cursor *c, struct family *f)
{
	static const char *const types[] = {"untyped", "counter", "gauge", "histogram", "summary"};
	struct family now = {.name = NULL};
	const char *at;
	size_t bytes = word(c, &at);

	if (!is_text(at, bytes, "TYPE"))
		return;
	now.bytes = word(c, &now.name);
	bytes = word(c, &at);
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (is_text(at, bytes, types[i]))
			now.type = (enum exposition_type)i;
	*f = now;
}

/* Behind the opening brace, up to the closing one; a brace within quotes closes nothing. */
static bool labels(struct cursor *c, struct exposition_sample *s)
{
	bool quoted = false;

	s->labels = c->at;
	for (; c->at < c->end; c->at++) {
		if (quoted && *c->at == '\\' && c->at + 1 < c->end)
			c->at++;
		else if (*c->at == '"')
			quoted = !quoted;
		else if (*c->at == '}' && !quoted) {
			s->labels_bytes = (size_t)(c->at++ - s->labels);
			return true;
		}
	}
	return false;
}

/* strtod() knows "NaN", "+Inf" and exponents as this format writes them. */
static bool number(const char *at, size_t bytes, double *out)
{
	char text[NUMBER_BYTES_MAX + 1], *end;

	if (!bytes || bytes > NUMBER_BYTES_MAX)
		return false;
	memcpy(text, at, bytes);
	text[bytes] = '\0';
	*out = strtod(text, &end);
	return end == text + bytes;
}

/* A histogram's samples bear its name and an ending; a counter's in OpenMetrics "_total". */
static bool is_of(const struct family *f, const struct exposition_sample *s)
{
	static const char *const endings[] = {"", "_sum", "_count", "_bucket", "_total", "_created"};

	if (s->name_bytes < f->bytes || !f->bytes || memcmp(s->name, f->name, f->bytes) != 0)
		return false;
	for (unsigned i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		if (is_text(s->name + f->bytes, s->name_bytes - f->bytes, endings[i]))
			return true;
	return false;
}

static bool sample(struct cursor *c, const struct family *f, struct exposition_sample *s)
{
	const char *at;
	size_t bytes;

	*s = (struct exposition_sample){.labels = ""};
	s->name_bytes = word(c, &s->name);
	if (!s->name_bytes)
		return false;
	skip_blanks(c);
	if (c->at < c->end && *c->at == '{') {
		c->at++;
		if (!labels(c, s))
			return false;
	}
	bytes = word(c, &at);
	s->type = is_of(f, s) ? f->type : EXPOSITION_UNTYPED;
	return number(at, bytes, &s->value);
}

size_t exposition_parse(const char *text, size_t bytes, exposition_fn fn, void *ctx)
{
	const char *end = text + bytes;
	struct family family = {.name = NULL};
	size_t passed_over = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		struct cursor c = {.at = text, .end = newline ? newline : end};
		struct exposition_sample s;

		text = newline ? newline + 1 : end;
		skip_blanks(&c);
		if (c.at == c.end)
			continue;
		if (*c.at == '#') {
			c.at++;
			comment(&c, &family);
		} else if (sample(&c, &family, &s)) {
			fn(ctx, &s);
		} else {
			passed_over++;
		}
	}
	return passed_over;
}
