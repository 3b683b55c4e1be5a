/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The measured part of a run in equal blocks of time, each with its own statistics, so that two runs can be compared with intervals that
 * know how much a gateway's figures wander (requests of one moment share its luck: they are no independent samples). At
 * most BLOCKS_MAX: when a run outgrows them, neighbours become one block of twice the width. A width is BLOCK_WIDTH_FIRST_NS times a power of
 * two, so blocks of any two runs can be brought to the same width. A request belongs to the block in which it was due (attach: in which it
 * was readable at the gateway).
 */
#ifndef TOLL_ATTRIBUTION_BLOCKS_H
#define TOLL_ATTRIBUTION_BLOCKS_H

#include "attribution/attribution.h"
#include "attribution/cause.h"
#include "base/clock.h"
#include "base/hist.h"
#include "record/request.h"

#define BLOCKS_MAX 120u
#define BLOCK_WIDTH_FIRST_NS (250 * NS_PER_MS)

struct block {
	uint64_t sent, ok, failed; /* as the driver saw it; attach: 0 */
	uint64_t joined; /* whole requests */
	uint64_t phase_sum_ns[PHASES]; /* of joined requests */
	uint64_t cause_sum_ns[CAUSES]; /* of the toll of joined requests whose causes were looked for */
	uint64_t cpu_ns; /* the gateway's; what one sample tells is spread evenly over the time since the one before */
	struct hist *latency; /* due -> end; requests without an end as lower bounds */
	struct hist *toll;
};

struct blocks;
/* start_ns: where the measured part begins; 0: with the first record that comes. NULL: no memory. */
struct blocks *blocks_new(uint64_t start_ns);
void blocks_free(struct blocks *b);
/* Where the measured part begins, known late; only before the first record. */
void blocks_start(struct blocks *b, uint64_t start_ns);
/* Requests of the warm-up are the caller's to leave out. -ENOMEM. */
int blocks_request(struct blocks *b, const struct record_request *r);
int blocks_whole(struct blocks *b, const struct whole_request *w, const struct phase_cut *cut);
/* Found some time after the request: at_ns says in which block it was counted (blocks_time_ns). */
int blocks_causes(struct blocks *b, uint64_t at_ns, const struct cause_cut *causes);
uint64_t blocks_time_ns(const struct whole_request *w);
int blocks_gauges(struct blocks *b, const struct record_gauges *g);

/* Blocks from the first to the last that holds anything; those between may be empty. */
const struct block *blocks_at(const struct blocks *b, unsigned *count);
uint64_t blocks_width_ns(const struct blocks *b);
bool blocks_has_cpu(const struct blocks *b);

#endif
