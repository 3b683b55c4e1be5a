/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes kernel records by hand: one end of a connection, its marks, its turns. For tests of the timeline. */
#ifndef TOLL_TESTS_WIRES_H
#define TOLL_TESTS_WIRES_H

#include "bpf/wire.h"
#include "timeline/timeline.h"

#define WIRES_MARKS_MAX 512

/* One end as the kernel side keeps it: marks gather until the turn is sent. */
struct end {
	struct timeline *t;
	void (*feed)(void *ctx, const void *record, uint32_t bytes); /* set by the caller where t is NULL: gets the records */
	void *ctx;
	uint64_t cookie;
	uint8_t role, side;
	uint32_t turn;
	uint64_t pos[WIRE_LANES]; /* positions so far */
	uint64_t turn_start[WIRE_LANES];
	uint32_t sent[WIRE_LANES]; /* marks already sent in batches (snapshots) */
	uint32_t marks[WIRE_LANES];
	struct wire_mark mark[WIRE_LANES][WIRES_MARKS_MAX];
};

struct tuple_text {
	const char *client; /* "127.0.0.1" */
	uint16_t client_port;
	const char *server;
	uint16_t server_port;
};

/* A new end; its CONN record is fed unless established_ns is 0. */
void end_open(struct end *e, struct timeline *t, uint64_t cookie, uint8_t role, uint8_t side, const struct tuple_text *tuple,
	      uint32_t netns, uint64_t syn_ns, uint64_t established_ns);
void end_found_open(struct end *e, struct timeline *t, uint64_t cookie, uint8_t role, uint8_t side,
		    const struct tuple_text *tuple, uint64_t now_ns, uint64_t in_pos, uint64_t out_pos, uint8_t flags);
/* `bytes` more at `ns` in a lane, by thread tid (0: unknown). */
void end_mark(struct end *e, uint8_t lane, uint64_t bytes, uint64_t ns, uint32_t tid);
/* Sends MARKS and TURN. flags: enum wire_turn_flag. Without STILL_OPEN the next turn begins. */
void end_turn(struct end *e, uint16_t flags);
/* The turn is lost: nothing is sent. */
void end_lose(struct end *e);
void end_close(struct end *e, uint64_t ns);
void end_accept(struct end *e, uint64_t ns, uint32_t tid);

#endif
