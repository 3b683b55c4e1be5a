/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session: prepare, arm, run, drain, tear down. One thread (this one) owns signals, timers, the ring buffer, the provider's
 * log and the pipeline; the driver's threads only append to a queue. Whatever ends it, a result is written.
 */
#ifndef TOLL_SESSION_SESSION_H
#define TOLL_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/options.h"
#include "probe/budget.h"
#include "probe/paths.h"
#include "record/capture.h"
#include "scenario/plan.h"
#include "session/gateway_log.h"

struct alloc_probe;
struct attribution;
struct series;

/* How it goes, once a second, to somebody who looks on. Everything belongs to the session. */
struct session_view {
	uint64_t now_ns, start_ns;
	const char *exe; /* the gateway's; "" */
	const uint32_t *pid; /* its processes as they are now */
	unsigned pids;
	const struct record_gauges *gauges; /* the last sample; time_ns 0: none */
	const struct attribution *attribution;
	const struct series *series;
	const struct alloc_probe *alloc; /* NULL: allocator probes are off */
	uint64_t alloc_on_ns, frees_on_ns; /* how long they were on, in all; those on functions that give back */
};

/* Called by the session's thread. */
struct session_viewer {
	void *ctx;
	bool (*tick)(void *ctx); /* about every 20 ms; false: end now */
	void (*second)(void *ctx, const struct session_view *view);
	void (*wire)(void *ctx, const void *record, uint32_t bytes); /* each record of the probes */
	void (*end)(void *ctx, const char *why); /* the loop is over; why: cut short, or NULL */
};

struct session_config {
	const struct plan *plan; /* NULL: attach, no load of ours */
	uint64_t attach_ns; /* attach: how long */
	bool soak; /* judge leaks */
	bool until_sure; /* a soak ends as soon as its verdict is certain ... */
	uint64_t fills_ns; /* ... by when whatever fills up is full; 0: leak/sure.h says */
	bool survivors; /* follow blocks of memory from the begin on, not only when something grows */
	bool reachability; /* at its end: what does nothing point to? The gateway stands still for a moment */
	const char *url; /* --gateway; NULL with a recipe */
	const char *recipe; /* --with */
	const struct option_list *recipe_params; /* --set key=value */
	const char *plant; /* reference gateway; NULL: none */
	unsigned workers; /* of the recipe's gateway */
	uint64_t pid; /* --pid, --comm, --cgroup override the search by port */
	const char *comm;
	const char *cgroup;
	const char
		*provider; /* --provider HOST:PORT: run the embedded provider there; NULL: only with a recipe, on a free port */
	unsigned provider_threads;
	const char *provider_tls_cert, *provider_tls_key;
	bool no_probes;
	unsigned sample_hz; /* CPU samples of the gateway's threads, per second and CPU; 0: none */
	struct budget_limit budget; /* for the probes */
	bool ab; /* windows with and without probes, and the difference */
	unsigned groups; /* of enum probe_group */
	struct paths paths; /* asked for */
	uint64_t ring_bytes; /* 0: default */
	const char *out_dir;
	enum capture_mode capture;
	uint64_t capture_max_bytes;
	const char *api_key;
	const struct option_list *header;
	unsigned threads; /* of the driver */
	bool tag;
	bool traceparent;
	const char *overhead_header; /* NULL: those that are known */
	bool tls_insecure;
	const char *ca_file;
	bool http2;
	bool quiet; /* no progress lines */
	bool plain; /* progress as lines on a terminal too */
	const char *live_path; /* a JSON line each second goes there; NULL: none */
	bool json; /* print the document instead of the text */
	bool colour;
	const char *metrics_url; /* the gateway's own Prometheus page; NULL: none */
	struct gateway_log_config gateway_log;
	const char *metrics_listen; /* HOST:PORT where Prometheus may scrape while it runs; NULL: nowhere */
	const struct session_viewer *viewer; /* NULL: none */
	bool no_result; /* only the viewer is served: nothing is printed or written */
	struct option_list export; /* "html=report.html", checked: written beside the result's own files */
};

/* Runs it all; prints the report; returns an exit code. */
int session_run(const struct session_config *config);

#endif
