// SPDX-License-Identifier: GPL-2.0-only
#include "symbol/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "symbol/text_names.h"

/* The last number of the line "NSpid:" is the process' own; kernels without pid namespaces have no such line. */
static uint32_t pid_inside(uint32_t pid)
{
	char path[40], line[256];
	uint32_t inside = pid;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/status", pid);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in)) {
		const char *last = strrchr(line, '\t');

		if (strncmp(line, "NSpid:", 6) || !last)
			continue;
		inside = (uint32_t)strtoul(last, NULL, 10);
		break;
	}
	if (in)
		fclose(in);
	return inside ? inside : pid;
}

struct process *process_new(uint32_t pid)
{
	struct process *p = calloc(1, sizeof(*p));
	char path[40];

	if (!p)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/root", pid);
	p->pid = pid;
	p->pid_inside = pid_inside(pid);
	p->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return p;
}

void process_free(struct process *p)
{
	if (!p)
		return;
	if (p->root >= 0)
		close(p->root);
	table_fini(&p->jit);
	free(p);
}

/* Anybody may put a file there: a pipe would hold us up for ever. */
static void jit_read(struct process *p)
{
	char path[40];
	struct stat st;
	FILE *in;
	int fd;

	snprintf(path, sizeof(path), "tmp/perf-%" PRIu32 ".map", p->pid_inside);
	fd = p->root >= 0 ? openat(p->root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW) : -1;
	if (fd < 0)
		return;
	in = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
	if (!in) {
		close(fd);
		return;
	}
	perf_map_read(in, &p->jit);
	fclose(in);
}

const char *process_jit_name(struct process *p, uint64_t address)
{
	if (!p->jit_read) {
		jit_read(p);
		p->jit_read = true;
	}
	return table_find(&p->jit, address);
}
