/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gaps between the tokens of streams, from the driver's events: held per request until its record says which class it was.
 * Bounded: what does not fit is counted, never silently gone. One thread.
 */
#ifndef TOLL_SESSION_GAPS_H
#define TOLL_SESSION_GAPS_H

#include <stdint.h>

#include "record/request.h"
#include "record/request_stats.h"

#define GAPS_HELD_MAX (4u << 20) /* of all open streams together: 32 MiB */
#define GAPS_STREAMS_MAX (1u << 18)
#define GAPS_AGE_MAX_NS UINT64_C(900000000000) /* a stream without an event for so long lost its record */

struct gaps;

struct gaps *gaps_new(void);
void gaps_free(struct gaps *g);
/* Batches of one stream come in order; no gap is made across a batch that is missing. -ENOMEM. */
int gaps_events(struct gaps *g, const struct record_events *head, const struct record_event *event);
/* The record is there: its gaps go to each of the `n` statistics. -ENOMEM. */
int gaps_take(struct gaps *g, uint64_t id, struct request_stats *const *into, unsigned n);
/* Forgets streams that were silent for GAPS_AGE_MAX_NS. */
void gaps_expire(struct gaps *g, uint64_t now_ns);
uint64_t gaps_dropped(const struct gaps *g);

#endif
