// SPDX-License-Identifier: GPL-2.0-only
#include "session/gauges.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define PAGES_LOOKS 120

void gauges_init(struct gauges *g, const struct discovered *found)
{
	memset(g, 0, sizeof(*g));
	g->pages_every_ns = GAUGES_PAGES_NS;
	g->pages_rarely = GAUGES_PAGES_RARELY;
	for (unsigned i = 0; i < found->pids; i++)
		gauges_add(g, found->pid[i]);
}

void gauges_pages_often(struct gauges *g, uint64_t soak_ns)
{
	uint64_t part_ns = soak_ns / PAGES_LOOKS;

	g->pages_rarely = GAUGES_PAGES_RARELY_SOAK;
	if (part_ns < g->pages_every_ns)
		g->pages_every_ns = part_ns > GAUGES_PAGES_LEAST_NS ? part_ns : GAUGES_PAGES_LEAST_NS;
}

/* g->pids: nowhere. */
static unsigned place_of(const struct gauges *g, uint32_t pid)
{
	unsigned i = 0;

	while (i < g->pids && g->pid[i] != pid)
		i++;
	return i;
}

bool gauges_has(const struct gauges *g, uint32_t pid)
{
	return place_of(g, pid) < g->pids;
}

void gauges_add(struct gauges *g, uint32_t pid)
{
	unsigned i = place_of(g, pid);

	if (i == DISCOVER_PIDS_MAX)
		return;
	g->pid[i] = pid;
	discover_alive(pid, &g->born_ticks[i]);
	if (i == g->pids)
		g->pids++;
}

static void forget(struct gauges *g, unsigned i)
{
	memmove(&g->pid[i], &g->pid[i + 1], (g->pids - i - 1) * sizeof(g->pid[0]));
	memmove(&g->born_ticks[i], &g->born_ticks[i + 1], (g->pids - i - 1) * sizeof(g->born_ticks[0]));
	g->pids--;
}

void gauges_forget_ended(struct gauges *g)
{
	uint64_t born_ticks;

	for (unsigned i = g->pids; i--;)
		if (!discover_alive(g->pid[i], &born_ticks) || born_ticks != g->born_ticks[i])
			forget(g, i);
}

static void process_ended(struct gauges *g, const struct wire_process *p, uint32_t pid)
{
	unsigned i = place_of(g, pid);

	if (!g->ended++) {
		g->ended_pid = pid;
		snprintf(g->ended_comm, sizeof(g->ended_comm), "%.15s", p->comm);
	}
	if (i < g->pids)
		forget(g, i);
}

void gauges_process(struct gauges *g, const struct wire_process *p, uint32_t pid)
{
	if (p->role != WIRE_ROLE_GATEWAY)
		return;
	if (p->event == WIRE_PROCESS_FORK)
		gauges_add(g, pid);
	else
		process_ended(g, p, pid);
}

static double cores_usable(uint32_t pid)
{
	cpu_set_t set;

	return sched_getaffinity((pid_t)pid, sizeof(set), &set) ? 0 : CPU_COUNT(&set);
}

static uint64_t own_cpu_ns(void)
{
	struct timespec now = {0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* As last read. */
static void pages_fill(struct gauges *g, uint64_t now_ns, struct record_gauges *now)
{
	if (now_ns >= g->next_pages_ns) {
		now->pages_read = 1;
		uint64_t begin_ns = own_cpu_ns();
		discover_pages(g->pid, g->pids, &g->pages);
		uint64_t rest_ns = g->pages_rarely * (own_cpu_ns() - begin_ns);
		g->next_pages_ns = now_ns + (rest_ns > g->pages_every_ns ? rest_ns : g->pages_every_ns);
	}
	if (g->pages.pss_bytes)
		now->missing &= ~(uint32_t)RECORD_GAUGES_NO_PSS;
	if (g->pages.runtimes)
		now->missing &= ~(uint32_t)RECORD_GAUGES_NO_RUNTIME;
	now->pss_bytes = g->pages.pss_bytes;
	now->runtime_bytes = g->pages.runtime_bytes;
	now->native_bytes = g->pages.native_bytes;
	now->runtimes = g->pages.runtimes;
}

bool gauges_start(struct gauges *g, uint64_t now_ns)
{
	struct record_gauges now;

	if (!g->pids || discover_gauges(g->pid, g->pids, &now, g->parts))
		return false;
	pages_fill(g, now_ns, &now);
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

	if (!g->samples || now_ns <= g->last_ns)
		return false;
	gauges_forget_ended(g);
	if (discover_gauges(g->pid, g->pids, &now, g->parts) || !now.processes)
		return false;
	/* who left took its account along: what this window cost beyond that cannot be told, what came before stands */
	if (now.cpu_ns + g->cpu_gone_ns < g->cpu_last_ns)
		g->cpu_gone_ns = g->cpu_last_ns - now.cpu_ns;
	now.cpu_ns += g->cpu_gone_ns;
	pages_fill(g, now_ns, &now);
	g->record = now;
	g->record.time_ns = now_ns;
	g->record.lives = g->lives;
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
	g->restarts++;
	g->lives++;
	g->pids = 0;
}

bool gauges_any_alive(struct gauges *g)
{
	gauges_forget_ended(g);
	return g->pids > 0;
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
