/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunked transfer coding (RFC 9112, 7.1), taken off incrementally. libcurl hands the coded bytes through, so that the place of
 * every payload byte in the TCP stream stays known.
 */
#ifndef TOLL_DRIVER_DECHUNK_H
#define TOLL_DRIVER_DECHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise. */
struct dechunk {
	uint64_t left; /* payload bytes of this chunk still to come */
	uint8_t state;
	uint8_t digits;
	bool done; /* the last chunk and the trailers were seen */
};

/*
 * The next run of payload in data[*at, bytes): 1 with *piece set (it points into data) and *at moved past it, 0 when all is
 * consumed, -EBADMSG when it is not chunked coding. Bytes after the end are -EBADMSG.
 */
int dechunk_next(struct dechunk *d, const char *data, size_t bytes, size_t *at, const char **piece, size_t *piece_bytes);

#endif
