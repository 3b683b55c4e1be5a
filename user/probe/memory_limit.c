// SPDX-License-Identifier: GPL-2.0-only
/* How much memory a process may use: the lowest limit of its cgroup and those above it, else the machine's. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/discover.h"
#include "probe/proc.h"

/* "max" and v1's "no limit" (close to 2^63) are none. */
static uint64_t limit_read(const char *path)
{
	uint64_t bytes = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	if (fscanf(file, "%" SCNu64, &bytes) != 1 || bytes > UINT64_C(1) << 62)
		bytes = 0;
	fclose(file);
	return bytes;
}

static void lower(uint64_t *limit, uint64_t bytes)
{
	if (bytes && (!*limit || bytes < *limit))
		*limit = bytes;
}

/* From the group up to the mount's root. */
static void hierarchy(const char *mount, char *group, const char *file, uint64_t *limit)
{
	char path[PATH_MAX];

	for (;;) {
		int n = snprintf(path, sizeof(path), "%s%s/%s", mount, group, file);
		if (n > 0 && (size_t)n < sizeof(path))
			lower(limit, limit_read(path));
		char *slash = strrchr(group, '/');
		if (!slash)
			return;
		*slash = '\0';
	}
}

static void cgroups(uint32_t pid, uint64_t *limit)
{
	char text[4096], *save = NULL;

	if (proc_read(pid, "cgroup", text, sizeof(text)) <= 0)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *group = strchr(line, '/');
		if (!strncmp(line, "0::", 3) && group) {
			hierarchy("/sys/fs/cgroup", group, "memory.max", limit);
		} else if (strstr(line, ":memory:") && group) {
			hierarchy("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", limit);
		}
	}
}

uint64_t discover_memory_limit(uint32_t pid)
{
	uint64_t limit = 0;
	long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);

	cgroups(pid, &limit);
	if (pages > 0 && bytes > 0)
		lower(&limit, (uint64_t)pages * (uint64_t)bytes);
	return limit;
}
