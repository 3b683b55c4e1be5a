// SPDX-License-Identifier: GPL-2.0-only
/* Metrics of the connections to a labelled peer: "peer.LABEL.open.max", of the whole run or of a stage. */
#include <string.h>

#include "report/build.h"
#include "report/lookup.h"

/* Whole-run figures that the sockets count. */
static int lookup_sockets_peer(const struct sockets_peer *p, const char *name, struct criteria_value *out)
{
	const char *connect = lookup_behind(name, "connect");

	if (connect)
		return lookup_stat(p->connect, connect, "the gateway opened no connection to this peer", out);
	if (!strcmp(name, "opened"))
		return lookup_is(out, (double)p->opened);
	if (!strcmp(name, "turns"))
		return lookup_is(out, (double)p->turns);
	return strcmp(name, "failed") ? LOOKUP_NOT_MINE : lookup_is(out, (double)p->failed);
}

static int lookup_wait(const struct pools *pools, int pool, const struct report_set *set, const char *stat,
		       struct criteria_value *out)
{
	struct hist *wait = hist_new();
	int r;

	if (!wait || pools_wait(pools, pool, set->from_ns, build_end_ns(set), wait))
		r = lookup_no_data(out, "no memory for the distribution");
	else
		r = lookup_stat(wait, stat, "the gateway asked this peer nothing", out);
	hist_free(wait);
	return r;
}

static int lookup_backlog(const struct pools *pools, int pool, const struct report_set *set, const char *name,
			  struct criteria_value *out)
{
	uint64_t most, end;

	pools_backlog(pools, pool, set->from_ns, build_end_ns(set), &most, &end);
	if (!strcmp(name, "max"))
		return lookup_is(out, (double)most);
	return strcmp(name, "end") ? LOOKUP_NOT_MINE : lookup_is(out, (double)end);
}

static int lookup_exhausted(double share, const char *why, struct criteria_value *out)
{
	return why ? lookup_no_data(out, why) : lookup_is(out, share);
}

static int lookup_pool(const struct report_input *in, const struct sockets_peer *p, int pool, const struct report_set *set,
		       const char *name, struct criteria_value *out)
{
	bool whole_run = set == &in->total;
	const char *stat = lookup_behind(name, "wait"), *backlog = lookup_behind(name, "backlog");
	struct pool_figures f;

	if (!whole_run && set->to_ns <= set->from_ns)
		return lookup_no_data(out, "when the stage was is not known");
	if (stat)
		return lookup_wait(in->pools, pool, set, stat, out);
	pools_figures(in->pools, pool, set->from_ns, build_end_ns(set), &f);
	if (!f.moments)
		return lookup_no_data(out, "the time is too short to tell");
	if (backlog)
		return lookup_backlog(in->pools, pool, set, backlog, out);
	if (!strcmp(name, "open.max"))
		return lookup_is(out, (double)f.open_max);
	if (!strcmp(name, "open.end"))
		return lookup_is(out, (double)f.open_end);
	if (!strcmp(name, "busy.max"))
		return lookup_is(out, (double)f.busy_max);
	if (!strcmp(name, "exhausted"))
		return lookup_exhausted(f.exhausted, build_no_exhaustion(in, p, pool), out);
	if (!strcmp(name, "abandoned") && whole_run)
		return lookup_is(out, (double)pools_abandoned(in->pools, pool));
	return LOOKUP_NOT_MINE;
}

static const struct sockets_peer *sockets_peer_of(const struct report_input *in, const struct report_peer *peer)
{
	const struct sockets_peer *peers = NULL;
	unsigned n = sockets_peers(in->sockets, &peers);

	for (unsigned i = 0; i < n; i++)
		if (peers[i].port == peer->port && !memcmp(peers[i].addr, peer->addr, sizeof(peer->addr)))
			return &peers[i];
	return NULL;
}

