// SPDX-License-Identifier: GPL-2.0-only
/* The connections that the gateway keeps to each peer: part of the peer's row under sockets.upstream. */
#include "base/units.h"
#include "report/build.h"

#define SENTENCE_MAX 320
#define POINTS 100

static void find_abandoned(struct build *b, json_t *findings, const char *name, uint64_t abandoned)
{
	char text[SENTENCE_MAX], count[32];

	if (!abandoned)
		return;
	snprintf(text, sizeof(text),
		 "connections to %s that lie there unused while others were opened: %s; a pool that forgets connections leaks",
		 name, units_format_count(count, sizeof(count), abandoned));
	build_append(b, findings, report_text(text));
}

static void find_exhausted(struct build *b, json_t *findings, const char *name, const struct pool_figures *f)
{
	char text[SENTENCE_MAX], open[32];

	if (f->exhausted < 0.01)
		return;
	snprintf(text, sizeof(text),
		 "the pool of connections to %s was exhausted for %.1f %% of the time: all of at most %s were in use, and "
		 "requests waited "
		 "inside the gateway",
		 name, 100 * f->exhausted, units_format_count(open, sizeof(open), f->open_max));
	build_append(b, findings, report_text(text));
}

const char *build_no_exhaustion(const struct report_input *in, const struct sockets_peer *p, int pool)
{
	if (sockets_opens_per_request(p))
		return "a connection is opened for each request: there is no pool to exhaust";
	if (pools_abandoned(in->pools, pool))
		return "connections that the pool has forgotten lie there: which of the open ones are free is not known";
	return NULL;
}

static void put_figures(struct build *b, json_t *row, const struct pool_figures *f, bool exhaustion)
{
	build_put(b, row, "open_max", build_u64(f->open_max));
	build_put(b, row, "open_end", build_u64(f->open_end));
	build_put(b, row, "busy_max", build_u64(f->busy_max));
	if (exhaustion)
		build_put(b, row, "exhausted", build_number(f->exhausted));
}

/* A peer that is told of each request is behind by what it was not told yet. */
static void put_backlog(struct build *b, json_t *row, int pool, uint64_t end_ns)
{
	uint64_t most, end;

	pools_backlog(b->in->pools, pool, 0, end_ns, &most, &end);
	build_put(b, row, "backlog_max", build_u64(most));
	build_put(b, row, "backlog_end", build_u64(end));
}

/* Of labelled peers only: a series of each would be most of a document. */
static void put_over_time(struct build *b, json_t *row, const struct sockets_peer *p, int pool, uint64_t end_ns)
{
	uint32_t open[POINTS], busy[POINTS];
	uint64_t step_ns = build_labelled(b->in, p) ? pools_over_time(b->in->pools, pool, end_ns, POINTS, open, busy) : 0;

	if (!step_ns)
		return;
	json_t *series = build_object(b, row, "series");
	build_put(b, series, "step_s", build_number((double)step_ns / 1e9));
	json_t *opens = build_array(b, series, "open"), *busies = build_array(b, series, "busy");
	for (unsigned i = 0; i < POINTS; i++) {
		build_append(b, opens, build_u64(open[i]));
		build_append(b, busies, build_u64(busy[i]));
	}
}

static void put_stages(struct build *b, json_t *row, int pool, bool exhaustion)
{
	json_t *stages = NULL;

	for (unsigned i = 0; i < b->in->stages; i++) {
		const struct report_set *s = &b->in->stage[i];
		struct pool_figures f;

		if (s->to_ns <= s->from_ns)
			continue;
		pools_figures(b->in->pools, pool, s->from_ns, s->to_ns, &f);
		if (!f.moments)
			continue;
		if (!stages)
			stages = build_object(b, row, "stages");
		put_figures(b, build_object(b, stages, s->name), &f, exhaustion);
	}
}

