/* SPDX-License-Identifier: GPL-2.0-only */
/* What the pipeline's files share: how records go in, and what a report gets of them. Nobody else includes it. */
#ifndef TOLL_SESSION_PIPELINE_PARTS_H
#define TOLL_SESSION_PIPELINE_PARTS_H

#include "attribution/blocks.h"
#include "attribution/calls.h"
#include "attribution/disconnects.h"
#include "attribution/gauge_track.h"
#include "attribution/pools.h"
#include "attribution/recovery.h"
#include "attribution/resilience.h"
#include "attribution/series.h"
#include "attribution/sockets.h"
#include "attribution/stacks.h"
#include "attribution/workers.h"
#include "session/gaps.h"
#include "session/pipeline.h"

/* When the requests of a set were due and ended: its duration. */
struct span {
	uint64_t first_due_ns, last_end_ns;
};

struct pipeline {
	struct pipeline_config config;
	struct run_meta meta;
	bool open; /* meta is known, the parts below exist */
	bool ended; /* no more records will come */
	int failed; /* first -ENOMEM of the whole callback, which cannot return it */
	/* the joining half's */
	struct timeline *timeline;
	struct attribution *attribution;
	struct series *series;
	struct gauge_track gauges;
	struct stacks *stacks;
	struct resilience *resilience;
	uint64_t counters[WIRE_COUNTERS];
	/* the ends' half's; sockets_whole() is the other's. On lines of its own: another thread may write them */
	_Alignas(64) struct sockets *sockets;
	struct pools *pools;
	struct disconnects *disconnects;
	struct calls *calls;
	struct leak_watch *leak;
	struct gaps *gaps;
	struct recovery *recovery;
	struct workers workers;
	struct request_stats total, warmup;
	struct request_stats class_[PLAN_CLASSES_MAX], stage[PLAN_STAGES_MAX];
	struct request_stats tenant[PLAN_TENANTS_MAX], tenant_alone[PLAN_TENANTS_MAX];
	struct span span, stage_span[PLAN_STAGES_MAX];
	uint64_t warmup_requests;
	uint64_t first_tick_ns, last_tick_ns, next_expire_ns;
	/* what a report is filled with, when all is done */
	struct report_peer peer[PLAN_PEERS_MAX]; /* of the meta, in binary */
	struct leak_result leaks;
	const char *criterion[PLAN_CRITERIA_MAX];
	const char *note[RUN_META_NOTES_MAX + 1];
	char gaps_note[160];
	/* frames that come unaligned (out of a pipe, behind JSON in a file) are copied here before they are read as structs */
	_Alignas(64) unsigned char aligned[sizeof(struct record_events) + RECORD_EVENTS_BATCH_MAX * sizeof(struct record_event)];
};

/* Only requests of one tenant are due in it. */
static inline bool pipeline_is_alone(const struct run_meta_stage *stage)
{
	return stage->tenants && !(stage->tenants & (stage->tenants - 1));
}

#endif
