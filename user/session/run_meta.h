/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a capture has to know of a run beside the records: enough that a replay builds the same document. Written as JSON
 * (CAPTURE_META) when the run begins, and again, whole, when it has ended: the last one counts.
 */
#ifndef TOLL_SESSION_RUN_META_H
#define TOLL_SESSION_RUN_META_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "report/report.h"
#include "scenario/plan.h"

#define RUN_META_NOTES_MAX 16
#define RUN_META_PLANTS_MAX 16

struct run_meta_class {
	char name[PLAN_NAME_MAX];
	char endpoint[32];
	bool stream;
	char check[PLAN_CHECKS_MAX][PLAN_NAME_MAX];
	uint32_t checks;
};

struct run_meta_stage {
	char name[PLAN_NAME_MAX];
	uint64_t duration_ns; /* as planned; 0: until its requests are done */
	uint32_t tenants; /* bit i: tenant i takes part; 0: all */
};

/* Somebody behind the gateway who has a label. */
struct run_meta_peer {
	char label[PLAN_NAME_MAX];
	char address[64]; /* "127.0.0.1:5432", "[::1]:5432" */
	struct report_peer_process process; /* known when it has ended */
};

struct run_meta {
	/* known when the run begins */
	char command[16]; /* "run", "attach" */
	char scenario[PLAN_NAME_MAX];
	bool attach;
	bool provider_is_ours;
	bool soak; /* judges leaks */
	bool open_loop;
	uint64_t start_ns; /* CLOCK_MONOTONIC when the schedule begins; 0: not known yet */
	uint64_t start_unix_s;
	uint64_t warmup_ns;
	struct report_machine machine;
	struct run_meta_class class_[PLAN_CLASSES_MAX];
	uint32_t classes;
	struct run_meta_stage stage[PLAN_STAGES_MAX];
	uint32_t stages;
	char tenant[PLAN_TENANTS_MAX][PLAN_NAME_MAX];
	uint32_t tenants;
	char upstream[PLAN_PROVIDERS_MAX][PLAN_NAME_MAX]; /* labels of the providers that are ours */
	uint32_t upstreams;
	struct run_meta_peer peer[PLAN_PEERS_MAX]; /* known once they run */
	uint32_t peers;
	char criterion[PLAN_CRITERIA_MAX][160];
	uint32_t criteria;
	json_t *configuration; /* owned; NULL: none. Never holds secrets: the caller leaves them out. */
	/* known when it has ended */
	bool ended;
	bool complete;
	char cut_short_because[256];
	char invalid_because[256];
	char no_probes_because[480]; /* "": probes were on */
	char no_stacks_because[160]; /* "": CPU samples were taken */
	char probe_paths[256];
	json_t *probed; /* owned; NULL: none. As report_input.probed */
	bool probe_cpu_known;
	double probe_cpu_share;
	struct report_gateway gateway;
	uint64_t due, queue_max, in_flight_max, connections, driver_cpu_ns;
	uint32_t driver_threads;
	struct report_plant plant[RUN_META_PLANTS_MAX], plant_cause[RUN_META_PLANTS_MAX];
	uint32_t plants, plant_causes;
	char note[RUN_META_NOTES_MAX][256];
	uint32_t notes;
	uint64_t memory_limit_bytes; /* of the gateway's cgroup, else the machine's memory; 0: not known */
};

/* Scenario, classes, stages, criteria and loop of a plan; this machine. The rest stays as it is. plan NULL: attach. -ENOMEM. */
int run_meta_from_plan(struct run_meta *m, const struct plan *plan);
/* What only the end tells, from the report that the run is about to build. */
void run_meta_from_report(struct run_meta *m, const struct report_input *in);

/* IPv4 as ::ffff:a.b.c.d. false: no address and port; a name is looked up nowhere: it labels nobody. */
bool run_meta_peer_address(const struct run_meta_peer *peer, uint8_t addr[16], uint16_t *port);

/* NULL: no memory. */
char *run_meta_encode(const struct run_meta *m);
/* Checks everything; err names the field. On an error *m is zero. */
int run_meta_decode(const char *text, size_t bytes, struct run_meta *m, struct err *err);
void run_meta_fini(struct run_meta *m);

#endif
