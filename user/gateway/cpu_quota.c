// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/cpu_quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define GROUP_PREFIX "toll-gateway-"

static int file_write(const char *group, const char *file, const char *text)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", group, file) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static bool list_has(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += n)
		if ((at == list || at[-1] == ',') && (at[n] == ',' || !at[n]))
			return true;
	return false;
}

/* Where the hierarchy with the cpu controller (v2: the unified one) is mounted. */
static bool mount_find(bool v2, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char line[PATH_MAX], path[PATH_MAX], type[64], options[1024];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %4095s %63s %1023s", path, type, options) != 3)
			continue;
		found = v2 ? !strcmp(type, "cgroup2") : !strcmp(type, "cgroup") && list_has(options, "cpu");
	}
	if (f)
		fclose(f);
	return found && snprintf(out, size, "%s", path) < (int)size;
}

/* Our group in it, from lines such as "1:cpu:/a/b" or, for version 2, "0::/a/b". */
static bool group_find(bool v2, char *out, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		line[strcspn(line, "\n")] = '\0';
		*path++ = '\0';
		found = v2 ? list[1] == '\0' : list_has(list + 1, "cpu");
		if (found)
			found = snprintf(out, size, "%s", strcmp(path, "/") ? path : "") < (int)size;
	}
	if (f)
		fclose(f);
	return found;
}

static int limits_write(const char *group, bool v2, uint64_t quota_ns, uint64_t period_ns)
{
	unsigned long long quota_us = quota_ns / NS_PER_US, period_us = period_ns / NS_PER_US;
	char text[64], period[32];

	snprintf(text, sizeof(text), "%llu %llu", quota_us, period_us);
	if (v2)
		return file_write(group, "cpu.max", text);
	snprintf(text, sizeof(text), "%llu", quota_us);
	snprintf(period, sizeof(period), "%llu", period_us);
	int ret = file_write(group, "cpu.cfs_period_us", period);
	return ret ? ret : file_write(group, "cpu.cfs_quota_us", text);
}

static int group_enter(const char *group)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return file_write(group, "cgroup.procs", pid);
}

static int group_make(struct cpu_quota *q, const char *parent, bool v2, uint64_t quota_ns, uint64_t period_ns)
{
	if (snprintf(q->group, sizeof(q->group), "%s/" GROUP_PREFIX "%d", parent, getpid()) >= (int)sizeof(q->group))
		return -ENAMETOOLONG;
	if (v2)
		file_write(parent, "cgroup.subtree_control", "+cpu"); /* may be set already; the limits' file tells */
	if (mkdir(q->group, 0755))
		return -errno;
	int ret = limits_write(q->group, v2, quota_ns, period_ns);
	if (!ret)
		ret = group_enter(q->group);
	if (ret) {
		rmdir(q->group);
		q->group[0] = '\0';
	}
	return ret;
}

/*
 * Our group, where a group may be made, and the one above ("": none). A group of version 2 that holds processes cannot hand the controller
 * down, but its parent may have done so.
 */
static int places_find(bool v2, char home[PATH_MAX], char above[PATH_MAX])
{
	char mount[PATH_MAX], path[PATH_MAX];

	above[0] = '\0';
	if (!mount_find(v2, mount, sizeof(mount)) || !group_find(v2, path, sizeof(path)))
		return -ENOENT;
	if (snprintf(home, PATH_MAX, "%s%s", mount, path) >= PATH_MAX)
		return -ENAMETOOLONG;
	char *last = strrchr(path, '/');
	if (v2 && last)
		snprintf(above, PATH_MAX, "%.*s", (int)(strlen(home) - strlen(last)), home);
	return 0;
}

static int version_try(struct cpu_quota *q, bool v2, uint64_t quota_ns, uint64_t period_ns)
{
	char above[PATH_MAX];
	int ret = places_find(v2, q->home, above);

	if (ret)
		return ret;
	ret = group_make(q, q->home, v2, quota_ns, period_ns);
	return ret && above[0] ? group_make(q, above, v2, quota_ns, period_ns) : ret;
}

int cpu_quota_set(struct cpu_quota *q, uint64_t quota_ns, uint64_t period_ns, struct err *err)
{
	int ret = version_try(q, true, quota_ns, period_ns);

	if (ret)
		ret = version_try(q, false, quota_ns, period_ns);
	if (!ret)
		return 0;
	q->group[0] = '\0';
	return err_set(err, ret,
		       "cannot put a CPU quota on the gateway by a control group: %s; root may, where they are mounted writable",
		       strerror(-ret));
}

/* rmdir leaves alone what holds a process; who has just made its group lives, though it is not in it yet. */
static void place_sweep(const char *place)
{
	DIR *groups = opendir(place);
	char path[PATH_MAX], rest;
	int pid;

	for (struct dirent *e; groups && (e = readdir(groups));) {
		if (sscanf(e->d_name, GROUP_PREFIX "%d%c", &pid, &rest) != 1 || !kill(pid, 0) || errno != ESRCH)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", place, e->d_name) < (int)sizeof(path))
			rmdir(path);
	}
	if (groups)
		closedir(groups);
}

void cpu_quota_sweep(void)
{
	char home[PATH_MAX], above[PATH_MAX];

	for (int v2 = 0; v2 < 2; v2++) {
		if (places_find(v2, home, above))
			continue;
		place_sweep(home);
		if (above[0])
			place_sweep(above);
	}
}

void cpu_quota_clear(struct cpu_quota *q)
{
	if (!q->group[0])
		return;
	group_enter(q->home);
	rmdir(q->group);
	q->group[0] = '\0';
}
