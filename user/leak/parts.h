/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A soak's gauges taken apart: sockets by peer and TCP state, and what each process of the tree holds. In bounded memory however long it
 * runs; evidence that names where a gauge grows, no verdict of its own. Pure.
 */
#ifndef TOLL_LEAK_PARTS_H
#define TOLL_LEAK_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "leak/leak.h"
#include "record/request.h"

#define LEAK_PARTS_MAX 82 /* as many peers and processes as are told apart (probe/discover.h) */
#define LEAK_COLUMNS RECORD_TCP_STATES
/* columns of a process; those of a peer are enum tcp states (include/net/tcp_states.h) */
enum leak_process_column {
	LEAK_PROCESS_MEMORY = 0,
	LEAK_PROCESS_DESCRIPTORS,
	LEAK_PROCESS_CLOSE_WAIT,
	LEAK_PROCESS_CLOSED,
	LEAK_PROCESS_THREADS,
	LEAK_PROCESS_COLUMNS,
};

struct leak_column {
	bool seen; /* it was ever other than 0 */
	double most;
	struct leak_judgement judgement; /* against all requests */
	double grown; /* over the judged time, by the floor's line; below 0: it shrank */
};
struct leak_part {
	enum record_part_kind kind;
	char label[32];
	uint32_t pid; /* 0: a peer */
	double from_s, to_s; /* seen */
	struct leak_column column[LEAK_COLUMNS];
};

struct leak_parts;
struct leak_parts *leak_parts_new(void); /* NULL: no memory */
void leak_parts_free(struct leak_parts *p);
/* requests: answered so far. What finds no room is counted. -ENOMEM. */
int leak_parts_add(struct leak_parts *p, const struct record_part *part, double time_s, double requests);
unsigned leak_parts_count(const struct leak_parts *p);
uint64_t leak_parts_dropped(const struct leak_parts *p); /* records of peers and processes for whom there was no room */
/* Part i as it was from from_s to to_s. false: nothing was seen of it then. -ENOMEM is told as nothing. */
bool leak_parts_judge(const struct leak_parts *p, unsigned i, double from_s, double to_s, double confidence,
		      struct leak_part *out);

#endif
