/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Request bodies with a place for the tag that only has to be patched for each request: built once per class where all requests are alike,
 * else for each request (prompts of a data set, sizes of a trace, conversations).
 */
#ifndef TOLL_DRIVER_BODY_H
#define TOLL_DRIVER_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "scenario/plan.h"

#define BODY_NO_TAG SIZE_MAX

struct body {
	char *data; /* NULL: the class has no body */
	size_t bytes;
	size_t digits_at; /* where the tag's 16 digits lie; BODY_NO_TAG: none */
	size_t text_at, text_bytes; /* the last user message, tag included: the inside of a JSON string */
	size_t size; /* of data */
};

/* What a request asks, where it is not what its class always asks. */
struct body_ask {
	const char *before; /* messages in front of it, a comma behind each */
	size_t before_bytes;
	const char *text; /* inside of a JSON string; NULL: filler of prompt_bytes */
	size_t text_bytes;
	uint64_t prompt_bytes;
	const uint64_t *block; /* filler: made of these blocks, each of block_bytes; equal ids are equal text */
	uint32_t blocks, block_bytes;
	uint32_t max_tokens;
};

/* Path of an endpoint: "/v1/chat/completions". */
const char *body_path(enum plan_endpoint endpoint);
/* What each request of a class asks that has neither a data set nor turns. */
struct body_ask body_ask_of(const struct plan_class *class_);
/* tag: leave room for it (never done for a fixed prompt). out's room is used again: zero it before the first time. -ENOMEM. */
int body_make(struct body *out, const struct plan *plan, const struct plan_class *class_, const struct body_ask *ask, bool tag);
void body_fini(struct body *b);
/* Copies bytes [offset, offset + n) of the body with this tag in place. */
void body_copy(const struct body *b, uint64_t id, size_t offset, char *out, size_t n);
/* The tag, in the body itself. */
void body_tag(struct body *b, uint64_t id);

#endif
