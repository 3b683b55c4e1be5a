// SPDX-License-Identifier: GPL-2.0-only
#include "session/peer_gauges.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/proc.h"

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

/* Adds the children of one thread; they are in one line of text. False: this kernel does not tell them (CONFIG_PROC_CHILDREN). */
static bool children_add(struct discovered *out, uint32_t pid, const char *tid)
{
	char name[64], text[8192];

	snprintf(name, sizeof(name), "task/%.20s/children", tid);
	if (proc_read(pid, name, text, sizeof(text)) < 0)
		return false;
	for (char *at = text, *end; out->pids < DISCOVER_PIDS_MAX; at = end) {
		unsigned long child = strtoul(at, &end, 10);

		if (end == at)
			break;
		out->pid[out->pids++] = (uint32_t)child;
	}
	return true;
}

/* Of the processes from the root down; false: the root is gone, or children are not told. */
static bool descendants(uint32_t root, struct discovered *out)
{
	bool told = false;

	*out = (struct discovered){.pid = {root}, .pids = 1};
	for (unsigned i = 0; i < out->pids; i++) {
		char path[32];
		const struct dirent *d;

		snprintf(path, sizeof(path), "/proc/%u/task", out->pid[i]);
		DIR *tasks = opendir(path);
		while (tasks && (d = readdir(tasks)))
			told |= d->d_name[0] != '.' && children_add(out, out->pid[i], d->d_name);
		if (tasks)
			closedir(tasks);
	}
	return told;
}

/* Who listens is looked up once, for that reads all descriptors of this host (25 ms of CPU with 140 processes); who descends from it, each time. */
static int processes_find(struct peer_gauges *g, struct discovered *out)
{
	struct err err = {0};

	if (g->root && descendants(g->root, out))
		return 0;
	int ret = discover_by_port(g->host, g->port, NULL, out, &err);
	g->root = ret ? 0 : out->pid[0];
	return ret;
}

/* Anonymous and resident, of all; a process that is gone counts nothing. */
static uint64_t memory_bytes(const struct discovered *found)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < found->pids; i++) {
		char text[4096];
		const char *at;

		if (proc_read(found->pid[i], "status", text, sizeof(text)) < 0)
			continue;
		at = strstr(text, "RssAnon:");
		sum += at ? strtoull(at + strlen("RssAnon:"), NULL, 10) * 1024 : 0;
	}
	return sum;
}

void peer_gauges_sample(struct peer_gauges *g, uint64_t now_ns)
{
	struct report_peer_process *p = &g->seen;
	struct discovered found;

	if (!g->port || processes_find(g, &found))
		return;
	uint64_t memory = memory_bytes(&found);
	if (!memory)
		return; /* they have ended, or may not be read */
	cpu_sample(g, &found);
	if (!p->measured) {
		p->memory_initial_bytes = memory;
		g->start_ns = now_ns;
	}
	p->measured = true;
	p->span_ns = now_ns - g->start_ns;
	p->memory_final_bytes = memory;
	if (memory > p->memory_peak_bytes)
		p->memory_peak_bytes = memory;
	if (found.pids > p->processes_max)
		p->processes_max = found.pids;
}
