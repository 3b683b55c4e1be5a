/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A data set of prompts: a file of JSON objects, one a line. A row is {"prompt": TEXT}, {"messages": [{"role", "content"}, ...]} as chat
 * requests have them, or {"conversations": [{"from": "human", "value"}, ...]} as ShareGPT has them; "max_tokens" or "output_length" beside it
 * bounds the answer. Texts are kept as the inside of JSON strings, ready to be sent.
 */
#ifndef TOLL_SCENARIO_PROMPTS_H
#define TOLL_SCENARIO_PROMPTS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define PROMPTS_BYTES_MAX (256u << 20)
#define PROMPTS_ROWS_MAX 1000000u

/* One message of the user's, and those of others before it: bytes of text. */
struct prompt_turn {
	uint32_t before_at, before_bytes; /* JSON objects, a comma behind each: system messages, the data set's own answers */
	uint32_t text_at, text_bytes; /* inside of a JSON string */
};

struct prompt_row {
	uint32_t first_turn, turns; /* at least one */
	uint32_t max_tokens; /* 0: the row tells none */
};

struct prompts {
	struct buf text;
	struct prompt_turn *turn;
	struct prompt_row *row;
	uint32_t turns, rows;
	uint64_t text_bytes; /* of all last user messages and what goes before them: for estimates */
};

/* An error names file, line and what was expected. *out: prompts_free(). */
int prompts_read(struct prompts **out, const char *path, struct err *err);
void prompts_free(struct prompts *p);

#endif
