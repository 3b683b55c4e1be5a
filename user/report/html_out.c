// SPDX-License-Identifier: GPL-2.0-only
#include "report/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/text.h"

static void append(struct html *h, const char *s, size_t n)
{
	if (!h->failed && buf_append(&h->b, s, n))
		h->failed = true;
}

void html_raw(struct html *h, const char *s)
{
	append(h, s, strlen(s));
}

static const char *escape_of(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case TEXT_GLUE:
		return "&nbsp;";
	default:
		return c < 0x20 || c == 0x7f ? " " : NULL;
	}
}

void html_text(struct html *h, const char *s)
{
	const char *plain = s;

	for (; *s; s++) {
		const char *escape = escape_of((unsigned char)*s);
		if (!escape)
			continue;
		append(h, plain, (size_t)(s - plain));
		html_raw(h, escape);
		plain = s + 1;
	}
	append(h, plain, (size_t)(s - plain));
}

void html_fmt(struct html *h, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		h->failed = true;
	else
		append(h, text, (size_t)n);
}

void html_json(struct html *h, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));

	if (!text) {
		h->failed = true;
		return;
	}
	/* "<" stands in strings only */
	for (const char *s = text; *s;) {
		size_t n = strcspn(s, "<");
		append(h, s, n);
		s += n;
		if (*s == '<') {
			html_raw(h, "\\u003c");
			s++;
		}
	}
	free(text);
}
