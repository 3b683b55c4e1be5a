/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading /proc: the process table, what a process is called, which TCP sockets exist in its network namespace and who holds
 * them.
 */
#ifndef TOLL_PROBE_PROC_H
#define TOLL_PROBE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proc_entry {
	uint32_t pid;
	uint32_t ppid;
	uint32_t threads;
	char state; /* 'R', 'S', 'Z' ... */
	uint64_t ticks; /* utime + stime */
	uint64_t born_ticks; /* since boot: with the pid, one process for good */
	char comm[32];
};

/* One line of /proc/PID/stat; comm may hold spaces and brackets. -EPROTO. */
int proc_stat_parse(const char *line, struct proc_entry *out);
int proc_stat_read(uint32_t pid, struct proc_entry *out); /* -ENOENT: gone */

struct proc_table {
	struct proc_entry *entry; /* by rising pid */
	size_t count;
};
int proc_table_read(struct proc_table *t);
const struct proc_entry *proc_table_find(const struct proc_table *t, uint32_t pid); /* NULL: absent */
void proc_table_fini(struct proc_table *t);

/* /proc/PID/NAME into buf, NUL behind it; returns bytes (cut at size - 1) or -errno. */
int proc_read(uint32_t pid, const char *name, char *buf, size_t size);
/* Target of the link /proc/PID/NAME ("exe", "ns/net"), NUL-terminated; "" and -errno on failure. */
int proc_link(uint32_t pid, const char *name, char *buf, size_t size);

#define PROC_TCP_ESTABLISHED 1
#define PROC_TCP_LISTEN 10
struct proc_tcp {
	uint8_t local[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t peer[16];
	uint16_t local_port;
	uint16_t peer_port;
	uint8_t state;
	uint32_t unsent_bytes, unread_bytes;
	uint64_t inode; /* 0: no process holds it */
};
/* One line of /proc/net/tcp or tcp6; -EPROTO for the head line and anything else that is no socket. */
int proc_tcp_parse(const char *line, struct proc_tcp *out);
/* Calls fn for each TCP socket that a process may hold in the network namespace of pid (0: ours) until it returns other than 0, which is returned. */
int proc_tcp_each(uint32_t pid, int (*fn)(void *ctx, const struct proc_tcp *s), void *ctx);
/* The listening ones alone: their number is small, whatever the number of connections. */
int proc_tcp_listeners(uint32_t pid, int (*fn)(void *ctx, const struct proc_tcp *s), void *ctx);

/* Sorted by rising pid; `denied` counts processes whose fds we may not see. */
struct proc_holders {
	uint32_t pid[256];
	unsigned pids;
	unsigned denied;
};
/*
 * Who held none of some sockets when it was looked into. A process comes by a socket that others have when it is forked or makes one of its
 * own; that one may be handed to it is left to who forgets these from time to time. Zero-initialise; proc_strangers_fini.
 */
#define PROC_STRANGERS_SOCKETS 64
struct proc_strangers {
	uint64_t inode[PROC_STRANGERS_SOCKETS];
	unsigned inodes;
	struct proc_stranger {
		uint32_t pid;
		uint64_t born_ticks;
	} * at; /* by rising pid */
	size_t count;
};
void proc_strangers_forget(struct proc_strangers *s);
void proc_strangers_fini(struct proc_strangers *s);
/*
 * Processes with an fd on one of the sockets. All descriptors of all processes are read (25 ms of CPU with 140 of them), but for those of
 * strangers to these very sockets; who else is one is noted. strangers NULL: all are looked into.
 */
int proc_find_holders(const struct proc_table *t, const uint64_t *inode, unsigned inodes, struct proc_strangers *strangers,
		      struct proc_holders *out);

#endif
