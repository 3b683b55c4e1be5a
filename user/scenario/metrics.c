/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/metrics.h"

#include <stdio.h>
#include <string.h>

const char *const metric_stats[] = {"min", "mean", "p50", "p90", "p95", "p99", "p999", "max", NULL};

/* Phases are those of the attribution: their names are part of the result document, so they are settled. */
const struct metric metric_rows[] = {
	{"success_rate", CRITERION_RATIO, METRIC_PLAIN, false, "requests that ended well, of those sent"},
	{"error_rate", CRITERION_RATIO, METRIC_PLAIN, false, "requests that failed, of those sent"},
	{"sent", CRITERION_COUNT, METRIC_PLAIN, false, "requests sent"},
	{"completed", CRITERION_COUNT, METRIC_PLAIN, false, "requests with a whole answer, of any status"},
	{"failed", CRITERION_COUNT, METRIC_PLAIN, false, "requests that did not end well"},
	{"throughput", CRITERION_PER_S, METRIC_PLAIN, false, "requests that ended well, per second"},
	{"tokens_per_s", CRITERION_PER_S, METRIC_PLAIN, false, "completion tokens received, per second"},
	{"goodput", CRITERION_PER_S, METRIC_PLAIN, false, "requests that ended well and met their class's slo, per second"},
	{"slo_rate", CRITERION_RATIO, METRIC_PLAIN, false, "those, of the requests of classes with an slo"},
	{"streaming_success_rate", CRITERION_RATIO, METRIC_PLAIN, false, "streams that ended well, of those sent"},
	{"stream.heard", CRITERION_COUNT, METRIC_PLAIN, false, "streams whose text was compared with what the provider said"},
	{"stream.foreign", CRITERION_COUNT, METRIC_PLAIN, false, "streams with a piece of another request's answer"},
	{"stream.disordered", CRITERION_COUNT, METRIC_PLAIN, false, "streams that lack a piece, or have it in another place"},
	{"recovery", CRITERION_NS, METRIC_PLAIN, false,
	 "a stage: from its start until requests are as in the first stage (at most twice its p95, a fifth may fail)"},
	{"latency", CRITERION_NS, METRIC_STATS, false, "from the moment a request was due to the end of its answer"},
	{"service", CRITERION_NS, METRIC_STATS, false, "from the moment a request was sent to the end of its answer"},
	{"lateness", CRITERION_NS, METRIC_STATS, false, "how late the driver sent a request: the driver's own"},
	{"ttft", CRITERION_NS, METRIC_STATS, false, "streams: from the moment a request was due to its first token"},
	{"inter_token", CRITERION_NS, METRIC_STATS, false, "streams: between two events with tokens"},
	{"check", CRITERION_RATIO, METRIC_NAMED, false, "answers that passed the check of this name"},
	{"toll", CRITERION_NS, METRIC_STATS, false, "what the gateway took of a request, seen from the kernel"},
	{"driver_lag", CRITERION_NS, METRIC_STATS, false, "phase: due, but not yet sent by the driver"},
	{"client_connect", CRITERION_NS, METRIC_STATS, false, "phase: the client's connect"},
	{"client_tls", CRITERION_NS, METRIC_STATS, false, "phase: TLS handshake with the client (gateway)"},
	{"accept_queue", CRITERION_NS, METRIC_STATS, false, "phase: connected, not yet accepted (gateway)"},
	{"network", CRITERION_NS, METRIC_STATS, false, "phase: between the sockets"},
	{"request_arrival", CRITERION_NS, METRIC_STATS, false, "phase: waiting for the rest of the request"},
	{"pick_up_request", CRITERION_NS, METRIC_STATS, false, "phase: readable, not yet read by the gateway (gateway)"},
	{"process_request", CRITERION_NS, METRIC_STATS, false, "phase: read, not yet sent upstream (gateway)"},
	{"upstream_dns", CRITERION_NS, METRIC_STATS, false, "phase: looking up the upstream's name"},
	{"upstream_connect", CRITERION_NS, METRIC_STATS, false, "phase: connecting to the upstream"},
	{"upstream_tls", CRITERION_NS, METRIC_STATS, false, "phase: TLS handshake with the upstream"},
	{"provider", CRITERION_NS, METRIC_STATS, false, "phase: the provider's own time"},
	{"rest_of_response", CRITERION_NS, METRIC_STATS, false, "phase: waiting for the rest of the response"},
	{"pick_up_response", CRITERION_NS, METRIC_STATS, false,
	 "phase: response readable, not yet read by the gateway (gateway)"},
	{"process_response", CRITERION_NS, METRIC_STATS, false, "phase: response read, not yet sent to the client (gateway)"},
	{"between_attempts", CRITERION_NS, METRIC_STATS, false, "phase: the gateway's own back-off between attempts (gateway)"},
	{"local_answer", CRITERION_NS, METRIC_STATS, false, "phase: answered without an upstream (gateway)"},
	{"stream", CRITERION_NS, METRIC_STATS, false, "phase: first to last byte of the answer at the client"},
	{"causes.own_user", CRITERION_NS, METRIC_STATS, false, "cause: the gateway's code ran for the request"},
	{"causes.own_kernel", CRITERION_NS, METRIC_STATS, false, "cause: the kernel ran for the request, in its system calls"},
	{"causes.own_cpu", CRITERION_NS, METRIC_STATS, false,
	 "cause: a CPU ran for the request (without probes of system calls)"},
	{"causes.allocator", CRITERION_NS, METRIC_STATS, false, "cause: malloc, free and the like"},
	{"causes.other_work", CRITERION_NS, METRIC_STATS, false, "cause: the thread was busy with other requests"},
	{"causes.run_queue", CRITERION_NS, METRIC_STATS, false, "cause: the thread could run and had no CPU"},
	{"causes.throttled", CRITERION_NS, METRIC_STATS, false, "cause: the cgroup was out of CPU quota"},
	{"causes.steal", CRITERION_NS, METRIC_STATS, false, "cause: interrupts or the hypervisor took the CPU"},
	{"causes.lock", CRITERION_NS, METRIC_STATS, false, "cause: the thread waited for a lock"},
	{"causes.disk", CRITERION_NS, METRIC_STATS, false, "cause: the thread waited for a disk or file system"},
	{"causes.page_fault", CRITERION_NS, METRIC_STATS, false, "cause: the thread waited in a page fault"},
	{"causes.swap", CRITERION_NS, METRIC_STATS, false, "cause: the thread waited for memory"},
	{"causes.socket", CRITERION_NS, METRIC_STATS, false,
	 "cause: the thread was blocked in a read or write of a socket or pipe"},
	{"causes.other_blocked", CRITERION_NS, METRIC_STATS, false, "cause: the thread was blocked in another system call"},
	{"causes.idle", CRITERION_NS, METRIC_STATS, false, "cause: the thread was parked, in epoll or in a timer"},
	{"causes.hand_off", CRITERION_NS, METRIC_STATS, false, "cause: on the way from one thread to another"},
	{"causes.unknown", CRITERION_NS, METRIC_STATS, false, "cause: no account of the thread"},
	{"upstream.attempts_per_request", CRITERION_COUNT, METRIC_PLAIN, false,
	 "upstream turns per request: more than 1 are retries"},
	{"upstream.turns_per_connection", CRITERION_COUNT, METRIC_PLAIN, true,
	 "turns on each upstream connection: about 1 is a connection for each request"},
	{"upstream.opened_per_request", CRITERION_COUNT, METRIC_PLAIN, true, "upstream connections opened, per request"},
	{"upstream.connects_failed", CRITERION_COUNT, METRIC_PLAIN, true, "upstream connects that failed"},
	{"upstream.connect", CRITERION_NS, METRIC_STATS, true, "each upstream connect, from SYN to established"},
	{"upstream.unread", CRITERION_NS, METRIC_STATS, true, "each upstream turn: the longest that a byte of it lay unread"},
	{"cache_hit_rate", CRITERION_RATIO, METRIC_PLAIN, true, "requests answered without any upstream turn"},
	{"cache.own_hit_rate", CRITERION_RATIO, METRIC_PLAIN, false,
	 "requests answered without any call of another process: the gateway's own memory"},
	{"cache.peer_hit_rate", CRITERION_RATIO, METRIC_PLAIN, false,
	 "requests answered after a call of another peer, but of no provider: a cache behind the gateway"},
	{"failover.count", CRITERION_COUNT, METRIC_PLAIN, true,
	 "requests whose first attempt failed and that went on to another upstream"},
	{"failover.success_rate", CRITERION_RATIO, METRIC_PLAIN, true, "those of them that ended well"},
	{"failover.time", CRITERION_NS, METRIC_STATS, true,
	 "first failed attempt leaves -> first byte from the upstream that answered"},
	{"retry.requests", CRITERION_COUNT, METRIC_PLAIN, true, "requests with more than one upstream turn"},
	{"retry.attempts_max", CRITERION_COUNT, METRIC_PLAIN, true, "most upstream turns of one request"},
	{"retry.backoff", CRITERION_NS, METRIC_STATS, true, "a failed attempt is over -> the next one leaves"},
	{"disconnect.clients", CRITERION_COUNT, METRIC_PLAIN, true, "clients that left before their answer was whole"},
	{"disconnect.calls", CRITERION_COUNT, METRIC_PLAIN, true, "their upstream calls that were still running, or began later"},
	{"disconnect.answered", CRITERION_COUNT, METRIC_PLAIN, true, "those of them that ran until the provider had answered"},
	{"disconnect.kept", CRITERION_NS, METRIC_STATS, true, "the client is gone -> the call is over"},
	{"queue.requests.max", CRITERION_COUNT, METRIC_PLAIN, false, "most requests inside the gateway at once"},
	{"queue.unread.max", CRITERION_COUNT, METRIC_PLAIN, false, "most requests at once that lay unread in its sockets"},
	{"queue.unread.mean", CRITERION_COUNT, METRIC_PLAIN, false, "requests that lay unread in its sockets, over time"},
	{"queue.unread_bytes.max", CRITERION_BYTES, METRIC_PLAIN, true,
	 "most bytes that lay unread in its sockets, once a second"},
	{"queue.accept.max", CRITERION_COUNT, METRIC_PLAIN, true, "most connections that waited to be accepted, once a second"},
	{"tenants.fairness", CRITERION_RATIO, METRIC_PLAIN, true,
	 "Jain's index over the tenants' success rates: 1 is fair, 1/n: one has it all"},
	{"tenants.starved", CRITERION_COUNT, METRIC_PLAIN, true, "tenants of whose requests none ended well"},
	{"gateway.cpu.mean", CRITERION_RATIO, METRIC_PLAIN, true, "the gateway's CPU, of the cores that it may use"},
	{"gateway.cpu.max", CRITERION_RATIO, METRIC_PLAIN, true, "the same, in its busiest second"},
	{"gateway.memory.initial", CRITERION_BYTES, METRIC_PLAIN, true, "the gateway's memory before the load"},
	{"gateway.memory.mean", CRITERION_BYTES, METRIC_PLAIN, true, "the gateway's memory during the load"},
	{"gateway.memory.peak", CRITERION_BYTES, METRIC_PLAIN, true, "the gateway's most memory"},
	{"gateway.memory.final", CRITERION_BYTES, METRIC_PLAIN, true, "the gateway's memory at the end"},
	{"gateway.memory.growth", CRITERION_RATIO, METRIC_PLAIN, true, "(final - initial) / initial"},
	{"gateway.memory.growth_rate", CRITERION_RATIO, METRIC_PLAIN, true,
	 "memory's mean in the last third of the run against the first third, less 1"},
	{"gateway.fds.mean", CRITERION_COUNT, METRIC_PLAIN, true, "the gateway's open file descriptors"},
	{"gateway.fds.growth_rate", CRITERION_RATIO, METRIC_PLAIN, true, "the same of its open file descriptors"},
	{"gateway.threads.max", CRITERION_COUNT, METRIC_PLAIN, true, "the gateway's most threads"},
	{"gateway.threads.began", CRITERION_COUNT, METRIC_PLAIN, true, "threads that the gateway started"},
	{"gateway.threads.ended", CRITERION_COUNT, METRIC_PLAIN, true, "threads of the gateway that ended"},
	{"gateway.processes.began", CRITERION_COUNT, METRIC_PLAIN, true, "processes that the gateway started"},
	{"gateway.processes.ended", CRITERION_COUNT, METRIC_PLAIN, true, "processes of the gateway that ended"},
	{"gateway.processes.max", CRITERION_COUNT, METRIC_PLAIN, true, "the gateway's most processes"},
	{"trust.coverage", CRITERION_RATIO, METRIC_PLAIN, true, "requests whose whole timeline was seen"},
	{"trust.order_violations", CRITERION_COUNT, METRIC_PLAIN, true, "timelines against causality"},
	{"trust.lost", CRITERION_COUNT, METRIC_PLAIN, true, "kernel records lost, of any cause"},
	{NULL, CRITERION_COUNT, METRIC_PLAIN, false, NULL},
};

