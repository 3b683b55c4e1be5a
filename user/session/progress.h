/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run tells while it runs: one status line on a terminal, lines now and then elsewhere or with --plain, and a JSON line each
 * second into a file that somebody follows.
 */
#ifndef TOLL_SESSION_PROGRESS_H
#define TOLL_SESSION_PROGRESS_H

#include <stdio.h>

#include "session/parts.h"

struct progress {
	uint64_t next_ns; /* of the line */
	uint64_t last_ns, last_done; /* when the last figures were taken: for the rate */
	FILE *live; /* NULL: no JSON lines */
	bool on_line; /* the status line stands there without its end */
};

/* err: the file of the JSON lines cannot be written. */
int progress_open(struct progress *p, const struct session *s, struct err *err);
/* Each second. */
void progress_second(struct progress *p, const struct session *s, uint64_t now_ns);
void progress_close(struct progress *p);

#endif
