/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The result document (toll.result/1): built from what a run knows, written, read back, and shown. Everything that is
 * shown is made from the document alone, so `toll report RESULT` prints the same words as the run did.
 */
#ifndef TOLL_REPORT_REPORT_H
#define TOLL_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "attribution/attribution.h"
#include "attribution/calls.h"
#include "attribution/disconnects.h"
#include "attribution/gauge_track.h"
#include "attribution/pools.h"
#include "attribution/resilience.h"
#include "attribution/series.h"
#include "attribution/sockets.h"
#include "attribution/stacks.h"
#include "attribution/workers.h"
#include "base/err.h"
#include "bpf/wire.h"
#include "leak/watch.h"
#include "record/capture.h"
#include "record/request_stats.h"
#include "scenario/criteria.h"
#include "timeline/timeline.h"

/* A planted cost and what was measured of it, for the demo. */
struct report_plant {
	char text[64]; /* "sleep=1ms@request" */
	char phase[32]; /* where it must appear: phase_name() */
	char cause[32]; /* as what: cause_name(); empty: as the phase itself */
	uint64_t truth_p50_ns; /* by the gateway's own clock */
	uint64_t measured_p50_ns;
};

/* What the gateway's log says of its latency. */
struct report_log {
	bool asked;
	uint64_t lines, matched, unread; /* unread: matched, but its number is no time */
	bool rotated; /* another file stood there at the end: the first and the last were read */
	bool cut; /* it was shorter than before: what came ahead of the cut is lost */
	struct hist *told; /* ns */
	char why[320]; /* it cannot be told; "": it can */
};

/* The machine that the run was made on (replays tell the captured one). */
struct report_machine {
	char kernel[96], hostname[64], cpu[96];
	unsigned cores;
};
void report_machine_here(struct report_machine *out);

struct report_gateway {
	bool known; /* processes found on this host */
	char exe[256], comm[32], how[256], recipe[64], url[256];
	uint32_t pid[64];
	unsigned pids;
	/* absent figures: measured == false */
	bool cpu_measured, memory_measured;
	uint64_t cpu_ns; /* in the measured part */
	double cpu_cores_mean, cpu_cores_max, cores_usable;
	uint64_t rss_initial_bytes, rss_mean_bytes, rss_peak_bytes, rss_final_bytes;
	bool died;
};

/* One set of requests: all, a class, a stage. */
struct report_set {
	const char *name;
	bool stream; /* a class whose requests are streams */
	const struct request_stats *stats; /* NULL: no driver of ours (attach) */
	double duration_s; /* for rates */
	/* CLOCK_MONOTONIC. A stage: its first request's due time, the next stage's. All: 0, the last answer's end. 0: not known */
	uint64_t from_ns, to_ns;
	double from_s; /* a stage: when its first request was due, since the load's start */
	const char *check_name[REQUEST_STATS_CHECKS];
	unsigned checks;
	const struct attribution_set *attribution; /* NULL: no probes */
	bool recovery_known; /* a stage that is compared with the first one ... */
	bool recovered; /* ... false: not within the stage */
	uint64_t recovery_ns;
	struct gauge_span gateway; /* of a stage */
};

/* Who serves at a labelled peer's address, if that is on this host. */
struct report_peer_process {
	bool measured;
	uint64_t cpu_ns,
		span_ns; /* used in the time from the first sample to the last; of processes that ended between two: up to the former */
	uint64_t memory_initial_bytes, memory_peak_bytes,
		memory_final_bytes; /* anonymous and resident: what they share counts in none */
	uint32_t processes_max;
};

/* Somebody behind the gateway who has a label. */
struct report_peer {
	const char *label; /* "db" */
	uint8_t addr[16];
	uint16_t port;
	struct report_peer_process process;
};

