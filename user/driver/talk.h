/* SPDX-License-Identifier: GPL-2.0-only */
/* A conversation of a virtual user: what was asked and answered so far goes along with each further question. */
#ifndef TOLL_DRIVER_TALK_H
#define TOLL_DRIVER_TALK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define TALK_BYTES_MAX (4u << 20) /* of the messages so far: a longer conversation begins anew */

/* Zero-initialise; talk_fini frees. */
struct talk {
	bool running;
	uint32_t class_index;
	uint32_t turn; /* questions answered */
	uint64_t number; /* which conversation of the run: picks its prompts */
	struct buf messages; /* JSON objects, a comma behind each */
};

/* {"role":ROLE,"content":TEXT} and a comma; text: the inside of a JSON string. 0 or -errno of the buffer. */
int talk_message(struct buf *b, const char *role, const char *text, size_t bytes);
void talk_begin(struct talk *t, uint32_t class_index, uint64_t number);
/*
 * A question was answered: both (as the insides of JSON strings) go into what is sent next time. turns: when it is over. False: it is over,
 * or has become too long.
 */
bool talk_go_on(struct talk *t, const char *question, size_t question_bytes, const struct buf *answer, uint32_t turns);
void talk_end(struct talk *t);
void talk_fini(struct talk *t);

#endif
