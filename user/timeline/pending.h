/* SPDX-License-Identifier: GPL-2.0-only */
/* What waits for its other parts: upstream turns and requests, and the queues that they wait in. */
#ifndef TOLL_TIMELINE_PENDING_H
#define TOLL_TIMELINE_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/request.h"
#include "timeline/timeline.h"

/* How long after its end an item is tried: at once when all is likely there, after one and two flush periods, at the grace. */
#define PENDING_STAGES 4

/* Items of one size that come and go by the thousand: freed ones are kept for the next. Zero-initialise with the size; spares_fini frees those kept. */
struct spare {
	struct spare *next; /* of the free ones */
	struct spares *owner; /* whose it is; stays */
};
struct spares {
	struct spare *free;
	size_t count; /* of the free ones */
	size_t idle; /* the fewest that were free since spares_fit() */
	size_t bytes;
};
void *spares_take(struct spares *p); /* all 0 but its spare; NULL: no memory */
void spares_give(void *item);
/* Asked from time to time: frees half of those that were of no use since it was asked before. */
void spares_fit(struct spares *p);
void spares_fini(struct spares *p);

/* One event of a stream on its way through the upstream connection. */
struct upturn_chunk {
	uint64_t written_ns, left_ns, readable_ns, read_ns;
};

enum upturn_state {
	UPTURN_WAITING = 0, /* its marks have not all come */
	UPTURN_DONE = 1,
	UPTURN_PARTIAL = 2, /* given up: the gateway's side is missing */
};

/* An upstream turn. From a provider record (cut by positions), or from the kernel's turn where the peer is not ours. */
struct upturn {
	struct spare item; /* first */
	struct upturn *next; /* on its tag, on its request */
	struct upturn *wait_prev, *wait_next; /* on the provider's end, until harvested: by in_start_pos */
	bool waits; /* is on that list */
	struct upturn *queue_prev, *queue_next; /* in its queue, so that a claimed one can leave it */
	uint64_t base_ns; /* its end: what the stages count from */
	uint8_t state; /* enum upturn_state */
	uint8_t queue; /* stage of the queue that it is in; PENDING_STAGES: held for its request */
	uint8_t joined_by; /* enum timeline_join */
	bool ours; /* p is valid */
	bool inexact;
	struct record_provider p;
	uint64_t conn; /* the gateway's socket; 0 unknown */
	uint64_t t4, t4_last, t5, t5_last, t6, t6_last, t7, t7_last, t8, t8_last;
	uint64_t provider_read_last;
	uint64_t syn_ns, established_ns; /* of the connection, when this is its first turn */
	uint64_t sent_ns, answer_ns; /* t4 and t7, or what comes nearest: for the join by order */
	uint32_t sender_tid, reader_tid;
	uint32_t turn_of_conn;
	uint16_t peer_port;
	uint8_t peer_addr[16];
	bool maybe_tls; /* first turn of a connection to a port that speaks TLS by custom: the handshake may be in it */
	uint32_t gaps, chunks;
	struct timeline_gap *gap;
	struct upturn_chunk *chunk;
};
void upturn_free(struct upturn *u);

/* An inbound turn as the kernel cut it: the request itself in attach mode. */
struct inbound_turn {
	uint64_t conn;
	uint64_t t2, t2_last, t3, t3_last, t9, t9_last;
	uint32_t reader_tid, sender_tid;
	uint32_t turn;
	uint16_t flags; /* enum wire_turn_flag */
	uint32_t gaps;
	struct timeline_gap *gap;
};

struct open_request {
	struct spare item; /* first */
	struct open_request *queue_next;
	struct open_request *http2_next;
	struct open_request *wait_prev, *wait_next; /* on the driver's end, until handed out: by out_start_pos */
	bool waits; /* is on that list */
	uint64_t base_ns;
	uint8_t stage;
	bool attach;
	bool moved; /* base_ns has grown while it was queued */
	bool ordered; /* takes part in the join by order: o is valid */
	bool ambiguous; /* the threads name it as one of two owners of an upstream turn */
	bool doubtful; /* an upstream turn that lies in its window was given to nobody */
	bool multiplexed; /* HTTP/2: another stream was open */
	struct record_request r;
	struct inbound_turn in;
	struct { /* what the join by order looks at */
		uint64_t t3, t9, t9_last; /* 0: not answered yet */
		uint32_t reader_tid, sender_tid;
		uint8_t tier;
	} o;
	struct upturn *turns; /* joined by order */
};
void open_request_free(struct open_request *q);

/* First in, first out; items are roughly in order of base_ns. An upturn is in at most one queue. */
struct upturn_queue {
	struct upturn *first, *last;
	uint64_t count;
};
void upturn_push(struct upturn_queue *f, struct upturn *u);
void upturn_unqueue(struct upturn_queue *f, struct upturn *u);

struct request_queue {
	struct open_request *first, *last;
	uint64_t count;
};
void open_request_push(struct request_queue *f, struct open_request *q);
struct open_request *open_request_pop(struct request_queue *f);

#endif