struct report_input {
	const char *command; /* "run", "attach", "replay" */
	const char *scenario; /* name or "" */
	bool complete;
	const char *cut_short_because; /* NULL when complete */
	uint64_t start_unix_s;
	double duration_s;
	struct report_machine machine;
	const json_t *configuration; /* object of what was set (borrowed): flags, provider, classes; never secrets. NULL: none */
	const char *invalid_because; /* driver could not keep its schedule: the report opens with it. NULL: valid */
	const char *no_probes_because; /* NULL: probes were on */
	struct report_gateway gateway;
	const struct timeline_stats *timeline; /* NULL: no probes */
	uint64_t counters[WIRE_COUNTERS];
	const struct stacks *stacks; /* NULL: no probes */
	const char *no_stacks_because; /* NULL: CPU samples were taken */
	const char *probe_paths;
	const json_t *probed; /* further parts of the document, and "not_measured", that the probes' side has made. NULL: none */
	bool probe_cpu_known;
	double probe_cpu_share; /* of the gateway's CPU */
	const struct capture_end *capture; /* NULL: off */
	bool open_loop;
	uint64_t due, queue_max, in_flight_max, connections, driver_cpu_ns;
	unsigned driver_threads;
	struct report_set total;
	struct report_set class_[16];
	unsigned classes;
	struct report_set stage[64];
	unsigned stages;
	struct report_set tenant[16], tenant_alone[16]; /* where several take part; where it is the only one */
	unsigned tenants;
	const struct resilience_stats *resilience; /* NULL: no probes, or no upstream of ours */
	const char *upstream_label[RESILIENCE_UPSTREAMS_MAX];
	unsigned upstreams;
	uint64_t warmup_requests;
	const struct request_stats *warmup_stats; /* NULL: no driver of ours */
	const struct attribution *attribution; /* NULL: no probes */
	const struct series *series; /* NULL: not kept */
	const struct report_log *log; /* NULL: nobody asked */
	const struct sockets *sockets; /* NULL: no probes */
	const struct pools *pools; /* NULL: no probes */
	const struct workers *workers; /* NULL: no probes */
	const struct disconnects_stats *disconnects; /* NULL: no provider of ours */
	const struct report_peer *peer;
	unsigned peers;
	const struct threads *threads; /* what the gateway's threads did; NULL: no probes */
	const struct calls *calls; /* system calls; NULL: no probes */
	const struct leak_result *leak; /* NULL: no soak */
	const struct leak_parts *leak_parts; /* of a soak */
	double warmup_s; /* as planned */
	uint64_t start_ns; /* CLOCK_MONOTONIC of the load's start, 0: not known */
	const char *const *criterion; /* texts */
	unsigned criteria;
	struct report_plant plant[16]; /* by side */
	unsigned plants;
	struct report_plant plant_cause[16]; /* each by its cause, where causes are known */
	unsigned plant_causes;
	const char *const *note; /* further sentences for the head, e.g. the process between */
	unsigned notes;
};

/*
 * Builds the document, criteria judged. "verdict": "invalid" (the driver failed: the figures say nothing of the gateway), else
 * "missed", else "not_measured", else "met"; "none" without criteria. NULL: no memory. Caller json_decref()s.
 */
json_t *report_build(const struct report_input *in);
/* A JSON string; in a text that is no UTF-8 the bytes beyond ASCII become '?'. NULL: no memory. */
json_t *report_text(const char *text);
/* enum exit_code of a document: 3 cut short; 1 missed, not measured, invalid, or a soak that ended otherwise than with "no leak"; else 0. */
int report_exit_code(const json_t *doc);
/* Writes path atomically (temporary file + rename), mode 0600. err on ENOSPC and the like. */
int report_write_json(const json_t *doc, const char *path, struct err *err);
/* The document as report_write_json() writes it. */
int report_print_json(const json_t *doc, FILE *out);
/* Reads, and checks against report_schema(); err names the file and the line or the field. */
int report_read_json(const char *path, json_t **doc, struct err *err);
/* The terminal report, at most 100 columns. colour: ANSI. */
int report_print_text(const json_t *doc, FILE *out, bool colour);
/* The same words with charts, as one file of HTML that needs no network. */
int report_print_html(const json_t *doc, FILE *out);
/* Have two objects the same keys, whatever stands under them? Absent objects are empty. */
bool report_same_keys(const json_t *a, const json_t *b);
/* JSON Schema (draft 2020-12) of toll.result/1. */
const char *report_schema(void);

#endif
