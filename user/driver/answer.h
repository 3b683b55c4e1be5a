/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One answer as it arrives: head lines and raw body in; times, tokens, positions of events and the verdict on its form out.
 * Knows neither libcurl nor sockets.
 */
#ifndef TOLL_DRIVER_ANSWER_H
#define TOLL_DRIVER_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "driver/dechunk.h"
#include "driver/delta.h"
#include "driver/sse.h"
#include "driver/tally.h"
#include "record/said.h"

#define ANSWER_KEEP_BYTES_MAX (256 * 1024) /* of a body, for checks and usage; the rest is only counted */
#define ANSWER_EVENTS_BATCH 128 /* events per record: 2 KiB a request in flight */

/* Where bytes lie in the connection's stream. */
struct answer_place {
	uint64_t pos; /* exact: of the first byte given; else: of the end of all that was given. 0: not known */
	bool exact; /* plain TCP; false on TLS, where a record is the smallest unit */
};

struct answer {
	/* set once, by the owner */
	const struct record_sink *sink;
	struct tally *tally;
	struct record_request *record;
	const char *overhead_header; /* in which the gateway tells what it took; NULL: those that are known */
	/* the request in hand */
	const struct plan_class *class_;
	uint64_t head_bytes; /* all heads, 1xx too */
	uint64_t body_bytes; /* raw: with the chunked coding */
	unsigned status;
	bool chunked, event_stream;
	bool broken; /* not chunked coding, not SSE, or too long a line */
	bool ended; /* [DONE], message_stop */
	bool keep; /* body, or the first event with content */
	struct dechunk dechunk;
	struct sse sse;
	struct buf kept;
	struct delta_usage usage;
	uint64_t last_token_ns;
	struct buf *text; /* the answer's text goes there, as the inside of a JSON string; NULL: nobody wants it */
	bool hears; /* this stream's text is compared with what the provider said */
	struct said said;
	/* while bytes are being fed */
	uint64_t now_ns;
	struct answer_place place; /* of the piece in hand */
	uint32_t events_first, events;
	struct record_event event[ANSWER_EVENTS_BATCH];
};

void answer_init(struct answer *a, const struct record_sink *sink, struct tally *tally, struct record_request *record);
void answer_fini(struct answer *a);
/* The next request: everything from before is forgotten. */
/* hears: it is a stream of a tagged request, and the provider is ours; the record has its id. text: see above. */
void answer_begin(struct answer *a, const struct plan_class *class_, bool hears, struct buf *text);
/* One line of a head, its end included. */
void answer_head(struct answer *a, const char *line, size_t bytes, uint64_t now_ns);
void answer_body(struct answer *a, const char *data, size_t bytes, uint64_t now_ns, struct answer_place place);
/* No more comes: flushes events, fills in tokens. whole: the transport saw the answer's end. */
void answer_end(struct answer *a, bool whole);
/* After answer_end, of a whole answer: has it the form that its class asks for? */
bool answer_is_well_formed(const struct answer *a);

#endif
