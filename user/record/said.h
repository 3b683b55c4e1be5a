/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the provider says to a request: a text that both ends know beforehand, so that the driver can tell whether a stream is its own, whole
 * and in order, whatever the gateway did to its events. Word k of answer id; id is the request's tag.
 */
#ifndef TOLL_RECORD_SAID_H
#define TOLL_RECORD_SAID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAID_ID_PREFIX "chatcmpl-" /* before the 16 hexadecimal digits of the id, in each event of a chat */

#define SAID_WORD_BYTES 8 /* the longest word */

const char *said_word(uint64_t id, uint32_t k);

/* How far an answer has been heard. Zero-initialise, then set id. */
struct said {
	uint64_t id;
	uint32_t word; /* the one that comes next ... */
	uint32_t at; /* ... and how much of it was heard */
};

/* The next piece of the text. False: it is not what was said. */
bool said_hear(struct said *s, const char *text, size_t bytes);

#endif
