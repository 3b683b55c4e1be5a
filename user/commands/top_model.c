// SPDX-License-Identifier: GPL-2.0-only
#include "commands/top_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/cause_stats.h"
#include "attribution/series.h"
#include "base/clock.h"
#include "bpf/wire.h"

/* The budget may have them on for some of the time only. */
static void syscalls_switched(struct top_model *m, uint64_t now_ns, bool on)
{
	if (m->syscalls_from_ns && now_ns > m->syscalls_from_ns)
		m->syscalls_on_ns += now_ns - m->syscalls_from_ns;
	m->syscalls_from_ns = on ? now_ns : 0;
	m->syscalls_off = !on;
}

void top_model_wire(struct top_model *m, const void *record, uint32_t bytes)
{
	const struct wire_syscalls *calls = record;
	const struct wire_groups *groups = record;

	if (bytes >= sizeof(*groups) && groups->h.kind == WIRE_KIND_GROUPS)
		syscalls_switched(m, groups->h.time_ns, !(groups->off & WIRE_GROUP_SYSCALLS));
	if (bytes < sizeof(calls->h) || calls->h.kind != WIRE_KIND_SYSCALLS)
		return;
	m->syscalls_seen = true;
	for (unsigned i = 0; i < calls->count && i < WIRE_SYSCALLS_MAX; i++) {
		const struct wire_syscall *c = &calls->call[i];
		struct top_syscall *s = &m->syscall[c->nr < TOP_SYSCALLS ? c->nr : TOP_SYSCALLS - 1];
		s->calls++;
		s->ns += c->exit_ns > c->enter_ns ? c->exit_ns - c->enter_ns : 0;
	}
}

static void sums_take(struct top_sums *s, const struct session_view *v)
{
	const struct attribution_set *a = attribution_total(v->attribution);

	*s = (struct top_sums){
		.time_ns = v->now_ns, .requests = a->requests, .toll_ns = a->toll_sum_ns, .cpu_ns = v->gauges->cpu_ns};
	memcpy(s->phase_ns, a->phase_sum_ns, sizeof(s->phase_ns));
	if (a->causes) {
		s->caused = a->causes->requests;
		memcpy(s->cause_ns, a->causes->sum_ns, sizeof(s->cause_ns));
	}
}

/* The newest point with a request; requests are joined a while after they end, so later ones are not empty but not known. */
static unsigned newest_point(const struct series *s)
{
	unsigned points = series_points(s);

	while (points && !series_point(s, points - 1)->joined)
		points--;
	return points;
}

static void tolls_take(struct top_model *m, const struct session_view *v)
{
	double step_s = (double)series_step_ns(v->series) / 1e9;
	unsigned wanted = (unsigned)ceil(TOP_SECONDS / step_s), end = newest_point(v->series), first;
	struct sketch all = {0};
	uint64_t joined = 0;

	/* the newest is still being filled */
	end -= end > 1;
	first = end > wanted ? end - wanted : 0;
	for (unsigned i = first; i < end; i++) {
		joined += series_point(v->series, i)->joined;
		if (sketch_merge(&all, &series_point(v->series, i)->toll))
			break;
	}
	bool old = series_points(v->series) - end > 2 * wanted;
	m->rate_per_s = end > first && !old ? (double)joined / ((end - first) * step_s) : 0;
	m->toll_p50_ns = sketch_percentile(&all, 50);
	m->toll_p99_ns = sketch_percentile(&all, 99);
	sketch_fini(&all);
}

/* From the oldest sample of the ring that knows it. */
static double cores_now(const struct top_model *m)
{
	unsigned held = m->samples > TOP_SECONDS + 1 ? TOP_SECONDS + 1 : m->samples;
	const struct top_sums *to = &m->ring[(m->samples - 1) % (TOP_SECONDS + 1)];

	for (unsigned i = held; i-- > 1;) {
		const struct top_sums *from = &m->ring[(m->samples - 1 - i) % (TOP_SECONDS + 1)];
		if (from->cpu_ns && to->cpu_ns >= from->cpu_ns && to->time_ns > from->time_ns)
			return (double)(to->cpu_ns - from->cpu_ns) / (double)(to->time_ns - from->time_ns);
	}
	return 0;
}

static int by_cores(const void *a, const void *b)
{
	const struct top_thread *x = a, *y = b;
	double cx = isnan(x->cores) ? 0 : x->cores, cy = isnan(y->cores) ? 0 : y->cores;

	return cx != cy ? (cx < cy ? 1 : -1) : (x->now.tid > y->now.tid) - (x->now.tid < y->now.tid);
}

static double cores_of(const struct top_thread *before, unsigned count, const struct thread_now *now, double ns)
{
	for (unsigned i = 0; i < count; i++)
		if (before[i].now.tid == now->tid && before[i].now.pid == now->pid && now->cpu_ns >= before[i].now.cpu_ns &&
		    ns > 0)
			return (double)(now->cpu_ns - before[i].now.cpu_ns) / ns;
	return NAN;
}

static void threads_take(struct top_model *m, const struct session_view *v, double ns)
{
	struct thread_now *now = calloc(TOP_THREADS_MAX, sizeof(*now));
	struct top_thread *thread = calloc(TOP_THREADS_MAX, sizeof(*thread));
	unsigned n = now && thread ? threads_now(v->pid, v->pids, now, TOP_THREADS_MAX) : 0;

	for (unsigned i = 0; i < n; i++)
		thread[i] = (struct top_thread){now[i], cores_of(m->thread, m->threads, &now[i], ns)};
	if (n)
		qsort(thread, n, sizeof(*thread), by_cores);
	if (n)
		memcpy(m->thread, thread, n * sizeof(*thread));
	m->threads = n;
	free(now);
	free(thread);
}

