/* SPDX-License-Identifier: GPL-2.0-only */
/* Which processes are the gateway: from its listening port, a pid, a comm or a cgroup. /proc only, no libbpf. */
#ifndef TOLL_PROBE_DISCOVER_H
#define TOLL_PROBE_DISCOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "probe/proc.h"
#include "record/request.h"

#define DISCOVER_PIDS_MAX 1024

struct discovered {
	uint32_t pid[DISCOVER_PIDS_MAX]; /* thread group ids, parents before children, no duplicates */
	unsigned pids;
	char exe[256]; /* of the first: "/usr/sbin/nginx", " (deleted)" kept */
	char comm[32];
	char how[256]; /* "listens on port 8080: nginx (pid 12) and 2 children", or what docker-proxy forwards to */
	char not_owner[128]; /* a process between, that was followed (docker-proxy); "" none */
};

/*
 * port: the owner(s) of the listening socket on that TCP port whose address fits host ("127.0.0.1", "localhost", "::1",
 * names resolved by the caller), in any network namespace that a local process lives in when it is followed behind docker-proxy;
 * plus their descendants and, when the listener is inherited, the parent that made it. err: no listener (with what listens
 * nearby), no
 * permission to see it (not root). strangers: of the looks before, for who looks again and again; NULL: this is the only one.
 */
int discover_by_port(const char *host, unsigned port, struct proc_strangers *strangers, struct discovered *out, struct err *err);
/* host, an address that is none of this host's own, and port, in the network namespace of a local process. -ENOENT: in none. */
int discover_by_container(const char *host, unsigned port, struct discovered *out, struct err *err);
int discover_by_pid(uint32_t pid, struct discovered *out, struct err *err); /* and its descendants */
int discover_by_comm(const char *comm, struct discovered *out, struct err *err);
int discover_by_cgroup(const char *path, struct discovered *out,
		       struct err *err); /* absolute, or relative to the cgroup mount; v1 and v2 */

/* Whom the gateway's sockets are told apart by, and what its parts hold; peer[] is the caller's, the rest is filled with each sample. */
#define GAUGE_PEERS_MAX 18
#define GAUGE_PROCESSES_MAX 64 /* told apart: the first ones */
struct gauge_peer {
	char label[32];
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
};
struct gauge_parts {
	struct gauge_peer peer[GAUGE_PEERS_MAX]; /* [0]: who connects to it, [1]: all the others; the labelled ones behind them */
	unsigned peers;
	struct record_part of_peer[GAUGE_PEERS_MAX];
	struct record_part of_process[GAUGE_PROCESSES_MAX];
	unsigned processes;
};
void gauge_parts_init(struct gauge_parts *parts);
/* One more peer, as far as there is room; an address of zeros is any. */
void gauge_parts_label(struct gauge_parts *parts, const char *label, const uint8_t addr[16], uint16_t port);

/*
 * Gauges of a process tree, from /proc: CPU, memory, descriptors by kind, TCP sockets by state, added up; a process that is gone is
 * skipped, what may not be read is told in `missing`. time_ns is the caller's. Some 10 us a process and 1 us a descriptor in the caller,
 * nothing in the process that is looked at but its locks. parts NULL: they are not told apart. -ESRCH: none is left, -ENOMEM.
 */
int discover_gauges(const uint32_t *pid, unsigned pids, struct record_gauges *out, struct gauge_parts *parts);
/* Of all of them together: all pages of each process are walked under its lock, some ms a GB. pss_bytes 0: it may not be read. */
struct gauge_pages {
	uint64_t pss_bytes; /* proportional set size */
	uint64_t runtime_bytes, native_bytes; /* anonymous and resident: in the heaps of these runtimes, and outside */
	uint32_t runtimes; /* bits: enum record_runtime; 0: no such heap */
};
void discover_pages(const uint32_t *pid, unsigned pids, struct gauge_pages *out);
/* The lowest memory limit of its cgroups and of the machine, in bytes; 0: not known. */
uint64_t discover_memory_limit(uint32_t pid);
/* CPU time of these processes alone: cheap enough for many times a second. It falls when one of them ends. */
uint64_t discover_cpu_ns(const uint32_t *pid, unsigned pids);
/* born_ticks: when it began, in ticks since boot: another process with the same number differs in it; 0: not alive. */
bool discover_alive(uint32_t pid, uint64_t *born_ticks);
/* The number by which /proc here knows a process that has these in the initial and in its own innermost pid namespace. */
uint32_t discover_pid_here(uint32_t in_initial, uint32_t in_innermost);
/*
 * Who owns the TCP socket with this local port that is connected to peer_port: comm and pid, for "the process between".
 * -ENOENT.
 */
int discover_socket_owner(uint16_t local_port, uint16_t peer_port, char *comm, unsigned long size, uint32_t *pid);

#endif
