/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ends of connections, by socket cookie, and which two ends are one connection. An end exists from the first record that names its
 * cookie (records of one connection may overtake each other) until a while after its close.
 */
#ifndef TOLL_TIMELINE_CONN_H
#define TOLL_TIMELINE_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "bpf/wire.h"
#include "record/request.h"
#include "timeline/lane.h"
#include "timeline/pending.h"

/* Where events of a stream end in what this end wrote or received; by position. [head, end) in use. */
struct conn_events {
	struct record_event *event;
	uint32_t head, end, size;
};

struct conn {
	uint64_t cookie;
	struct wire_conn info;
	bool known; /* info is set: its CONN record was seen */
	bool closed;
	bool peer_gone; /* was paired with an end that has been dropped since */
	bool foreign; /* already counted as such */
	uint64_t close_ns; /* of the record */
	uint64_t drop_ns; /* when a closed end is forgotten */
	uint64_t accepted_ns;
	uint64_t touched_ns; /* when a record last named it */
	struct conn *peer;
	struct conn *tuple_next;
	struct conn *prev, *next; /* all of them; closed ones are moved to a list of their own, in order of closing */
	struct lane lane[WIRE_LANES];
	struct conn_events events;
	uint32_t provider_turns; /* records of the provider so far */
	/* What still needs this end's (and its peer's) lanes; the first bounds what may be dropped. */
	struct open_request *requests, *requests_last; /* driver's end */
	struct upturn *upturns, *upturns_last; /* provider's end */
	struct open_request *http2; /* pending HTTP/2 requests of this connection, latest end first */
	struct open_request *last_request; /* attach: of the newest inbound turn, until it is handed out */

	uint32_t untrimmed; /* turns since its lanes were trimmed */
	uint32_t requests_taken, turns_taken; /* kernel turns below have been taken as request, as upstream turn */
};

struct conn_list {
	struct conn *first, *last;
};

struct conns {
	struct map *by_cookie;
	struct map *by_tuple; /* hash -> chain */
	struct conn_list open, closed;
};

int conns_init(struct conns *s); /* -ENOMEM */
void conns_fini(struct conns *s);
struct conn *conns_find(const struct conns *s, uint64_t cookie);
struct conn *conns_get(struct conns *s, uint64_t cookie); /* made when absent; NULL: no memory */
/* Its CONN record. A second one of the same cookie changes nothing; an older end of the same place must have been closed unseen. 1: new, 0: known, -ENOMEM */
int conns_open(struct conns *s, struct conn *c, const struct wire_conn *info, uint64_t grace_ns);
void conns_close(struct conns *s, struct conn *c, uint64_t close_ns, uint64_t drop_ns);
/* Forgets closed ends whose time has come; returns how many turns of lanes that nobody ever used went with them. */
unsigned conns_expire(struct conns *s, uint64_t now_ns);

/*
 * The other end: same addresses and ports, crosswise, whose connect time is nearest (ports are used again within a run), the same network
 * namespace preferred; only when each is the other's best. NULL: none so far.
 */
struct conn *conns_peer(struct conns *s, struct conn *c);

/* Both may be NULL: lane_prefetch() of the lanes of two ends whose marks are asked for together. */
void conns_prefetch(const struct conn *a, const struct conn *b);

/* Is it a connection that the gateway serves? */
bool conn_is_inbound(const struct conn *c);

void conn_wait_request(struct conn *c, struct open_request *q);
void conn_wait_upturn(struct conn *c, struct upturn *u);
/* c may be NULL: has been forgotten. */
void conn_done_request(struct conn *c, struct open_request *q);
void conn_done_upturn(struct conn *c, struct upturn *u);
/* Positions of the inbound and outbound bytes of this end from which on somebody still waits for them. */
void conn_keep_from(const struct conn *c, uint64_t *in_pos, uint64_t *out_pos);

/* Gives back room of lanes and events: see lane_fit(). */
void conn_fit(struct conn *c);

int conn_events_add(struct conn_events *e, const struct record_event *event, uint32_t count); /* -ENOMEM */
/* Events that end in (start_pos, end_pos]. */
uint32_t conn_events_in(const struct conn_events *e, uint64_t start_pos, uint64_t end_pos, const struct record_event **first);

#endif
