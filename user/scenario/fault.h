/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A fault of a provider, as scenario files and `toll provider --fault` write it: words divided by commas, the kind first.
 *   error=503            answers with this status             slow_start=2s    the answer begins so much later
 *   limit=100/s          429 beyond a token bucket's rate     slow_tokens=50ms each token of a stream comes so much later
 *   hang                 never answers                        truncate         breaks off in the middle of the answer
 *   reset                resets the connection                malformed        an answer that is not what it says
 *   close                closes the connection behind a whole answer, unannounced
 * Behind it: share=50% of the requests (default all); from=10s, until=40s on the run's clock (default all of it), every=1m: again each
 * minute;
 * burst=20 (limit: the bucket's size, default one second's worth); retry_after=2s (limit, error: the Retry-After field).
 */
#ifndef TOLL_SCENARIO_FAULT_H
#define TOLL_SCENARIO_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum fault_kind {
	FAULT_ERROR = 0,
	FAULT_LIMIT = 1,
	FAULT_HANG = 2,
	FAULT_RESET = 3,
	FAULT_SLOW_START = 4,
	FAULT_SLOW_TOKENS = 5,
	FAULT_TRUNCATE = 6,
	FAULT_MALFORMED = 7,
	FAULT_CLOSE = 8,
};

struct fault {
	enum fault_kind kind;
	uint32_t status; /* error */
	uint64_t delay_ns; /* slow_start, slow_tokens */
	double rate_per_s, burst; /* limit */
	double share; /* above 0, at most 1 */
	uint64_t from_ns, until_ns; /* of the run's time; until UINT64_MAX: to its end */
	uint64_t every_ns; /* it strikes again so long after it began, and again; 0: once */
	uint64_t retry_after_ns; /* 0: error: no field; limit: when the bucket has the next token */
};

/* Err names the word, and what was expected. */
int fault_parse(const char *text, struct fault *out, struct err *err);
/* As fault_parse() reads it. Returns buf. */
const char *fault_format(const struct fault *f, char *buf, size_t size);

#endif
