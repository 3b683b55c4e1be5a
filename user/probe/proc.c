// SPDX-License-Identifier: GPL-2.0-only
#include "probe/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int tcp_file_each(const char *path, int (*fn)(void *ctx, const struct proc_tcp *s), void *ctx)
{
	char line[512];
	struct proc_tcp s;
	int ret = 0;

	FILE *f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno; /* no IPv6, or the process ended */
	while (!ret && fgets(line, sizeof(line), f))
		if (!proc_tcp_parse(line, &s))
			ret = fn(ctx, &s);
	fclose(f);
	return ret;
}

int proc_tcp_each(uint32_t pid, int (*fn)(void *ctx, const struct proc_tcp *s), void *ctx)
{
	static const char *const files[] = {"tcp", "tcp6"};
	int ret = 0;

	for (unsigned i = 0; i < 2 && !ret; i++) {
		char path[64];
		if (pid)
			snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, files[i]);
		else
			snprintf(path, sizeof(path), "/proc/self/net/%s", files[i]);
		ret = tcp_file_each(path, fn, ctx);
	}
	return ret;
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

int proc_find_holders(const struct proc_table *t, const uint64_t *inode, unsigned inodes, struct proc_holders *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < t->count && inodes; i++) {
		int holds = process_holds(t->entry[i].pid, inode, inodes);
		if (holds == -EACCES || holds == -EPERM)
			out->denied++;
		if (holds != 1)
			continue;
		if (out->pids == sizeof(out->pid) / sizeof(out->pid[0]))
			return -E2BIG;
		out->pid[out->pids++] = t->entry[i].pid;
	}
	return 0;
}
