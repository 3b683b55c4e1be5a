// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "probe/gauges_detail.h"
#include "probe/proc.h"

#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LAST_ACK 9
#define TCP_CLOSING 11

struct socket_fd {
	uint64_t inode;
	int fd;
	bool found; /* in a TCP table */
};

struct sockets {
	struct socket_fd *at;
	size_t count, room;
};

/* "55d0c0a3f000-55d0c0a60000 rw-p 00000000 00:00 0    [heap]": private, of no file */
static void mapping_add(const char *line, struct record_gauges *out)
{
	uint64_t start, end, inode;
	char mode[5], name[32] = "";

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64 " %31s", &start, &end, mode, &inode, name) < 4)
		return;
	if (!strcmp(name, "[heap]"))
		out->heap_bytes += end - start;
	else if (!inode && mode[1] == 'w' && mode[3] == 'p')
		out->mapped_bytes += end - start;
}

void gauge_mappings(uint32_t pid, struct record_gauges *out)
{
	char path[64], line[512];
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (!maps) {
		out->missing |= RECORD_GAUGES_NO_MAPPINGS;
		return;
	}
	while (fgets(line, sizeof(line), maps))
		mapping_add(line, out);
	fclose(maps);
}

static int socket_add(struct sockets *s, uint64_t inode, int fd)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		struct socket_fd *grown = realloc(s->at, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->at = grown;
		s->room = room;
	}
	s->at[s->count++] = (struct socket_fd){.inode = inode, .fd = fd};
	return 0;
}

/* Of "socket:[12345]"; 0: it is no socket. */
static uint64_t socket_inode(const char *link)
{
	static const char prefix[] = "socket:[";

	return strncmp(link, prefix, sizeof(prefix) - 1) != 0 ? 0 : strtoull(link + sizeof(prefix) - 1, NULL, 10);
}

static void disk_add(int dir, const char *name, struct record_gauges *out)
{
	char path[64];
	struct statvfs fs;
	uint64_t free_bytes;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%.20s", dir, name);
	if (statvfs(path, &fs) || !fs.f_blocks)
		return;
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (out->missing & RECORD_GAUGES_NO_DISK || free_bytes < out->disk_free_bytes)
		out->disk_free_bytes = free_bytes;
	out->missing &= ~(uint32_t)RECORD_GAUGES_NO_DISK;
}

/* The link's own mode tells what it was opened for (fs/proc/fd.c, tid_fd_update_inode). */
static void file_add(int dir, const char *name, struct gauge_files *files, struct record_gauges *out)
{
	struct stat link, st;

	if (files->count == GAUGE_FILES_MAX || fstatat(dir, name, &link, AT_SYMLINK_NOFOLLOW) || !(link.st_mode & S_IWUSR) ||
	    fstatat(dir, name, &st, 0) || !S_ISREG(st.st_mode))
		return;
	for (unsigned i = 0; i < files->count; i++)
		if (files->inode[i] == st.st_ino && files->device[i] == st.st_dev)
			return;
	files->device[files->count] = st.st_dev;
	files->inode[files->count++] = st.st_ino;
	out->log_bytes += (uint64_t)st.st_size;
	disk_add(dir, name, out);
}

static int descriptor_add(int dir, const char *name, struct sockets *sockets, struct gauge_files *files,
			  struct record_gauges *out)
{
	char link[128];
	ssize_t n = readlinkat(dir, name, link, sizeof(link) - 1);

	if (n <= 0)
		return 0; /* closed meanwhile */
	link[n] = '\0';
	out->fds++;
	if (socket_inode(link)) {
		out->fd[RECORD_FD_SOCKET]++;
		return socket_add(sockets, socket_inode(link), atoi(name));
	}
	if (!strncmp(link, "pipe:", 5))
		out->fd[RECORD_FD_PIPE]++;
	else if (!strncmp(link, "anon_inode:", 11))
		out->fd[RECORD_FD_ANON]++;
	else if (link[0] != '/' || (n > 10 && !strcmp(link + n - 10, " (deleted)")))
		out->fd[RECORD_FD_OTHER]++;
	else
		out->fd[RECORD_FD_FILE]++;
	if (link[0] == '/')
		file_add(dir, name, files, out);
	return 0;
}

