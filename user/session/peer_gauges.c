// SPDX-License-Identifier: GPL-2.0-only
#include "session/peer_gauges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void peer_gauges_init(struct peer_gauges *g, const char *address)
{
	const char *colon = strrchr(address, ':');

	memset(g, 0, sizeof(*g));
	if (!colon)
		return;
	if (address[0] == '[')
		snprintf(g->host, sizeof(g->host), "%.*s", (int)strcspn(address + 1, "]"), address + 1);
	else
		snprintf(g->host, sizeof(g->host), "%.*s", (int)(colon - address), address);
	g->port = (unsigned)strtoul(colon + 1, NULL, 10);
}

/* What a process has used since the last sample; one that began since: all of it. */
static uint64_t cpu_since(const struct peer_gauges *g, uint32_t pid, uint64_t cpu_ns)
{
	for (unsigned i = 0; i < g->pids; i++)
		if (g->pid[i] == pid && cpu_ns >= g->cpu_ns[i])
			return cpu_ns - g->cpu_ns[i];
	return cpu_ns;
}

static void cpu_sample(struct peer_gauges *g, const struct discovered *found)
{
	uint64_t cpu_ns[DISCOVER_PIDS_MAX] = {0}, since_ns = 0;

	for (unsigned i = 0; i < found->pids; i++) {
		cpu_ns[i] = discover_cpu_ns(&found->pid[i], 1);
		since_ns += cpu_since(g, found->pid[i], cpu_ns[i]);
	}
	if (g->pids)
		g->seen.cpu_ns += since_ns;
	g->pids = found->pids;
	memcpy(g->pid, found->pid, found->pids * sizeof(g->pid[0]));
	memcpy(g->cpu_ns, cpu_ns, found->pids * sizeof(g->cpu_ns[0]));
}

void peer_gauges_sample(struct peer_gauges *g, uint64_t now_ns)
{
	struct report_peer_process *p = &g->seen;
	struct record_gauges now;
	struct discovered found;
	struct err err = {0};

	if (!g->port || discover_by_port(g->host, g->port, &found, &err) || discover_gauges(found.pid, found.pids, &now) ||
	    (now.missing & RECORD_GAUGES_NO_STATUS))
		return;
	cpu_sample(g, &found);
	if (!p->measured) {
		p->memory_initial_bytes = now.anon_bytes;
		g->start_ns = now_ns;
	}
	p->measured = true;
	p->span_ns = now_ns - g->start_ns;
	p->memory_final_bytes = now.anon_bytes;
	if (now.anon_bytes > p->memory_peak_bytes)
		p->memory_peak_bytes = now.anon_bytes;
	if (found.pids > p->processes_max)
		p->processes_max = found.pids;
}