/* --- allocator calls ------------------------------------------------------------------------------------------------------- */

void top_model_allocs_begin(struct top_model *m, struct top_alloc before[TOP_ALLOCS_MAX])
{
	memcpy(before, m->alloc, sizeof(m->alloc));
	memset(m->alloc, 0, sizeof(m->alloc));
	m->allocs = 0;
}

void top_model_alloc(struct top_model *m, const char *name, const struct wire_alloc_stats *stats, uint64_t on_ns)
{
	unsigned i = 0;

	while (i < m->allocs && strncmp(m->alloc[i].name, name, sizeof(m->alloc[i].name) - 1) != 0)
		i++;
	if (i == TOP_ALLOCS_MAX)
		return;
	if (i == m->allocs)
		snprintf(m->alloc[m->allocs++].name, sizeof(m->alloc[i].name), "%s", name);
	m->alloc[i].calls += stats->calls;
	m->alloc[i].bytes += stats->bytes;
	m->alloc[i].returns += stats->returns;
	m->alloc[i].ns += stats->sum_ns;
	m->alloc[i].on_ns = on_ns;
}

static int by_calls(const void *a, const void *b)
{
	const struct top_alloc *x = a, *y = b;

	return x->calls_per_s != y->calls_per_s ? (x->calls_per_s < y->calls_per_s ? 1 : -1) : strcmp(x->name, y->name);
}

static const struct top_alloc *alloc_named(const struct top_alloc all[TOP_ALLOCS_MAX], const char *name)
{
	static const struct top_alloc none = {.calls = 0};

	for (unsigned i = 0; i < TOP_ALLOCS_MAX; i++)
		if (!strcmp(all[i].name, name))
			return &all[i];
	return &none;
}

static void alloc_rate(struct top_alloc *now, const struct top_alloc *was)
{
	/* fewer than before: a process has gone, and took its part along */
	if (now->calls < was->calls || now->bytes < was->bytes)
		return;
	if (now->on_ns <= was->on_ns) { /* not looked at meanwhile */
		now->calls_per_s = was->calls_per_s;
		now->bytes_per_s = was->bytes_per_s;
		return;
	}
	double on_s = (double)(now->on_ns - was->on_ns) / 1e9;
	now->calls_per_s = (double)(now->calls - was->calls) / on_s;
	now->bytes_per_s = (double)(now->bytes - was->bytes) / on_s;
}

void top_model_allocs_end(struct top_model *m, const struct top_alloc before[TOP_ALLOCS_MAX])
{
	for (unsigned i = 0; i < m->allocs; i++)
		alloc_rate(&m->alloc[i], alloc_named(before, m->alloc[i].name));
	qsort(m->alloc, m->allocs, sizeof(*m->alloc), by_calls);
	m->alloc_seen = true;
}

/* What was seen since the last time, as of a whole second; it stays while nothing is looked at. */
static void syscalls_take(struct top_model *m, const struct session_view *v)
{
	bool any = false;

	if (!m->syscalls_off && !m->syscalls_from_ns)
		m->syscalls_from_ns = v->start_ns;
	syscalls_switched(m, v->now_ns, !m->syscalls_off);
	for (unsigned i = 0; i < TOP_SYSCALLS && !any; i++)
		any = m->syscall[i].calls > 0;
	/* a look's calls may be told after it */
	if (!m->syscalls_on_ns || (!any && m->syscalls_on_ns < NS_PER_S / 2))
		return;
	double times = (double)NS_PER_S / (double)m->syscalls_on_ns;
	for (unsigned i = 0; i < TOP_SYSCALLS; i++)
		m->last[i] = (struct top_syscall){.calls = (uint64_t)llround((double)m->syscall[i].calls * times),
						  .ns = (uint64_t)llround((double)m->syscall[i].ns * times)};
	memset(m->syscall, 0, sizeof(m->syscall));
	m->syscalls_on_ns = 0;
}

void top_model_update(struct top_model *m, const struct session_view *v)
{
	const struct top_sums *before = m->samples ? &m->ring[(m->samples - 1) % (TOP_SECONDS + 1)] : NULL;
	double ns = before ? (double)(v->now_ns - before->time_ns) : 0;

	threads_take(m, v, ns);
	sums_take(&m->ring[m->samples % (TOP_SECONDS + 1)], v);
	m->samples++;
	m->start_ns = v->start_ns;
	snprintf(m->exe, sizeof(m->exe), "%s", v->exe);
	m->processes = v->pids;
	m->gauges = *v->gauges;
	tolls_take(m, v);
	m->cores = cores_now(m);
	m->peers = peers_now(v->pid, v->pids, m->peer);
	syscalls_take(m, v);
}

bool top_model_window(const struct top_model *m, struct top_sums *out)
{
	unsigned span = m->samples > TOP_SECONDS ? TOP_SECONDS : m->samples - 1;
	const struct top_sums *to, *from;

	if (m->samples < 2)
		return false;
	to = &m->ring[(m->samples - 1) % (TOP_SECONDS + 1)];
	from = &m->ring[(m->samples - 1 - span) % (TOP_SECONDS + 1)];
	*out = (struct top_sums){
		.time_ns = to->time_ns - from->time_ns,
		.requests = to->requests - from->requests,
		.toll_ns = to->toll_ns - from->toll_ns,
		.caused = to->caused - from->caused,
	};
	for (unsigned i = 0; i < PHASES; i++)
		out->phase_ns[i] = to->phase_ns[i] - from->phase_ns[i];
	for (unsigned i = 0; i < CAUSES; i++)
		out->cause_ns[i] = to->cause_ns[i] - from->cause_ns[i];
	return true;
}
