/* SPDX-License-Identifier: GPL-2.0-only */
/* Who stands behind the gateway beside the providers: those that the run starts for the embedded gateway, and the labels of all. */
#ifndef TOLL_SESSION_PEERS_H
#define TOLL_SESSION_PEERS_H

#include <stdbool.h>

#include "base/err.h"
#include "scenario/plan.h"
#include "session/peer_child.h"
#include "session/peer_gauges.h"
#include "session/postgres_child.h"
#include "session/run_meta.h"

struct session_peers {
	struct peer_child redis, billing;
	struct postgres_child db;
	struct run_meta_peer label[PLAN_PEERS_MAX];
	struct peer_gauges gauges[PLAN_PEERS_MAX]; /* of each */
	unsigned labels;
};

/* Starts what the plan asks for if the gateway is the embedded one; labels what is there. log_path: their output. */
int session_peers_start(struct session_peers *p, const struct plan *plan, bool embedded, const char *log_path, struct err *err);
/* CPU and memory of those that are on this host: each second of the measured part. */
void session_peers_sample(struct session_peers *p, uint64_t now_ns);
/* Safe after any failure, and twice. */
void session_peers_stop(struct session_peers *p);

#endif
