/* SPDX-License-Identifier: GPL-2.0-only */
/* What a client asks of the provider: method, target and body -> a checked struct. */
#ifndef TOLL_PROVIDER_ASK_H
#define TOLL_PROVIDER_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASK_MODEL_MAX 128
#define ASK_TOKENS_MAX 1000000u
#define ASK_INPUTS_MAX 2048u

enum ask_kind {
	ASK_CHAT = 0, /* POST /v1/chat/completions */
	ASK_EMBEDDINGS = 1, /* POST /v1/embeddings */
	ASK_MESSAGES = 2, /* POST /v1/messages */
	ASK_MODELS = 3, /* GET /v1/models */
	ASK_HEALTH = 4, /* GET /health */
	ASK_USAGE = 5, /* POST /v1/usage: a usage record, as billing services take them */
};

struct ask {
	enum ask_kind kind;
	bool stream;
	bool include_usage; /* stream_options.include_usage */
	uint32_t max_tokens; /* 0: not given */
	uint32_t inputs; /* embeddings */
	uint32_t prompt_tokens; /* a quarter of the body's bytes: nobody tokenises here */
	uint64_t tag; /* 0: none */
	char model[ASK_MODEL_MAX]; /* as it stands inside a JSON string: escaped, cut when too long */
};

/* Returns 0, or the HTTP status of the refusal (*why says the reason). The tag is found even then. body: NUL-terminated. */
unsigned ask_parse(struct ask *out, const char *method, const char *target, const char *body, size_t bytes, const char **why);

#endif
