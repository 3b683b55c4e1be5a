// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/discover.h"
#include "probe/gauges_detail.h"
#include "probe/proc.h"

/*
 * A process' CPU clock is its sum_exec_runtime in ns, with the threads that have ended and the slice that runs now: /proc/PID/stat has the
 * same in ticks of 10 ms, /proc/PID/task/TID/schedstat lacks both. False: it is gone.
 */
static bool cpu_clock_ns(uint32_t pid, uint64_t *ns)
{
	clockid_t clock;
	struct timespec ts;

	if (clock_getcpuclockid((pid_t)pid, &clock) || clock_gettime(clock, &ts))
		return false;
	*ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return true;
}

static uint64_t process_cpu_ns(const struct proc_entry *e)
{
	long ticks_per_s = sysconf(_SC_CLK_TCK);
	uint64_t ns;

	if (cpu_clock_ns(e->pid, &ns))
		return ns;
	return ticks_per_s > 0 ? e->ticks * (NS_PER_S / (uint64_t)ticks_per_s) : 0;
}

uint64_t discover_cpu_ns(const uint32_t *pid, unsigned pids)
{
	uint64_t sum_ns = 0, ns;

	for (unsigned i = 0; i < pids; i++)
		sum_ns += cpu_clock_ns(pid[i], &ns) ? ns : 0;
	return sum_ns;
}

static uint64_t status_bytes(const char *status, const char *key)
{
	uint64_t kib = 0;
	const char *at = strstr(status, key);

	if (at && sscanf(at + strlen(key), " %" SCNu64 " kB", &kib) != 1)
		return 0;
	return kib * 1024;
}

/*
 * status and not smaps_rollup: that one walks every page under the process' mmap lock, once a second, and so slows what we
 * measure.
 */
static void gauge_memory(uint32_t pid, struct record_gauges *out)
{
	char status[4096];

	if (proc_read(pid, "status", status, sizeof(status)) <= 0) {
		out->missing |= RECORD_GAUGES_NO_STATUS;
		return;
	}
	out->rss_bytes += status_bytes(status, "\nVmRSS:");
	out->anon_bytes += status_bytes(status, "\nRssAnon:");
	out->swap_bytes += status_bytes(status, "\nVmSwap:");
	out->page_table_bytes += status_bytes(status, "\nVmPTE:");
}

void gauge_parts_init(struct gauge_parts *parts)
{
	memset(parts, 0, sizeof(*parts));
	parts->peers = 2;
	snprintf(parts->peer[0].label, sizeof(parts->peer[0].label), "clients");
	snprintf(parts->peer[1].label, sizeof(parts->peer[1].label), "others");
}

void gauge_parts_label(struct gauge_parts *parts, const char *label, const uint8_t addr[16], uint16_t port)
{
	if (parts->peers == GAUGE_PEERS_MAX)
		return;
	struct gauge_peer *peer = &parts->peer[parts->peers++];
	snprintf(peer->label, sizeof(peer->label), "%s", label);
	memcpy(peer->addr, addr, sizeof(peer->addr));
	peer->port = port;
}

static void parts_clear(struct gauge_parts *parts)
{
	parts->processes = 0;
	for (unsigned i = 0; i < parts->peers; i++) {
		parts->of_peer[i] = (struct record_part){.kind = RECORD_PART_PEER};
		memcpy(parts->of_peer[i].label, parts->peer[i].label, sizeof(parts->of_peer[i].label));
	}
}

/* What one process has added to the sums. */
static void process_fill(struct record_part *part, const struct proc_entry *e, const struct record_gauges *before,
			 const struct record_gauges *after)
{
	*part = (struct record_part){
		.kind = RECORD_PART_PROCESS,
		.pid = e->pid,
		.anon_bytes = after->anon_bytes + after->swap_bytes - before->anon_bytes - before->swap_bytes,
		.fds = after->fds - before->fds,
		.threads = e->threads,
	};
	snprintf(part->label, sizeof(part->label), "%s", e->comm);
	for (unsigned i = 0; i < RECORD_TCP_STATES; i++)
		part->tcp[i] = after->tcp[i] - before->tcp[i];
}

int discover_gauges(const uint32_t *pid, unsigned pids, struct record_gauges *out, struct gauge_parts *parts)
{
	struct gauge_files files = {.count = 0};
	int ret = 0;

	memset(out, 0, sizeof(*out));
	out->missing = RECORD_GAUGES_NO_PSS | RECORD_GAUGES_NO_DISK | RECORD_GAUGES_NO_RUNTIME;
	if (parts)
		parts_clear(parts);
	for (unsigned i = 0; i < pids && !ret; i++) {
		const struct record_gauges before = *out;
		struct proc_entry e;
		if (proc_stat_read(pid[i], &e) || e.state == 'Z')
			continue;
		out->processes++;
		out->threads += e.threads;
		out->cpu_ns += process_cpu_ns(&e);
		gauge_memory(pid[i], out);
		gauge_mappings(pid[i], out);
		gauge_io(pid[i], out);
		if (out->processes == 1)
			gauge_network(pid[i], out);
		ret = gauge_descriptors(pid[i], &files, out, parts);
		if (parts && parts->processes < GAUGE_PROCESSES_MAX)
			process_fill(&parts->of_process[parts->processes++], &e, &before, out);
	}
	return ret ? ret : out->processes ? 0 : -ESRCH;
}

bool discover_alive(uint32_t pid, uint64_t *born_ticks)
{
	struct proc_entry e;
	bool alive = !proc_stat_read(pid, &e) && e.state != 'Z' && e.state != 'X';

	*born_ticks = alive ? e.born_ticks : 0;
	return alive;
}

/* PROC_PID_INIT_INO, include/linux/proc_ns.h */
#define INITIAL_PID_NAMESPACE "pid:[4026531836]"

uint32_t discover_pid_here(uint32_t in_initial, uint32_t in_innermost)
{
	char name[64];

	return !proc_link((uint32_t)getpid(), "ns/pid", name, sizeof(name)) && !strcmp(name, INITIAL_PID_NAMESPACE)
		       ? in_initial
		       : in_innermost;
}

struct pair_search {
	uint16_t local_port, peer_port;
	uint64_t inode;
};

static int pair_visit(void *ctx, const struct proc_tcp *s)
{
	struct pair_search *q = ctx;

	if (s->local_port != q->local_port || s->peer_port != q->peer_port || !s->inode)
		return 0;
	q->inode = s->inode;
	return 1;
}

int discover_socket_owner(uint16_t local_port, uint16_t peer_port, char *comm, unsigned long size, uint32_t *pid)
{
	struct pair_search q = {.local_port = local_port, .peer_port = peer_port};
	struct proc_table t;
	struct proc_holders h;

	int ret = proc_tcp_each(0, pair_visit, &q);
	if (ret <= 0)
		return ret < 0 ? ret : -ENOENT;
	ret = proc_table_read(&t);
	if (ret)
		return ret;
	ret = proc_find_holders(&t, &q.inode, 1, NULL, &h);
	const struct proc_entry *e = !ret && h.pids ? proc_table_find(&t, h.pid[0]) : NULL;
	if (!ret && !e)
		ret = -ENOENT;
	if (e) {
		snprintf(comm, size, "%s", e->comm);
		*pid = e->pid;
	}
	proc_table_fini(&t);
	return ret;
}
