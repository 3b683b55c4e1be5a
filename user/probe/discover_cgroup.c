// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/discover.h"
#include "probe/proc.h"

#define CGROUP_DEPTH_MAX 32

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static bool has_procs(const char *dir)
{
	char path[PATH_MAX];

	int n = snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	return n > 0 && (size_t)n < sizeof(path) && !access(path, R_OK);
}

/* mountinfo: "36 35 98:0 /root /mount/point options - type source super-options" */
static bool mount_parse(char *line, char **point)
{
	char *save = NULL, *word = NULL;
	char *dash = strstr(line, " - cgroup");

	if (!dash)
		return false;
	*dash = '\0';
	word = strtok_r(line, " ", &save);
	for (unsigned i = 0; word && i < 4; i++)
		word = strtok_r(NULL, " ", &save);
	*point = word;
	return word != NULL;
}

/* A group may exist in several v1 hierarchies; the first that has it names its processes. */
static int resolve(const char *given, char *dir, size_t size)
{
	char line[PATH_MAX + 512];
	char *point;
	bool found = false;

	if (given[0] == '/' && is_directory(given) && has_procs(given)) {
		int n = snprintf(dir, size, "%s", given);
		return n > 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
	}
	FILE *f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return -errno;
	while (!found && fgets(line, sizeof(line), f)) {
		if (!mount_parse(line, &point))
			continue;
		int n = snprintf(dir, size, "%s/%s", point, given + strspn(given, "/"));
		found = n > 0 && (size_t)n < size && has_procs(dir);
	}
	fclose(f);
	return found ? 0 : -ENOENT;
}

static int add_procs(const char *dir, struct discovered *out)
{
	char path[PATH_MAX];
	uint32_t pid;
	int ret = 0;

	int n = snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	if (n <= 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	FILE *f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	/*
	 * a threaded v2 group refuses the read (EOPNOTSUPP): its processes stand in the group above. 0: outside our pid
	 * namespace
	 */
	while (!ret && fscanf(f, "%" SCNu32, &pid) == 1) {
		if (pid == 0 || pid == (uint32_t)getpid())
			continue;
		if (out->pids == DISCOVER_PIDS_MAX)
			ret = -E2BIG;
		else
			out->pid[out->pids++] = pid;
	}
	fclose(f);
	return ret;
}

static int walk(const char *dir, unsigned depth, struct discovered *out)
{
	int ret = add_procs(dir, out);

	if (ret || depth == CGROUP_DEPTH_MAX)
		return ret;
	DIR *d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *e = readdir(d); e && !ret; e = readdir(d)) {
		char path[PATH_MAX];
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		int n = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		ret = n > 0 && (size_t)n < sizeof(path) ? walk(path, depth + 1, out) : -ENAMETOOLONG;
	}
	closedir(d);
	return ret;
}

struct depth_of {
	uint32_t pid, depth;
};

static int depth_order(const void *a, const void *b)
{
	const struct depth_of *x = a, *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Parents before children: by distance from the root of the process tree; a pid that stands in two groups is kept once. */
static void order_by_depth(const struct proc_table *t, struct discovered *out)
{
	struct depth_of order[DISCOVER_PIDS_MAX] = {{0}};

	for (unsigned i = 0; i < out->pids; i++) {
		const struct proc_entry *e = proc_table_find(t, out->pid[i]);
		order[i] = (struct depth_of){.pid = out->pid[i]};
		while (e && e->ppid && order[i].depth < t->count) {
			order[i].depth++;
			e = proc_table_find(t, e->ppid);
		}
	}
	qsort(order, out->pids, sizeof(order[0]), depth_order);
	unsigned kept = 0;
	for (unsigned i = 0; i < out->pids; i++)
		if (!kept || out->pid[kept - 1] != order[i].pid)
			out->pid[kept++] = order[i].pid;
	out->pids = kept;
}

static void describe(const struct proc_table *t, const char *path, struct discovered *out)
{
	const struct proc_entry *e = proc_table_find(t, out->pid[0]);

	if (e)
		snprintf(out->comm, sizeof(out->comm), "%s", e->comm);
	proc_link(out->pid[0], "exe", out->exe, sizeof(out->exe));
	snprintf(out->how, sizeof(out->how), "cgroup %.120s was given: %s (pid %u) and %u more", path, out->comm, out->pid[0],
		 out->pids - 1);
}

int discover_by_cgroup(const char *path, struct discovered *out, struct err *err)
{
	char dir[PATH_MAX];
	struct proc_table t;

	memset(out, 0, sizeof(*out));
	int ret = resolve(path, dir, sizeof(dir));
	if (ret)
		return err_set(err, ret,
			       "there is no cgroup \"%s\" (looked for it as a directory and under every cgroup mount); see "
			       "/proc/PID/cgroup of the gateway",
			       path);
	ret = walk(dir, 0, out);
	if (ret == -E2BIG)
		return err_set(err, ret, "cgroup %s holds more than %d processes; name a narrower one", dir, DISCOVER_PIDS_MAX);
	if (ret)
		return err_set(err, ret, "cannot read the processes of cgroup %s: %s", dir, strerror(-ret));
	if (!out->pids)
		return err_set(err, -ESRCH, "cgroup %s has no process; is the gateway started?", dir);
	ret = proc_table_read(&t);
	if (ret)
		return err_set(err, ret, "cannot read /proc: %s", strerror(-ret));
	order_by_depth(&t, out);
	describe(&t, path, out);
	proc_table_fini(&t);
	return 0;
}
