/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/json_text.h"

#include <string.h>

const char *json_text_end(const char *at, const char *end)
{
	const char *begin = at;

	while (at < end) {
		const char *quote = memchr(at, '"', (size_t)(end - at));
		size_t slashes = 0;

		if (!quote)
			return NULL;
		while (quote - slashes > begin && quote[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0)
			return quote;
		at = quote + 1;
	}
	return NULL;
}

int json_text_escape(struct buf *b, const char *text, size_t bytes)
{
	size_t plain = 0;
	int r = 0;

	for (size_t i = 0; i < bytes && !r; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		r = buf_append(b, text + plain, i - plain);
		if (!r)
			r = c < 0x20 ? buf_printf(b, "\\u%04x", c) : buf_printf(b, "\\%c", c);
		plain = i + 1;
	}
	return r ? r : buf_append(b, text + plain, bytes - plain);
}
