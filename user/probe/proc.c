// SPDX-License-Identifier: GPL-2.0-only
#include "probe/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DIAG_BYTES 32768 /* as the kernel fills them at most (net/netlink/af_netlink.c, netlink_dump) */
#define HELD_STATES 0xfb6u /* all but SYN_RECV and TIME_WAIT, which no process holds: bit n is TCP's state n */

int proc_read(uint32_t pid, const char *name, char *buf, size_t size)
{
	char path[96];
	size_t used = 0;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	buf[0] = '\0';
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (used + 1 < size) {
		ssize_t n = read(fd, buf + used, size - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) { /* ESRCH: it ended meanwhile */
			int e = errno;
			close(fd);
			return -e;
		}
		if (n == 0)
			break;
		used += (size_t)n;
	}
	close(fd);
	buf[used] = '\0';
	return (int)used;
}

int proc_link(uint32_t pid, const char *name, char *buf, size_t size)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	ssize_t n = readlink(path, buf, size - 1);
	if (n < 0) {
		int e = errno;
		buf[0] = '\0';
		return -e;
	}
	buf[n] = '\0';
	return 0;
}

int proc_stat_parse(const char *line, struct proc_entry *out)
{
	const char *open = strchr(line, '(');
	const char *close = strrchr(line, ')');
	uint64_t utime, stime;

	memset(out, 0, sizeof(*out));
	if (!open || !close || close < open || sscanf(line, "%" SCNu32, &out->pid) != 1)
		return -EPROTO;
	size_t n = (size_t)(close - open - 1);
	if (n >= sizeof(out->comm))
		n = sizeof(out->comm) - 1;
	memcpy(out->comm, open + 1, n);
	/* proc_pid_stat(5): state ppid ... (14) utime stime ... (20) num_threads, itrealvalue, starttime */
	if (sscanf(close + 1,
		   " %c %" SCNu32 " %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %" SCNu32
		   " %*d %" SCNu64,
		   &out->state, &out->ppid, &utime, &stime, &out->threads, &out->born_ticks) != 6)
		return -EPROTO;
	out->ticks = utime + stime;
	return 0;
}

int proc_stat_read(uint32_t pid, struct proc_entry *out)
{
	char line[1024];
	int n = proc_read(pid, "stat", line, sizeof(line));

	if (n == -ESRCH)
		return -ENOENT;
	return n < 0 ? n : proc_stat_parse(line, out);
}

static int entry_order(const void *a, const void *b)
{
	const struct proc_entry *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int table_add(struct proc_table *t, size_t *room, uint32_t pid)
{
	struct proc_entry e;

	if (proc_stat_read(pid, &e))
		return 0; /* ended between readdir and open */
	if (t->count == *room) {
		size_t more = *room ? *room * 2 : 256;
		struct proc_entry *bigger = realloc(t->entry, more * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		t->entry = bigger;
		*room = more;
	}
	t->entry[t->count++] = e;
	return 0;
}

int proc_table_read(struct proc_table *t)
{
	size_t room = 0;
	int ret = 0;

	memset(t, 0, sizeof(*t));
	DIR *dir = opendir("/proc");
	if (!dir)
		return -errno;
	for (struct dirent *d = readdir(dir); d && !ret; d = readdir(dir))
		if (isdigit((unsigned char)d->d_name[0]))
			ret = table_add(t, &room, (uint32_t)strtoul(d->d_name, NULL, 10));
	closedir(dir);
	if (ret)
		proc_table_fini(t);
	else if (t->count)
		qsort(t->entry, t->count, sizeof(*t->entry), entry_order);
	return ret;
}

const struct proc_entry *proc_table_find(const struct proc_table *t, uint32_t pid)
{
	struct proc_entry key = {.pid = pid};

	return t->count ? bsearch(&key, t->entry, t->count, sizeof(*t->entry), entry_order) : NULL;
}

void proc_table_fini(struct proc_table *t)
{
	free(t->entry);
	memset(t, 0, sizeof(*t));
}

/* The kernel prints each 32-bit word of the address as a number in host order. */
static int address_parse(const char *hex, uint8_t out[16])
{
	size_t digits = strlen(hex);

	if (digits != 8 && digits != 32)
		return -EPROTO;
	memset(out, 0, 16);
	if (digits == 8)
		out[10] = out[11] = 0xff;
	for (size_t i = 0; i < digits / 8; i++) {
		char word[9];
		memcpy(word, hex + 8 * i, 8);
		word[8] = '\0';
		uint32_t v = (uint32_t)strtoul(word, NULL, 16);
		memcpy(out + (digits == 8 ? 12 : 4 * i), &v, 4);
	}
	return 0;
}

int proc_tcp_parse(const char *line, struct proc_tcp *out)
{
	char local[33], peer[33];
	unsigned local_port, peer_port, state;

	memset(out, 0, sizeof(*out));
	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%x %x %" SCNx32 ":%" SCNx32 " %*x:%*x %*x %*u %*u %" SCNu64,
		   local, &local_port, peer, &peer_port, &state, &out->unsent_bytes, &out->unread_bytes, &out->inode) != 8)
		return -EPROTO;
	if (address_parse(local, out->local) || address_parse(peer, out->peer))
		return -EPROTO;
	out->local_port = (uint16_t)local_port;
	out->peer_port = (uint16_t)peer_port;
	out->state = (uint8_t)state;
	return 0;
}

