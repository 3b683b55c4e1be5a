// SPDX-License-Identifier: GPL-2.0-only
#include "probe/peers_now.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/proc.h"

#define INODES_MAX 65536
#define LISTENS_MAX 64

struct look {
	uint64_t *inode; /* of the processes' sockets, rising */
	size_t inodes;
	uint16_t listen[LISTENS_MAX];
	unsigned listens;
	struct peer_now *peer;
	unsigned peers;
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void inodes_of(uint32_t pid, struct look *l)
{
	char path[64], link[64];
	struct dirent *d;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	DIR *dir = opendir(path);
	while (dir && l->inodes < INODES_MAX && (d = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);
		link[n > 0 ? n : 0] = 0;
		if (!strncmp(link, "socket:[", 8))
			l->inode[l->inodes++] = strtoull(link + 8, NULL, 10);
	}
	if (dir)
		closedir(dir);
}

static bool is_ours(const struct look *l, const struct proc_tcp *s)
{
	return s->inode && bsearch(&s->inode, l->inode, l->inodes, sizeof(*l->inode), by_value);
}

static int listen_take(void *ctx, const struct proc_tcp *s)
{
	struct look *l = ctx;

	if (l->listens < LISTENS_MAX && is_ours(l, s))
		l->listen[l->listens++] = s->local_port;
	return 0;
}

static struct peer_now *peer_of(struct look *l, const struct proc_tcp *s)
{
	struct peer_now wanted = {.port = s->peer_port};
	unsigned i;

	for (i = 0; i < l->listens && !wanted.clients; i++)
		wanted.clients = l->listen[i] == s->local_port;
	if (wanted.clients)
		wanted.port = s->local_port;
	else
		memcpy(wanted.addr, s->peer, sizeof(wanted.addr));
	for (i = 0; i < l->peers; i++) {
		struct peer_now *p = &l->peer[i];
		if (p->clients == wanted.clients && p->port == wanted.port && !memcmp(p->addr, wanted.addr, sizeof(p->addr)))
			return p;
	}
	if (l->peers == PEERS_NOW_MAX)
		return NULL;
	l->peer[l->peers] = wanted;
	return &l->peer[l->peers++];
}

static int connection_take(void *ctx, const struct proc_tcp *s)
{
	struct look *l = ctx;
	struct peer_now *p = s->state != PROC_TCP_LISTEN && is_ours(l, s) ? peer_of(l, s) : NULL;

	if (p) {
		p->state[s->state < PEERS_NOW_STATES ? s->state : 0]++;
		p->all++;
	}
	return 0;
}

static int by_connections(const void *a, const void *b)
{
	const struct peer_now *x = a, *y = b;

	return x->all != y->all ? (x->all < y->all ? 1 : -1) : (int)x->port - (int)y->port;
}

unsigned peers_now(const uint32_t *pid, unsigned pids, struct peer_now out[PEERS_NOW_MAX])
{
	struct look l = {.peer = out, .inode = malloc(INODES_MAX * sizeof(uint64_t))};

	if (!l.inode || !pids) {
		free(l.inode);
		return 0;
	}
	for (unsigned i = 0; i < pids; i++)
		inodes_of(pid[i], &l);
	qsort(l.inode, l.inodes, sizeof(*l.inode), by_value);
	proc_tcp_listeners(pid[0], listen_take, &l);
	proc_tcp_each(pid[0], connection_take, &l);
	free(l.inode);
	qsort(out, l.peers, sizeof(*out), by_connections);
	return l.peers;
}
