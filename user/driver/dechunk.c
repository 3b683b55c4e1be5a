/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/dechunk.h"

#include <errno.h>

enum dechunk_state {
	SIZE = 0, /* hex digits */
	EXTENSION, /* ";..." up to the line's end */
	SIZE_LF, /* CR seen */
	PAYLOAD, /* `left` bytes */
	PAYLOAD_CR, /* the CR LF after the payload */
	PAYLOAD_LF,
	TRAILER, /* first character of a trailer line */
	TRAILER_TEXT,
	TRAILER_LF, /* CR at a trailer's end */
	LAST_LF, /* CR of the empty line */
};

#define SIZE_DIGITS_MAX 15 /* keeps `left` far from overflow */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int size_char(struct dechunk *d, char c)
{
	int value = hex_value(c);

	if (value >= 0) {
		if (d->digits++ >= SIZE_DIGITS_MAX)
			return -EBADMSG;
		d->left = d->left << 4 | (uint64_t)value;
		return 0;
	}
	if (!d->digits)
		return -EBADMSG;
	if (c == '\r')
		d->state = SIZE_LF;
	else if (c == ';' || c == ' ' || c == '\t')
		d->state = EXTENSION;
	else
		return -EBADMSG;
	return 0;
}

static int size_end(struct dechunk *d, char c)
{
	if (c != '\n')
		return -EBADMSG;
	d->digits = 0;
	d->state = d->left ? PAYLOAD : TRAILER;
	return 0;
}

static int trailer_char(struct dechunk *d, char c)
{
	switch (d->state) {
	case TRAILER:
		d->state = c == '\r' ? LAST_LF : TRAILER_TEXT;
		return 0;
	case TRAILER_TEXT:
		if (c == '\r')
			d->state = TRAILER_LF;
		return 0;
	case TRAILER_LF:
		d->state = TRAILER;
		return c == '\n' ? 0 : -EBADMSG;
	default: /* LAST_LF */
		d->done = true;
		return c == '\n' ? 0 : -EBADMSG;
	}
}

/* One character of the coding itself (not payload). */
static int coding_char(struct dechunk *d, char c)
{
	if (d->done)
		return -EBADMSG;
	switch (d->state) {
	case SIZE:
		return size_char(d, c);
	case EXTENSION:
		if (c == '\r')
			d->state = SIZE_LF;
		return 0;
	case SIZE_LF:
		return size_end(d, c);
	case PAYLOAD_CR:
		d->state = PAYLOAD_LF;
		return c == '\r' ? 0 : -EBADMSG;
	case PAYLOAD_LF:
		d->state = SIZE;
		return c == '\n' ? 0 : -EBADMSG;
	default:
		return trailer_char(d, c);
	}
}

int dechunk_next(struct dechunk *d, const char *data, size_t bytes, size_t *at, const char **piece, size_t *piece_bytes)
{
	while (*at < bytes) {
		if (d->state == PAYLOAD) {
			size_t n = bytes - *at;

			if (n > d->left)
				n = (size_t)d->left;
			*piece = data + *at;
			*piece_bytes = n;
			*at += n;
			d->left -= n;
			if (!d->left)
				d->state = PAYLOAD_CR;
			return 1;
		}
		if (coding_char(d, data[*at]))
			return -EBADMSG;
		(*at)++;
	}
	return 0;
}