/* states: bit n is TCP's state n. */
static int tcp_file_each(const char *path, uint32_t states, int (*fn)(void *ctx, const struct proc_tcp *s), void *ctx)
{
	char line[512];
	struct proc_tcp s;
	int ret = 0;

	FILE *f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno; /* no IPv6, or the process ended */
	while (!ret && fgets(line, sizeof(line), f))
		if (!proc_tcp_parse(line, &s) && s.state < 32 && (states & 1u << s.state))
			ret = fn(ctx, &s);
	fclose(f);
	return ret;
}

/*
 * The same from the kernel's dump of sockets: /proc looks for its place among all buckets again for every 4 KiB that are read of it (17 % of
 * the CPU of a run with 2,000 streams), and prints each TIME_WAIT, which nobody asks for.
 */
struct diag {
	int fd;
	uint32_t states;
	int (*fn)(void *ctx, const struct proc_tcp *s);
	void *ctx;
	int ret; /* fn's */
};

static void diag_read(const struct inet_diag_msg *m, struct proc_tcp *out)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool v4 = m->idiag_family == AF_INET;

	*out = (struct proc_tcp){.local_port = ntohs(m->id.idiag_sport),
				 .peer_port = ntohs(m->id.idiag_dport),
				 .state = m->idiag_state,
				 .unsent_bytes = m->idiag_state == PROC_TCP_LISTEN ? 0 : m->idiag_wqueue,
				 .unread_bytes = m->idiag_rqueue,
				 .inode = m->idiag_inode};
	if (v4) {
		memcpy(out->local, mapped, sizeof(mapped));
		memcpy(out->peer, mapped, sizeof(mapped));
	}
	memcpy(out->local + (v4 ? 12 : 0), m->id.idiag_src, v4 ? 4 : 16);
	memcpy(out->peer + (v4 ? 12 : 0), m->id.idiag_dst, v4 ? 4 : 16);
}

/* One datagram of a dump: 1 when it was the last, -errno when the kernel refused. */
static int diag_take(struct diag *d, const struct nlmsghdr *h, size_t bytes)
{
	struct proc_tcp s;

	for (; NLMSG_OK(h, bytes) && !d->ret; h = NLMSG_NEXT(h, bytes)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		diag_read(NLMSG_DATA(h), &s);
		d->ret = d->fn(d->ctx, &s);
	}
	return d->ret ? 1 : 0;
}

/*
 * 0 or -errno; d->ret tells whether fn wanted no more. The older of the two requests: its dump is of both families, where the newer one's is
 * of one, and each walks the whole table of connections (half a million buckets on a large machine, whatever lies in them).
 */
static int diag_dump(struct diag *d)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req ask;
	} m = {.head = {.nlmsg_len = sizeof(m), .nlmsg_type = TCPDIAG_GETSOCK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	       .ask = {.idiag_family = AF_INET, .idiag_states = d->states}};
	_Alignas(struct nlmsghdr) char reply[DIAG_BYTES];
	int ret = 0;

	if (send(d->fd, &m, sizeof(m), 0) < 0)
		return -errno;
	while (!ret) {
		ssize_t n = recv(d->fd, reply, sizeof(reply), 0);

		if (n < 0 && errno == EINTR)
			continue;
		ret = n < 0 ? -errno : n == 0 ? -EPROTO : diag_take(d, (const struct nlmsghdr *)(const void *)reply, (size_t)n);
	}
	return ret < 0 ? ret : 0;
}

/* False: this kernel or this container does not tell. */
static bool diag_each(struct diag *d)
{
	bool told;

	d->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (d->fd < 0)
		return false;
	told = !diag_dump(d);
	close(d->fd);
	return told;
}

/* The dump is of the caller's network namespace. */
static bool network_is_ours(uint32_t pid)
{
	char ours[64], theirs[64];
	ssize_t n = readlink("/proc/self/ns/net", ours, sizeof(ours) - 1);

	if (!pid)
		return true;
	if (n <= 0 || proc_link(pid, "ns/net", theirs, sizeof(theirs)))
		return false;
	ours[n] = '\0';
	return !strcmp(ours, theirs);
}

