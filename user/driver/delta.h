/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a JSON payload of an answer tells about tokens, by a bounded scan and not a parse: it runs for every event of every stream.
 * A quote inside a JSON string is always escaped, so "name" with both quotes and a colon behind it can only be a key.
 */
#ifndef TOLL_DRIVER_DELTA_H
#define TOLL_DRIVER_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "record/said.h"
#include "scenario/plan.h"

struct delta_usage {
	bool told;
	uint32_t completion_tokens;
	uint32_t prompt_tokens;
};

/* Does this event of a stream carry text (of the answer, of reasoning, of a tool's arguments) that is not empty? */
bool delta_has_content(enum plan_endpoint endpoint, const char *json, size_t bytes);
/* Usage as OpenAI and Anthropic tell it; a later one replaces what it names (Anthropic tells the prompt first, the rest last). */
void delta_read_usage(struct delta_usage *u, const char *json, size_t bytes);
/* The id of our provider's answer that an event names; false: it names none of that form. */
bool delta_answer_id(const char *json, size_t bytes, uint64_t *id);
/* The event's text goes into s. False: it is not what the provider says next. */
bool delta_hear(struct said *s, enum plan_endpoint endpoint, const char *json, size_t bytes);
/* Appends the text that the payload carries (of an event or of a whole answer), as the inside of a JSON string. */
int delta_text(struct buf *out, enum plan_endpoint endpoint, const char *json, size_t bytes);
/* Does this event end the stream as its protocol says: "[DONE]", message_stop? */
bool delta_is_end(enum plan_endpoint endpoint, const char *name, const char *data, size_t bytes);

#endif