static int descriptors_add(uint32_t pid, struct sockets *sockets, struct gauge_files *files, struct record_gauges *out)
{
	char path[64];
	int ret = 0;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	DIR *dir = opendir(path);
	if (!dir) {
		out->missing |= RECORD_GAUGES_NO_DESCRIPTORS;
		return 0;
	}
	for (struct dirent *d = readdir(dir); d && !ret; d = readdir(dir))
		if (d->d_name[0] != '.')
			ret = descriptor_add(dirfd(dir), d->d_name, sockets, files, out);
	closedir(dir);
	return ret;
}

static int inode_order(const void *a, const void *b)
{
	const struct socket_fd *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* By inode, each once, whatever number of descriptors it has. */
static void sockets_sort(struct sockets *s)
{
	size_t kept = 0;

	qsort(s->at, s->count, sizeof(*s->at), inode_order);
	for (size_t i = 0; i < s->count; i++)
		if (!kept || s->at[kept - 1].inode != s->at[i].inode)
			s->at[kept++] = s->at[i];
	s->count = kept;
}

struct states {
	struct sockets *sockets;
	struct record_gauges *out;
	struct gauge_parts *parts; /* NULL: not told apart */
	struct proc_tcp *seen; /* of the sockets->count at most */
	size_t count;
	uint8_t listens[(UINT16_MAX + 1) / 8]; /* bit: somebody of this network namespace listens on that port */
};

static void state_count(const struct proc_tcp *s, struct record_gauges *out)
{
	out->tcp[s->state]++;
	/* of a listener these are its queue's length and bound; a FIN that has come counts as a byte (net/ipv4/tcp_ipv4.c, get_tcp4_sock) */
	if (s->state != PROC_TCP_LISTEN) {
		bool fin = s->state == TCP_CLOSE_WAIT || s->state == TCP_LAST_ACK || s->state == TCP_CLOSING;
		out->unread_bytes += s->unread_bytes - (fin && s->unread_bytes ? 1 : 0);
		out->unsent_bytes += s->unsent_bytes;
	} else {
		out->accept_queue += s->unread_bytes;
	}
}

static int state_visit(void *ctx, const struct proc_tcp *s)
{
	const struct socket_fd key = {.inode = s->inode};
	struct states *q = ctx;
	struct socket_fd *of = bsearch(&key, q->sockets->at, q->sockets->count, sizeof(key), inode_order);

	if (s->state == PROC_TCP_LISTEN)
		q->listens[s->local_port / 8] |= (uint8_t)(1u << s->local_port % 8);
	if (!s->inode || !of || of->found || s->state >= RECORD_TCP_STATES)
		return 0;
	of->found = true;
	q->seen[q->count++] = *s;
	state_count(s, q->out);
	return 0;
}

/* Which of the peers is at the other end; a port that is listened on is one that others have connected to. */
static unsigned peer_of(const struct states *q, const struct proc_tcp *s)
{
	static const uint8_t any[sizeof(s->peer)];

	if (q->listens[s->local_port / 8] & 1u << s->local_port % 8)
		return 0;
	for (unsigned i = 2; i < q->parts->peers; i++) {
		const struct gauge_peer *peer = &q->parts->peer[i];
		if (s->peer_port == peer->port &&
		    (!memcmp(peer->addr, any, sizeof(any)) || !memcmp(s->peer, peer->addr, sizeof(any))))
			return i;
	}
	return 1;
}

static void peers_count(const struct states *q)
{
	for (size_t i = 0; i < q->count; i++)
		if (q->seen[i].state != PROC_TCP_LISTEN)
			q->parts->of_peer[peer_of(q, &q->seen[i])].tcp[q->seen[i].state]++;
}

/*
 * A socket that no TCP table names. One of TCP is in CLOSE: never connected, or reset and not yet closed by its owner; unless it was closed
 * since its descriptor was read.
 */
static void stateless_count(uint32_t pid, const struct socket_fd *s, struct record_gauges *out)
{
	char path[64], link[64] = "", protocol[32];

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, s->fd);
	/* sockfs tells a socket's protocol as an attribute (net/socket.c, sockfs_xattr_get) */
	ssize_t n = getxattr(path, "system.sockprotoname", protocol, sizeof(protocol) - 1);
	if (readlink(path, link, sizeof(link) - 1) <= 0 || socket_inode(link) != s->inode)
		return;
	out->tcp[n >= 3 && !memcmp(protocol, "TCP", 3) ? TCP_CLOSE : 0]++;
}