static void put_process(struct build *b, json_t *row, const struct sockets_peer *p)
{
	const struct report_peer *peer = build_labelled(b->in, p);
	const struct report_peer_process *seen = peer ? &peer->process : NULL;

	if (!seen || !seen->measured)
		return;
	json_t *process = build_object(b, row, "process"), *memory = build_object(b, process, "memory_bytes");
	if (seen->span_ns)
		build_put(b, process, "cpu_cores", build_number((double)seen->cpu_ns / (double)seen->span_ns));
	build_put(b, process, "processes_max", build_u64(seen->processes_max));
	build_put(b, memory, "initial", build_u64(seen->memory_initial_bytes));
	build_put(b, memory, "peak", build_u64(seen->memory_peak_bytes));
	build_put(b, memory, "final", build_u64(seen->memory_final_bytes));
}

static void absent(struct build *b, const char *name, const char *figure, const char *why)
{
	char path[SENTENCE_MAX];

	snprintf(path, sizeof(path), "sockets.upstream.%s.pool%s", name, figure);
	build_absent(b, "", path, why);
}

static void put_pool(struct build *b, json_t *row, const struct sockets_peer *p, int pool, const struct pool_figures *f,
		     const char *name)
{
	const char *why = build_no_exhaustion(b->in, p, pool);
	uint64_t end_ns = build_end_ns(&b->in->total);

	put_figures(b, row, f, !why);
	if (why)
		absent(b, name, ".exhausted", why);
	build_put(b, row, "abandoned", build_u64(pools_abandoned(b->in->pools, pool)));
	put_backlog(b, row, pool, end_ns);
	put_over_time(b, row, p, pool, end_ns);
	put_stages(b, row, pool, !why);
}

void build_pool(struct build *b, json_t *row, json_t *findings, const struct sockets_peer *p, const char *name)
{
	int pool = b->in->pools ? pools_find(b->in->pools, p->addr, p->port) : -1;
	struct hist *wait = pool < 0 ? NULL : hist_new();
	struct pool_figures f;

	put_process(b, row, p);
	if (pool < 0)
		absent(b, name, "", "no connection to this peer was followed");
	if (!wait)
		return;
	pools_figures(b->in->pools, pool, 0, build_end_ns(&b->in->total), &f);
	if (f.moments && !pools_wait(b->in->pools, pool, 0, UINT64_MAX, wait)) {
		json_t *figures = build_object(b, row, "pool");

		put_pool(b, figures, p, pool, &f, name);
		build_dist(b, figures, "wait", wait);
		if (!p->inner)
			find_abandoned(b, findings, name, pools_abandoned(b->in->pools, pool));
		if (!p->inner && !build_no_exhaustion(b->in, p, pool))
			find_exhausted(b, findings, name, &f);
	} else {
		absent(b, name, "", "the time is too short to tell");
	}
	hist_free(wait);
}

static void put_workers(struct build *b, json_t *queue, const struct workers *w)
{
	build_put(b, queue, "processes_began", build_u64(w->processes_began));
	build_put(b, queue, "processes_ended", build_u64(w->processes_ended));
	if (!w->threads_seen)
		return;
	build_put(b, queue, "threads_began", build_u64(w->threads_began));
	build_put(b, queue, "threads_ended", build_u64(w->threads_ended));
}

void build_queue(struct build *b)
{
	const char *why = build_no_probes(b->in);
	struct pools_queue q = {0};

	if (!why && b->in->pools)
		pools_queue(b->in->pools, 0, build_end_ns(&b->in->total), &q);
	if (why || !q.moments) {
		build_absent(b, "", "queue", why ? why : "the gateway's sockets were not followed");
		return;
	}
	json_t *queue = build_object(b, b->doc, "queue");
	build_put(b, queue, "requests_max", build_u64(q.requests_max));
	build_put(b, queue, "unread_max", build_u64(q.unread_max));
	build_put(b, queue, "unread_mean", build_number(q.unread_mean));
	if (b->in->workers)
		put_workers(b, build_object(b, b->doc, "workers"), b->in->workers);
}