static int tcp_each(uint32_t pid, uint32_t states, int (*fn)(void *ctx, const struct proc_tcp *s), void *ctx)
{
	static const char *const files[] = {"tcp", "tcp6"};
	struct diag d = {.states = states, .fn = fn, .ctx = ctx};
	int ret = 0;

	if (network_is_ours(pid) && diag_each(&d))
		return d.ret;
	for (unsigned i = 0; i < 2 && !ret; i++) {
		char path[64];
		if (pid)
			snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, files[i]);
		else
			snprintf(path, sizeof(path), "/proc/self/net/%s", files[i]);
		ret = tcp_file_each(path, states, fn, ctx);
	}
	return ret;
}

int proc_tcp_each(uint32_t pid, int (*fn)(void *ctx, const struct proc_tcp *s), void *ctx)
{
	return tcp_each(pid, HELD_STATES, fn, ctx);
}

int proc_tcp_listeners(uint32_t pid, int (*fn)(void *ctx, const struct proc_tcp *s), void *ctx)
{
	return tcp_each(pid, 1u << PROC_TCP_LISTEN, fn, ctx);
}

static bool fd_is_one_of(int dirfd, const char *name, const uint64_t *inode, unsigned inodes)
{
	char link[64];
	uint64_t found;

	ssize_t n = readlinkat(dirfd, name, link, sizeof(link) - 1);
	if (n <= 0)
		return false;
	link[n] = '\0';
	if (sscanf(link, "socket:[%" SCNu64 "]", &found) != 1)
		return false;
	for (unsigned i = 0; i < inodes; i++)
		if (inode[i] == found)
			return true;
	return false;
}

/* 1: holds one, 0: does not, -errno: may not be seen. */
static int process_holds(uint32_t pid, const uint64_t *inode, unsigned inodes)
{
	char path[64];
	int holds = 0;

	snprintf(path, sizeof(path), "/proc/%u/fd", pid);
	DIR *dir = opendir(path);
	if (!dir)
		return -errno;
	for (struct dirent *d = readdir(dir); d && !holds; d = readdir(dir))
		holds = fd_is_one_of(dirfd(dir), d->d_name, inode, inodes);
	closedir(dir);
	return holds;
}

/* --- strangers ---------------------------------------------------------------------------------------------------------------- */

void proc_strangers_forget(struct proc_strangers *s)
{
	s->count = 0;
}

void proc_strangers_fini(struct proc_strangers *s)
{
	free(s->at);
	memset(s, 0, sizeof(*s));
}

/* now: room for all of a table; strangers to other sockets are forgotten. */
static int strangers_begin(struct proc_strangers *before, struct proc_strangers *now, const struct proc_table *t,
			   const uint64_t *inode, unsigned inodes)
{
	size_t bytes = inodes * sizeof(*inode);

	if (inodes > PROC_STRANGERS_SOCKETS)
		return -E2BIG;
	if (before->inodes != inodes || memcmp(before->inode, inode, bytes) != 0)
		proc_strangers_forget(before);
	memcpy(now->inode, inode, bytes);
	now->inodes = inodes;
	now->at = calloc(t->count + 1, sizeof(*now->at));
	return now->at ? 0 : -ENOMEM;
}

static int stranger_order(const void *a, const void *b)
{
	const struct proc_stranger *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static bool is_stranger(const struct proc_strangers *s, const struct proc_entry *e)
{
	const struct proc_stranger key = {.pid = e->pid};
	const struct proc_stranger *at = s->count ? bsearch(&key, s->at, s->count, sizeof(key), stranger_order) : NULL;

	return at && at->born_ticks == e->born_ticks;
}

int proc_find_holders(const struct proc_table *t, const uint64_t *inode, unsigned inodes, struct proc_strangers *strangers,
		      struct proc_holders *out)
{
	struct proc_strangers now = {0};
	int ret = 0;

	memset(out, 0, sizeof(*out));
	if (strangers && strangers_begin(strangers, &now, t, inode, inodes))
		strangers = NULL;
	for (size_t i = 0; i < t->count && inodes && !ret; i++) {
		const struct proc_entry *e = &t->entry[i];
		int holds = strangers && is_stranger(strangers, e) ? 0 : process_holds(e->pid, inode, inodes);
		if (holds == -EACCES || holds == -EPERM)
			out->denied++;
		if (!holds && strangers)
			now.at[now.count++] = (struct proc_stranger){.pid = e->pid, .born_ticks = e->born_ticks};
		if (holds != 1)
			continue;
		if (out->pids == sizeof(out->pid) / sizeof(out->pid[0]))
			ret = -E2BIG;
		else
			out->pid[out->pids++] = e->pid;
	}
	if (strangers) {
		proc_strangers_fini(strangers);
		*strangers = now;
	}
	return ret;
}