/* The tables come before the question what a socket is: of thousands of connections each would take a call of its own. */
static int states_add(uint32_t pid, struct sockets *sockets, struct record_gauges *out, struct gauge_parts *parts)
{
	struct states q = {.sockets = sockets, .out = out, .parts = parts};

	if (!sockets->count)
		return 0;
	sockets_sort(sockets);
	q.seen = calloc(sockets->count, sizeof(*q.seen));
	if (!q.seen)
		return -ENOMEM;
	if (proc_tcp_each(pid, state_visit, &q) < 0)
		out->missing |= RECORD_GAUGES_NO_DESCRIPTORS;
	else
		for (size_t i = 0; i < sockets->count; i++)
			if (!sockets->at[i].found)
				stateless_count(pid, &sockets->at[i], out);
	if (parts)
		peers_count(&q);
	free(q.seen);
	return 0;
}

int gauge_descriptors(uint32_t pid, struct gauge_files *files, struct record_gauges *out, struct gauge_parts *parts)
{
	struct sockets sockets = {0};
	int ret = descriptors_add(pid, &sockets, files, out);

	if (!ret)
		ret = states_add(pid, &sockets, out, parts);
	free(sockets.at);
	return ret;
}

/* write_bytes less what was thrown away before it got there (Documentation/filesystems/proc.rst). */
void gauge_io(uint32_t pid, struct record_gauges *out)
{
	uint64_t written = 0, cancelled = 0;
	char text[512];
	const char *at;

	if (proc_read(pid, "io", text, sizeof(text)) <= 0) {
		out->missing |= RECORD_GAUGES_NO_IO;
		return;
	}
	at = strstr(text, "\nwrite_bytes:");
	if (at)
		written = strtoull(at + strlen("\nwrite_bytes:"), NULL, 10);
	at = strstr(text, "\ncancelled_write_bytes:");
	if (at)
		cancelled = strtoull(at + strlen("\ncancelled_write_bytes:"), NULL, 10);
	out->disk_written_bytes += written > cancelled ? written - cancelled : 0;
}

/* "  eth0: 1234 5 0 0 0 0 0 0 5678 ...": received bytes first, sent ones ninth */
static uint64_t device_bytes(const char *line)
{
	const char *colon = strchr(line, ':');
	uint64_t received, sent;

	if (!colon || sscanf(colon + 1, "%" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &received, &sent) != 2)
		return 0;
	return received + sent;
}

void gauge_network(uint32_t pid, struct record_gauges *out)
{
	char path[64], line[512], text[1024];
	const char *at;
	FILE *devices;

	snprintf(path, sizeof(path), "/proc/%u/net/dev", pid);
	devices = fopen(path, "re");
	if (!devices)
		out->missing |= RECORD_GAUGES_NO_NETWORK;
	while (devices && fgets(line, sizeof(line), devices))
		out->network_bytes += device_bytes(line);
	if (devices)
		fclose(devices);
	/* "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 2": mem in pages, and not of this namespace alone (net/ipv4/proc.c) */
	at = proc_read(pid, "net/sockstat", text, sizeof(text)) > 0 ? strstr(text, "TCP:") : NULL;
	at = at ? strstr(at, " mem ") : NULL;
	if (at)
		out->kernel_tcp_bytes = strtoull(at + strlen(" mem "), NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
	else
		out->missing |= RECORD_GAUGES_NO_KERNEL;
}