/* Behind "upstream.LABEL.". */
static const struct metric upstream_rows[] = {
	{"turns", CRITERION_COUNT, METRIC_PLAIN, false, "calls of this upstream"},
	{"answered", CRITERION_COUNT, METRIC_PLAIN, false, "requests that this upstream's answer ended"},
	{"failed", CRITERION_COUNT, METRIC_PLAIN, false, "calls without an answer, or with a 5xx"},
	{"breaker.opened", CRITERION_COUNT, METRIC_PLAIN, false, "times that its breaker opened, as seen from outside"},
	{"breaker.half_opened", CRITERION_COUNT, METRIC_PLAIN, false, "times that one call tried it again"},
	{"breaker.closed", CRITERION_COUNT, METRIC_PLAIN, false, "times that it was in use again"},
	{NULL, CRITERION_COUNT, METRIC_PLAIN, false, NULL},
};

/* Behind "peer.LABEL.". */
static const struct metric peer_rows[] = {
	{"open.max", CRITERION_COUNT, METRIC_PLAIN, false, "most connections to this peer at once: the pool's high-water mark"},
	{"open.end", CRITERION_COUNT, METRIC_PLAIN, false, "connections to it at the end (of the stage)"},
	{"busy.max", CRITERION_COUNT, METRIC_PLAIN, false, "most connections to it in use at once"},
	{"exhausted", CRITERION_RATIO, METRIC_PLAIN, false,
	 "share of the time in which all were in use and requests waited inside the gateway"},
	{"wait", CRITERION_NS, METRIC_STATS, false, "from a question's last byte to its answer's first: its query latency"},
	{"backlog.max", CRITERION_COUNT, METRIC_PLAIN, false,
	 "requests answered, less questions that this peer has answered: what a billing service was not told yet"},
	{"backlog.end", CRITERION_COUNT, METRIC_PLAIN, false, "the same at the end (of the stage)"},
	{"abandoned", CRITERION_COUNT, METRIC_PLAIN, true,
	 "connections that lie unused to the end while others were opened: a leak"},
	{"opened", CRITERION_COUNT, METRIC_PLAIN, true, "connections that were opened"},
	{"failed", CRITERION_COUNT, METRIC_PLAIN, true, "connects that failed"},
	{"turns", CRITERION_COUNT, METRIC_PLAIN, true, "questions and their answers, the connects' own too"},
	{"connect", CRITERION_NS, METRIC_STATS, true, "each connect, from SYN to established"},
	{"cpu.cores", CRITERION_COUNT, METRIC_PLAIN, true, "CPUs that its processes took on average, where it is on this host"},
	{"memory.peak", CRITERION_BYTES, METRIC_PLAIN, true, "most memory of its processes (anonymous, resident)"},
	{"memory.growth", CRITERION_RATIO, METRIC_PLAIN, true, "(final - initial) / initial of that"},
	{NULL, CRITERION_COUNT, METRIC_PLAIN, false, NULL},
};

