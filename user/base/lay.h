/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text laid piece behind piece into room that the caller has made, where formats and growing buffers would cost more than what they write:
 * each function gives where the next piece goes. No NUL behind it.
 */
#ifndef TOLL_BASE_LAY_H
#define TOLL_BASE_LAY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LAY_DECIMAL_BYTES 20 /* the most digits that lay_decimal() writes */

static inline char *lay(char *at, const char *text, size_t n)
{
	memcpy(at, text, n);
	return at + n;
}

#define LAY(at, literal) lay(at, literal, sizeof(literal) - 1)

static inline char *lay_text(char *at, const char *text)
{
	return lay(at, text, strlen(text));
}

static inline char *lay_decimal(char *at, uint64_t n)
{
	char digits[LAY_DECIMAL_BYTES];
	size_t first = sizeof(digits);

	do
		digits[--first] = (char)('0' + n % 10);
	while (n /= 10);
	return lay(at, digits + first, sizeof(digits) - first);
}

#endif
