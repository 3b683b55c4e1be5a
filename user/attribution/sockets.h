/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Latency and use of the gateway's own sockets, from the kernel's records alone: whatever traffic there is, whether or not it could be
 * joined to requests. Memory is bounded by the connections that are open, never by the length of the run.
 */
#ifndef TOLL_ATTRIBUTION_SOCKETS_H
#define TOLL_ATTRIBUTION_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"
#include "timeline/timeline.h"

#define SOCKETS_PEERS_MAX 64 /* the last one takes what comes beyond */
#define SOCKETS_ERRORS_MAX 8

/* Connections to one peer, or all that the gateway has accepted. */
struct sockets_peer {
	uint8_t addr[16]; /* 0s: accepted ones */
	uint16_t port;
	bool inner; /* the gateway itself is the peer */
	uint64_t opened; /* connections that were made in the measured part */
	uint64_t used; /* connections with a turn in it, older ones too */
	uint64_t turns;
	uint64_t requests; /* whole requests: their turns to this peer; as of the last sockets_count_requests() */
	uint64_t retransmits;
	uint64_t unread_untold; /* turns without a figure: marks were dropped */
	uint64_t failed; /* connects */
	struct {
		uint32_t err; /* errno; 0: not known, or another one */
		uint64_t count;
	} error[SOCKETS_ERRORS_MAX];
	struct hist *connect; /* SYN -> ESTABLISHED; accepted: ESTABLISHED -> accept */
	struct hist *unread; /* per turn: the longest that a byte of it lay unread */
};

/* Calls by gateway threads that found a send buffer full. */
struct sockets_sends {
	bool calls_seen, waits_seen; /* the probes of system calls, of threads were on */
	uint64_t short_; /* took fewer bytes than they were given */
	uint64_t would_block; /* took none */
	struct hist *blocked; /* slept in a send */
};

struct sockets;
struct sockets *sockets_new(void); /* NULL: no memory */
void sockets_free(struct sockets *s);
/* Where the measured part begins: what was before it is not in the figures. Before the first record. */
void sockets_start(struct sockets *s, uint64_t start_ns);
/* A record whose size has been checked (capture_wire_check), aligned. -ENOMEM */
int sockets_wire(struct sockets *s, const void *record);
/* Shares nothing with sockets_wire(): the two may be called on two threads. */
void sockets_whole(struct sockets *s, const struct whole_request *w);
/* Tells the peers what sockets_whole() has counted so far: before they are read, and no thread is in either. -ENOMEM */
int sockets_count_requests(struct sockets *s);
/* Once, when no more records will come: turns that are known only by snapshots count. -ENOMEM */
int sockets_finish(struct sockets *s);

const struct sockets_peer *sockets_inbound(const struct sockets *s);
unsigned sockets_peers(const struct sockets *s, const struct sockets_peer **out);
const struct sockets_sends *sockets_sends(const struct sockets *s);
/* All upstream peers together, without inner ones and without their errors; after sockets_finish(). */
const struct sockets_peer *sockets_upstream(const struct sockets *s);
/* Turns for each connection that had one; 0: none. */
double sockets_turns_per_connection(const struct sockets_peer *p);
/* It does not keep its connections: about one was opened for each request (where those are not known, turn). */
bool sockets_opens_per_request(const struct sockets_peer *p);

#endif
