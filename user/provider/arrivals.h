/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arrival log of one thread: whole frames into a pipe that several threads share. Never blocks the loop: frames wait in a bounded
 * buffer for the reader, and what does not fit is counted. One write(2) holds whole frames of at most PIPE_BUF bytes, which pipes keep
 * together: threads need no lock.
 */
#ifndef TOLL_PROVIDER_ARRIVALS_H
#define TOLL_PROVIDER_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/loop.h"
#include "record/request.h"

struct arrivals {
	struct loop *loop;
	int fd; /* -1: no log */
	bool gone; /* the reader is */
	struct record_sink sink;
	struct buf waiting;
	struct loop_timer flush;
	uint64_t lost; /* records that found no room, or no reader */
};

void arrivals_init(struct arrivals *a, struct loop *loop, int fd, const struct record_sink *sink);
/* Gives the reader up to 2 s for what waits; the rest is counted in lost. */
void arrivals_fini(struct arrivals *a);
/* Does anybody read what is logged? */
bool arrivals_are_read(const struct arrivals *a);
void arrivals_provider(struct arrivals *a, const struct record_provider *record);
void arrivals_events(struct arrivals *a, const struct record_events *head, const struct record_event *events);

/* Once for the pipe: non-blocking, and as large as the kernel lets us have it. 0 or -errno. */
int arrivals_prepare(int fd);

#endif
