/* SPDX-License-Identifier: GPL-2.0-only */
/* The session's own state, shared by the files of this room only. */
#ifndef TOLL_SESSION_PARTS_H
#define TOLL_SESSION_PARTS_H

#include <limits.h>

#include "driver/driver.h"
#include "leak/sure.h"
#include "probe/discover.h"
#include "probe/probe.h"
#include "report/report.h"
#include "session/ab.h"
#include "session/alloc_watch.h"
#include "session/code.h"
#include "session/gauges.h"
#include "session/group_watch.h"
#include "session/growth_watch.h"
#include "session/metrics_endpoint.h"
#include "session/overhead.h"
#include "session/own_counters.h"
#include "session/peers.h"
#include "session/pipeline.h"
#include "session/provider_child.h"
#include "session/queue.h"
#include "session/reach_watch.h"
#include "session/recipe.h"
#include "session/session.h"
#include "session/survivor_watch.h"
#include "session/truth.h"

#define SESSION_HEADERS_MAX 48
#define QUEUE_BYTES_MAX (256u << 20)

struct gateway_watch {
	uint64_t gone_ns; /* since when none of its processes is left; 0: some are */
	uint64_t next_look_ns, next_check_ns, next_whole_ns;
	unsigned returns;
	char returned[400]; /* the last time */
};

/* When a soak looks next: at the dearer tiers, at what grows. */
struct soaking {
	uint64_t next_ns, look_ns;
	unsigned risen; /* bits of the gauges that have been looked into */
	double cpu_gone_ns, cpu_last_ns; /* of processes that have ended; of those that were there when it was looked last */
};

struct session {
	const struct session_config *config;
	struct err err;
	char url[256];
	char capture_path[300];
	char log_path[300];
	char truth_path[PATH_MAX + 16];
	const char *header[SESSION_HEADERS_MAX];
	unsigned headers;

	struct provider_child provider[PLAN_PROVIDERS_MAX];
	unsigned providers;
	struct session_peers peers;
	struct metrics_endpoint metrics;
	struct own_counters own;
	struct gateway_log log;
	struct recipe *recipe;
	struct recipe_running gateway;
	struct discovered found;
	struct proc_strangers strangers; /* to the gateway's listeners */
	bool gateway_is_local;
	bool gateway_died;
	struct gateway_watch watch;

	struct probe *probe;
	struct code code;
	bool probe_was_on;
	char paths[200];
	char no_probes_because[480];
	char no_threads_because[200]; /* they were asked for, and refused */
	struct queue queue;
	struct capture_writer *capture;
	struct pipeline *pipeline;
	struct driver *driver;
	const struct driver_stats *driver_stats;
	struct gauges gauges;
	struct gauge_parts gauge_parts; /* a soak's */
	struct overhead overhead;
	struct group_watch groups;
	struct alloc_watch alloc;
	struct soaking soaking;
	struct survivor_watch survivors;
	struct growth_watch growth;
	struct reach_watch reach;
	uint64_t next_budget_ns; /* when it decides next */
	struct ab ab;
	json_t *probed; /* what they saw and cost, at the end */
	struct truth truth;

	time_t start_wall_s;
	uint64_t start_ns, end_ns; /* of the load (attach: of watching) */
	uint64_t counters[WIRE_COUNTERS];
	char cut_short[256]; /* why; "": it was not */
	uint32_t before_done; /* actions before the stage that waits */
	uint64_t before_until_ns; /* the one in hand waits until then; 0: it does not */
	struct sure sure; /* --until-sure */
	char sure_because[200]; /* why the load ended early; "": it did not */
	char broke[200]; /* where steps went no further; "": they did not break */
	struct capture_end captured;
};

/* prepare.c: output directory, provider, gateway, who it is; -errno with s->err filled. */
int session_prepare(struct session *s);
/* Fills s->found: may be called again, for a gateway whose workers come after its listener. */
int session_gateway_find(struct session *s);
/* The gateway that a recipe started, once more. */
int session_gateway_restart(struct session *s);
/* before.c: does what is to be done before a stage; true when all is done. */
bool session_before(struct session *s, uint32_t stage, uint64_t now_ns);
/* gateway_watch.c: the gateway's processes are others now. */
void session_gateway_again(struct session *s);
/* gateway_watch.c: every tick. A gateway or provider that is gone cuts the run short; who was started again is found again. */
void session_gateway_watch(struct session *s, uint64_t now_ns);
/* Searches as at the beginning; processes that are new are watched from here on. False: none is found, what was known stays. */
bool session_gateway_find_again(struct session *s);
/* arm.c: probes on, pipeline and capture open. Missing probes are no failure: s->no_probes_because tells. */
int session_arm(struct session *s);
/* loop.c: drives the load and reads everything until it is done, cut short or the time is over. */
int session_loop(struct session *s);
/* drain.c: last turns, last records; then probes off, processes ended. Safe after any failure, and twice. */
void session_drain(struct session *s);
void session_tear_down(struct session *s);
/* result.c: the document, its files, the report on the screen; an exit code. */
int session_result(struct session *s);
/* The document of what there is so far, while it runs: a new reference, NULL without memory. */
json_t *session_document_now(struct session *s);

/* probing.c: the measured part begins; every tick; it is over; the parts of the result (a new reference). */
void session_probes_start(struct session *s, uint64_t now_ns);
void session_probes_tick(struct session *s, uint64_t now_ns);
void session_probes_end(struct session *s, uint64_t now_ns);
json_t *session_probed(const struct session *s);
/* What all probes took of the gateway's CPU in the measured part; false: not known. */
bool session_probe_share(const struct session *s, double *share);

/* One frame of any source into the pipeline. */
int session_frame(void *ctx, enum capture_frame type, const void *data, uint32_t bytes);
/* Ring, queue and provider's log, as far as they are now. */
int session_read_all(struct session *s);
void session_cut_short(struct session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
