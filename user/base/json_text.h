/* SPDX-License-Identifier: GPL-2.0-only */
/* Strings inside of JSON text, without a parse of the rest. */
#ifndef TOLL_BASE_JSON_TEXT_H
#define TOLL_BASE_JSON_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* The quote that ends the string whose first byte is at `at`; NULL: none before `end`. */
const char *json_text_end(const char *at, const char *end);
/* The bytes as the inside of a JSON string: quotes, backslashes and control characters escaped. 0 or -errno of the buffer. */
int json_text_escape(struct buf *b, const char *text, size_t bytes);

#endif