static int lookup_process(const struct report_peer_process *p, const char *name, struct criteria_value *out)
{
	bool cpu = !strcmp(name, "cpu.cores"), peak = !strcmp(name, "memory.peak"), growth = !strcmp(name, "memory.growth");

	if (!cpu && !peak && !growth)
		return LOOKUP_NOT_MINE;
	if (!p->measured || (cpu && !p->span_ns) || (growth && !p->memory_initial_bytes))
		return lookup_no_data(out, "no process of this host that could be read serves at this peer's address");
	if (cpu)
		return lookup_is(out, (double)p->cpu_ns / (double)p->span_ns);
	return lookup_is(out, peak ? (double)p->memory_peak_bytes
				   : (double)p->memory_final_bytes / (double)p->memory_initial_bytes - 1.0);
}

static int lookup_one(const struct report_input *in, const struct report_peer *peer, const struct report_set *set,
		      const char *name, struct criteria_value *out)
{
	const struct sockets_peer *p = sockets_peer_of(in, peer);
	int pool = pools_find(in->pools, peer->addr, peer->port), r = LOOKUP_NOT_MINE;

	if (set == &in->total)
		r = lookup_process(&peer->process, name, out);
	if (r != LOOKUP_NOT_MINE)
		return r;
	if (!p)
		return lookup_no_data(out, "the gateway never called this peer");
	if (set == &in->total)
		r = lookup_sockets_peer(p, name, out);
	if (r != LOOKUP_NOT_MINE)
		return r;
	return pool < 0 ? lookup_no_data(out, "no connection to this peer was followed")
			: lookup_pool(in, p, pool, set, name, out);
}

static int lookup_queue(const struct report_input *in, const struct report_set *set, const char *name, struct criteria_value *out)
{
	struct pools_queue q;

	if (set != &in->total && set->to_ns <= set->from_ns)
		return lookup_no_data(out, "queues are told of the whole run and of stages");
	pools_queue(in->pools, set->from_ns, build_end_ns(set), &q);
	if (!q.moments)
		return lookup_no_data(out, "the time is too short to tell");
	if (!strcmp(name, "requests.max"))
		return lookup_is(out, (double)q.requests_max);
	if (!strcmp(name, "unread.max"))
		return lookup_is(out, (double)q.unread_max);
	return strcmp(name, "unread.mean") ? LOOKUP_NOT_MINE : lookup_is(out, q.unread_mean);
}

int lookup_workers(const struct report_input *in, const char *metric, struct criteria_value *out)
{
	const struct workers *w = in->workers;
	const char *why = build_no_probes(in);
	const struct {
		const char *name;
		uint64_t value;
		bool seen;
	} rows[] = {{"gateway.threads.began", w ? w->threads_began : 0, w && w->threads_seen},
		    {"gateway.threads.ended", w ? w->threads_ended : 0, w && w->threads_seen},
		    {"gateway.processes.began", w ? w->processes_began : 0, w != NULL},
		    {"gateway.processes.ended", w ? w->processes_ended : 0, w != NULL}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(metric, rows[i].name))
			continue;
		if (why || !rows[i].seen)
			return lookup_no_data(out, why ? why : "the probes of threads were off");
		return lookup_is(out, (double)rows[i].value);
	}
	return LOOKUP_NOT_MINE;
}

int lookup_pools(const struct report_input *in, const struct report_set *set, const char *metric, struct criteria_value *out)
{
	const char *name = lookup_behind(metric, "peer"), *queue = lookup_behind(metric, "queue");
	const char *why = build_no_probes(in);

	if (!name && !queue)
		return LOOKUP_NOT_MINE;
	if (!why && (!in->sockets || !in->pools))
		why = "the gateway's sockets were not followed";
	if (!why)
		why = build_loss_refusal(in);
	if (why)
		return lookup_no_data(out, why);
	if (queue)
		return lookup_queue(in, set, queue, out);
	for (unsigned i = 0; i < in->peers; i++) {
		const char *rest = lookup_behind(name, in->peer[i].label);

		if (rest)
			return lookup_one(in, &in->peer[i], set, rest, out);
	}
	return lookup_no_data(out, "this run has no peer of that label");
}
