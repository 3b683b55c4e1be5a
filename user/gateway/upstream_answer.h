/* SPDX-License-Identifier: GPL-2.0-only */
/* An upstream's answer as it is parsed: head, then body pieces, then its end. Interim answers (1xx) are passed over. */
#ifndef TOLL_GATEWAY_UPSTREAM_ANSWER_H
#define TOLL_GATEWAY_UPSTREAM_ANSWER_H

#include <http_parser.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct upstream_answer {
	http_parser parser;
	unsigned status;
	int64_t body_bytes; /* Content-Length; -1: not told */
	struct buf name, value; /* of the field that is being read */
	struct buf content_type; /* NUL-terminated, or empty */
	struct buf fields; /* the others, as "Name: value\r\n" lines */
	struct buf body; /* what has arrived: its user sets used to 0 */
	bool no_body, in_value;
	bool head_done, complete, keep_alive;
	bool surplus; /* bytes came behind its end */
};

/* Zero-initialised or used before. */
void upstream_answer_reset(struct upstream_answer *a, bool no_body);
/* bytes 0: the stream has ended. 0 or -EPROTO. After the end (complete) nothing more may be fed. */
int upstream_answer_feed(struct upstream_answer *a, const char *data, size_t bytes);
void upstream_answer_fini(struct upstream_answer *a);

#endif
