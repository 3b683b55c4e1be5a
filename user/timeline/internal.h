/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of this room share: the state of a timeline. Nobody else includes it. */
#ifndef TOLL_TIMELINE_INTERNAL_H
#define TOLL_TIMELINE_INTERNAL_H

#include "timeline/conn.h"
#include "timeline/lane.h"
#include "timeline/order.h"
#include "timeline/pending.h"
#include "timeline/threads.h"
#include "timeline/timeline.h"

#define TIMELINE_PORTS_MAX 64

struct timeline {
	struct timeline_config config;
	struct timeline_stats stats;
	uint64_t now_ns; /* last tick */
	uint64_t stage_ns[PENDING_STAGES]; /* delays after the end of an item */
	uint64_t sweep_ns; /* when ends are swept next */
	struct conns conns;
	struct spares upturns, requests; /* where pending ones come from */
	struct map *tags; /* tag -> list of struct upturn */
	struct upturn_queue provider[PENDING_STAGES];
	struct upturn_queue held; /* complete, tagged, their request not yet handed out */
	struct request_queue request[PENDING_STAGES];
	struct order order;
	struct threads threads;
	uint64_t classes_tagged; /* bit: a tag of this class has reached the provider (63: and all above) */
	uint64_t counters[WIRE_COUNTERS];
	uint64_t loss_ns; /* when a loss counter was last seen to have moved; 0: never */
	uint16_t foreign_port[TIMELINE_PORTS_MAX];
	unsigned foreign_ports;
	/* scratch of the request that is being put together */
	struct whole_request whole;
	struct whole_chunk *chunk;
	uint32_t chunk_size;
	struct lane_gaps gaps;
};

/* upstream.c: a provider record, cut out of its two ends; false: not all there yet (never with final). -ENOMEM in *rc. */
bool upturn_harvest(struct timeline *t, struct upturn *u, bool final, int *rc);
/* A kernel turn of a call of the gateway whose other end is not ours. */
int upstream_turn_add(struct timeline *t, struct conn *c, const struct wire_turn *turn);
/* Is it a turn to a peer outside (not our provider, not the gateway itself)? */
bool upturn_is_foreign(struct timeline *t, const struct upturn *u);
/* Copies into the result; not the gaps. */
void upturn_fill(const struct upturn *u, const struct whole_request *w, struct whole_upstream *out);
/* The turn whose answer became the client's: its index, or -1. */
int upstream_answering(const struct whole_request *w);

/* inbound.c: the driver's and the gateway's end of a request. */
struct inbound {
	struct conn *driver, *gateway; /* NULL: not found */
	uint64_t out_start, out_end, in_start, in_end;
	bool by_order; /* the driver logged no positions */
};
void inbound_find(struct timeline *t, const struct open_request *q, struct inbound *in);
bool inbound_ready(const struct inbound *in);
/* Fills w's marks of both ends; returns why it is not whole. */
enum timeline_unmatched inbound_fill(struct timeline *t, const struct inbound *in, struct whole_request *w);
/* Sets q->o from the gateway's end. false: t3 or t9 is not known. */
bool inbound_order(const struct inbound *in, struct open_request *q);
void inbound_use(const struct inbound *in);
/* Attach mode: a turn of the gateway's serving sockets is a request. */
int inbound_turn_add(struct timeline *t, struct conn *c, const struct wire_turn *turn);

/* feed_threads.c: records of threads, and what turns and marks tell of them. */
void thread_wire(struct timeline *t, const struct wire_header *h);
void thread_turn(struct timeline *t, struct conn *c, const struct wire_turn *r);
void thread_marks(struct timeline *t, struct conn *c, const struct wire_marks *r);
/* The look-up of a name between from_ns and a connect; *out is untouched when none was seen. */
void thread_lookup_span(const struct timeline *t, uint64_t from_ns, uint64_t connect_ns, uint32_t tid, struct timeline_gap *out);

/* whole.c: puts the request together, hands it out and frees it. */
int whole_emit(struct timeline *t, struct open_request *q, const struct inbound *in);

/* Drops what of an end's memory is no longer needed: used data a while after its use, for records of one end may overtake each other. */
void timeline_trim(struct timeline *t, struct conn *c);

/* The time of a byte, 0 when it was not seen; *inexact is set when it is that of a later one. */
static inline uint64_t lane_time(const struct lane *l, uint64_t byte, bool *inexact)
{
	struct lane_mark m;
	enum lane_find found = lane_find(l, byte, &m);

	*inexact |= found == LANE_INEXACT;
	return found == LANE_MISSING ? 0 : m.time_ns;
}

/* By custom a TLS port: the kernel can't tell, payload is not read. */
static inline bool port_is_tls(uint16_t port)
{
	return port == 443 || port == 8443;
}

static inline uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