static bool tail_fits(const struct metric *m, const char *tail)
{
	if (m->form == METRIC_PLAIN)
		return *tail == '\0';
	if (*tail++ != '.')
		return false;
	if (m->form == METRIC_NAMED)
		return *tail != '\0' && strpbrk(tail, ". \t") == NULL;
	for (const char *const *stat = metric_stats; *stat; stat++)
		if (strcmp(*stat, tail) == 0)
			return true;
	return false;
}

static const struct metric *find(const struct metric *rows, const char *name)
{
	for (const struct metric *m = rows; m->name; m++) {
		size_t n = strlen(m->name);

		if (strncmp(m->name, name, n) == 0 && tail_fits(m, name + n))
			return m;
	}
	return NULL;
}

const struct metric *metric_find(const char *name)
{
	return find(metric_rows, name);
}

const struct metric *metric_find_upstream(const char *name)
{
	return find(upstream_rows, name);
}

const struct metric *metric_find_peer(const char *name)
{
	return find(peer_rows, name);
}

bool criterion_name_taken(const char *name)
{
	size_t n = strlen(name);

	if (strcmp(name, "stage") == 0 || strcmp(name, "tenant") == 0 || strcmp(name, "upstream") == 0 ||
	    strcmp(name, "peer") == 0)
		return true;
	for (const struct metric *m = metric_rows; m->name; m++)
		if (strncmp(m->name, name, n) == 0 && (m->name[n] == '\0' || m->name[n] == '.'))
			return true;
	return false;
}

typedef void (*metric_fn)(void *ctx, const char *name, enum criterion_unit unit, const char *meaning);

static void list(const struct metric *rows, const char *prefix, metric_fn fn, void *ctx)
{
	for (const struct metric *m = rows; m->name; m++) {
		static const char *const tail[] = {
			[METRIC_PLAIN] = "", [METRIC_STATS] = ".{" METRIC_STATS_TEXT "}", [METRIC_NAMED] = ".NAME"};
		char name[96];

		snprintf(name, sizeof(name), "%s%s%s", prefix, m->name, tail[m->form]);
		fn(ctx, name, m->unit, m->meaning);
	}
}

void criterion_metrics(metric_fn fn, void *ctx)
{
	list(metric_rows, "", fn, ctx);
	list(upstream_rows, "upstream.LABEL.", fn, ctx);
	list(peer_rows, "peer.LABEL.", fn, ctx);
}
