/* SPDX-License-Identifier: GPL-2.0-only */
/* What the provider says: bodies of plain answers and the events of streams, in OpenAI's and Anthropic's words. */
#ifndef TOLL_PROVIDER_TEXT_H
#define TOLL_PROVIDER_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "provider/ask.h"

struct text_answer {
	uint64_t id; /* shown in the answer's "id" */
	uint64_t created_s; /* wall clock, seconds */
	uint32_t tokens;
};

/* All of these append to out; 0 or -ENOMEM. */
int text_plain(struct buf *out, const struct ask *ask, const struct text_answer *answer);
int text_refusal(struct buf *out, const struct ask *ask, const char *why);

/* A stream: what comes before the first token, one event with token k, and what comes after the last. */
int text_stream_open(struct buf *out, const struct ask *ask, const struct text_answer *answer);
int text_stream_token(struct buf *out, const struct ask *ask, const struct text_answer *answer, uint32_t k);
int text_stream_close(struct buf *out, const struct ask *ask, const struct text_answer *answer);

#endif
