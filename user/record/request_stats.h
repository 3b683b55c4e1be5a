/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of a set of requests as the driver saw them (a class, a stage, all). The driver's threads keep one each and merge;
 * replay makes the same from the records of a capture.
 */
#ifndef TOLL_RECORD_REQUEST_STATS_H
#define TOLL_RECORD_REQUEST_STATS_H

#include <stdbool.h>

#include "base/hist.h"
#include "record/request.h"

#define REQUEST_STATS_STATUSES 600
#define REQUEST_STATS_CHECKS 8

struct request_stats {
	uint64_t sent; /* requests that were handed to a connection, or tried to be */
	uint64_t completed; /* a whole answer, of any status */
	uint64_t failed; /* record_outcome_is_failure() */
	uint64_t outcome[RECORD_OUTCOMES];
	uint64_t status[REQUEST_STATS_STATUSES];
	uint64_t tokens, prompt_tokens, chunks;
	uint64_t slo, good; /* of classes with a service level objective; that met it */
	uint64_t heard, foreign, disordered; /* streams whose text was compared; with pieces of others; not whole or in order */
	uint64_t bytes_in, bytes_out;
	struct hist *latency; /* due -> end, ns: the headline; unfinished requests as lower bounds */
	struct hist *service; /* sent -> end */
	struct hist *lateness; /* due -> sent, less the connect: the driver's own */
	struct hist *ttft; /* due -> first token (streams) */
	struct hist *inter_token; /* fed apart: request_stats_gap() */
	uint64_t check_passed[REQUEST_STATS_CHECKS], check_failed[REQUEST_STATS_CHECKS];
};

/* Was it handed to a connection, or tried to be? A request that gave up while it queued in the driver was not. */
bool request_stats_was_sent(const struct record_request *r);
/* due -> end; *at_least: it has no end, and lasted this long or longer. */
uint64_t request_stats_latency_ns(const struct record_request *r, bool *at_least);
int request_stats_init(struct request_stats *s); /* -ENOMEM */
void request_stats_fini(struct request_stats *s);
int request_stats_add(struct request_stats *s, const struct record_request *r);
int request_stats_gap(struct request_stats *s, uint64_t inter_token_ns);
/* The last instant at which the request is known to have been under way. */
uint64_t request_last_known_ns(const struct record_request *r);
/* How late the driver took it up, not counting the time the connection took to come about. It was sent. */
uint64_t request_lateness_ns(const struct record_request *r);
int request_stats_merge(struct request_stats *into, const struct request_stats *from);

#endif
