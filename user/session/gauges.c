// SPDX-License-Identifier: GPL-2.0-only
#include "session/gauges.h"

#include <sched.h>
#include <string.h>

#include "base/clock.h"

void gauges_init(struct gauges *g, const struct discovered *found)
{
	memset(g, 0, sizeof(*g));
	memcpy(g->pid, found->pid, sizeof(g->pid[0]) * found->pids);
	g->pids = found->pids;
}

void gauges_add(struct gauges *g, uint32_t pid)
{
	for (unsigned i = 0; i < g->pids; i++)
		if (g->pid[i] == pid)
			return;
	if (g->pids < DISCOVER_PIDS_MAX)
		g->pid[g->pids++] = pid;
}

void gauges_process(struct gauges *g, const struct wire_process *p)
{
	unsigned kept = 0;

	if (p->role != WIRE_ROLE_GATEWAY)
		return;
	if (p->event == WIRE_PROCESS_FORK) {
		gauges_add(g, p->tgid_in_ns);
		return;
	}
	for (unsigned i = 0; i < g->pids; i++)
		if (g->pid[i] != p->tgid_in_ns)
			g->pid[kept++] = g->pid[i];
	g->pids = kept;
}

static double cores_usable(uint32_t pid)
{
	cpu_set_t set;

	return sched_getaffinity((pid_t)pid, sizeof(set), &set) ? 0 : CPU_COUNT(&set);
}

bool gauges_start(struct gauges *g, uint64_t now_ns)
{
	struct record_gauges now;

	if (!g->pids || discover_gauges(g->pid, g->pids, &now))
		return false;
	now.cpu_ns += g->cpu_before_ns;
	g->record = now;
	g->record.time_ns = now_ns;
	g->start_ns = g->last_ns = now_ns;
	g->cpu_start_ns = g->cpu_last_ns = now.cpu_ns;
	g->rss_initial_bytes = g->rss_last_bytes = g->rss_peak_bytes = g->rss_sum_bytes = now.rss_bytes;
	g->cores_usable = cores_usable(g->pid[0]);
	g->samples = 1;
	return true;
}

bool gauges_sample(struct gauges *g, uint64_t now_ns)
{
	struct record_gauges now;
	double cores;

	if (!g->samples || discover_gauges(g->pid, g->pids, &now))
		return false;
	now.cpu_ns += g->cpu_before_ns;
	/* A tree that shrank has less CPU on its account than before: that window cannot be told. */
	if (!now.processes || now.cpu_ns < g->cpu_last_ns || now_ns <= g->last_ns)
		return false;
	g->record = now;
	g->record.time_ns = now_ns;
	cores = (double)(now.cpu_ns - g->cpu_last_ns) / (double)(now_ns - g->last_ns);
	if (cores > g->cores_max)
		g->cores_max = cores;
	g->cpu_last_ns = now.cpu_ns;
	g->last_ns = now_ns;
	g->rss_last_bytes = now.rss_bytes;
	g->rss_sum_bytes += now.rss_bytes;
	if (now.rss_bytes > g->rss_peak_bytes)
		g->rss_peak_bytes = now.rss_bytes;
	g->samples++;
	return true;
}

void gauges_restart(struct gauges *g)
{
	g->cpu_before_ns = g->samples ? g->cpu_last_ns : 0;
	g->pids = 0;
}

bool gauges_any_alive(const struct gauges *g)
{
	for (unsigned i = 0; i < g->pids; i++)
		if (discover_alive(g->pid[i]))
			return true;
	return false;
}

void gauges_fill(const struct gauges *g, struct report_gateway *out)
{
	out->memory_measured = g->samples > 0;
	out->cpu_measured = g->samples > 1;
	if (out->cpu_measured) {
		out->cpu_ns = g->cpu_last_ns - g->cpu_start_ns;
		out->cpu_cores_mean = (double)out->cpu_ns / (double)(g->last_ns - g->start_ns);
		out->cpu_cores_max = g->cores_max;
		out->cores_usable = g->cores_usable;
	}
	if (out->memory_measured) {
		out->rss_initial_bytes = g->rss_initial_bytes;
		out->rss_mean_bytes = g->rss_sum_bytes / g->samples;
		out->rss_peak_bytes = g->rss_peak_bytes;
		out->rss_final_bytes = g->rss_last_bytes;
	}
}
