/* SPDX-License-Identifier: GPL-2.0-only */
/* The TCP connections of some processes at this moment, by peer: clients together, each upstream address for itself. */
#ifndef TOLL_PROBE_PEERS_NOW_H
#define TOLL_PROBE_PEERS_NOW_H

#include <stdbool.h>
#include <stdint.h>

#define PEERS_NOW_STATES 13 /* include/net/tcp_states.h: 1 ESTABLISHED ... 8 CLOSE_WAIT ... */
#define PEERS_NOW_MAX 64

struct peer_now {
	bool clients; /* connections to a port that they listen on */
	uint8_t addr[16]; /* an upstream's; clients: zero */
	uint16_t port; /* the upstream's, or the one they listen on */
	uint32_t state[PEERS_NOW_STATES];
	uint32_t all;
};

/* Those with most connections first, at most PEERS_NOW_MAX; returns how many. All processes are in one network namespace. */
unsigned peers_now(const uint32_t *pid, unsigned pids, struct peer_now out[PEERS_NOW_MAX]);

#endif
