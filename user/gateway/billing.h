/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Usage records on their way to the billing service: a bounded queue of one worker, emptied beside its requests, which never wait for it. A record
 * is one POST /v1/usage; one that is refused is tried again, and what finds the queue full is dropped and counted.
 */
#ifndef TOLL_GATEWAY_BILLING_H
#define TOLL_GATEWAY_BILLING_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/upstream.h"

struct billing_config {
	const struct upstream_target *target;
	unsigned queue; /* records that may wait; 0: 1000 */
	bool stalling; /* planted: one record at a time, with a pause behind each */
};

struct billing_usage {
	char tenant[64]; /* "": not known */
	unsigned status; /* as answered; 0: the client left before */
	uint64_t request_bytes, answer_bytes; /* of the bodies */
};

struct billing;
int billing_new(struct billing **out, struct loop *loop, const struct billing_config *config); /* -ENOMEM */
void billing_free(struct billing *b); /* what waits is lost */
/* False: the queue is full. */
bool billing_add(struct billing *b, const struct billing_usage *usage);
uint64_t billing_dropped(const struct billing *b); /* queue full, or refused time and again */
unsigned billing_waiting(const struct billing *b); /* in the queue, or on their way */

#endif
