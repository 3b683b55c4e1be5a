/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An arrival trace: when requests came, and how many tokens went in and out. Layouts, told by the file's first line:
 *   Mooncake (FAST'25 traces), JSON lines: "timestamp" in ms, "input_length", "output_length", "hash_ids" (one for each block of 512 tokens of
 *   the prompt: equal ids are equal text);
 *   Azure LLM inference traces (2023, 2024), CSV: TIMESTAMP (a date and time), ContextTokens, GeneratedTokens;
 *   BurstGPT, CSV: Timestamp in s, "Request tokens", "Response tokens".
 */
#ifndef TOLL_SCENARIO_TRACE_H
#define TOLL_SCENARIO_TRACE_H

#include <stdint.h>

#include "base/err.h"

#define TRACE_BYTES_MAX (UINT64_C(2) << 30)
#define TRACE_ROWS_MAX 5000000u
#define TRACE_TOKENS_MAX 4000000u /* of one prompt: 16 MB of text */
#define TRACE_BLOCK_TOKENS 512u

struct trace_row {
	uint64_t due_ns; /* from the first row */
	uint32_t input_tokens, output_tokens;
	uint32_t first_block, blocks; /* of trace.block; 0 blocks: the text is its own */
};

struct trace {
	struct trace_row *row; /* by time */
	uint64_t *block; /* ids of prompt blocks */
	uint32_t rows, blocks;
	uint64_t input_tokens, output_tokens; /* of all */
};

/* An error names file, line, column and what was expected. *out: trace_free(). */
int trace_read(struct trace **out, const char *path, struct err *err);
void trace_free(struct trace *t);

#endif
