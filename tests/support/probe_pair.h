/* SPDX-License-Identifier: GPL-2.0-only */
/* Probes on this process as the gateway, a loopback connection, and the records that came of it. */
#ifndef TOLL_TESTS_PROBE_PAIR_H
#define TOLL_TESTS_PROBE_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "probe/probe.h"

#define PAIR_RECORDS_MAX 4096

union any_record {
	struct wire_header h;
	struct wire_conn conn;
	struct wire_accept accept;
	struct wire_close close;
	struct wire_turn turn;
	struct wire_marks marks;
	struct wire_process process;
	struct wire_connect_failed failed;
};

struct probe_pair {
	struct probe *probe;
	int listener, client, server;
	uint16_t port;
	uint64_t client_cookie, server_cookie;
	union any_record *record;
	unsigned records;
};

/* Probes first (probes_first) or the connection first: then it is found open. */
void pair_open(struct probe_pair *p, int probes_first);
void pair_close(struct probe_pair *p);
void pair_connect(struct probe_pair *p);
int pair_listen(uint16_t *port, int backlog);
uint64_t pair_cookie(int fd);
/* Brings in all records, open turns included. */
void pair_collect(struct probe_pair *p);
/* The last record of this turn; NULL if there is none. */
const struct wire_turn *pair_turn(const struct probe_pair *p, uint64_t cookie, uint32_t turn);
const struct wire_conn *pair_conn(const struct probe_pair *p, uint64_t cookie);
/* Exactly n bytes, however they come. */
void pair_read_all(int fd, size_t n);
void pair_write_all(int fd, size_t n);
uint64_t pair_counter(const struct probe_pair *p, enum wire_counter which);

#endif
