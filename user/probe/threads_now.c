// SPDX-License-Identifier: GPL-2.0-only
#include "probe/threads_now.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe/proc.h"

static int thread_read(uint32_t pid, uint32_t tid, struct thread_now *out)
{
	char name[64], text[512];
	struct proc_entry e;

	snprintf(name, sizeof(name), "task/%u/stat", tid);
	if (proc_read(pid, name, text, sizeof(text)) <= 0 || proc_stat_parse(text, &e))
		return -1;
	*out = (struct thread_now){.pid = pid, .tid = tid, .state = e.state};
	snprintf(out->comm, sizeof(out->comm), "%s", e.comm);
	snprintf(name, sizeof(name), "task/%u/schedstat", tid);
	if (proc_read(pid, name, text, sizeof(text)) > 0)
		out->cpu_ns = strtoull(text, NULL, 10);
	return 0;
}

static unsigned process_read(uint32_t pid, struct thread_now *out, unsigned max)
{
	char path[64];
	unsigned n = 0;
	struct dirent *d;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	while (n < max && (d = readdir(dir))) {
		uint32_t tid = (uint32_t)strtoul(d->d_name, NULL, 10);
		if (tid && !thread_read(pid, tid, &out[n]))
			n++;
	}
	closedir(dir);
	return n;
}

unsigned threads_now(const uint32_t *pid, unsigned pids, struct thread_now *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < pids && n < max; i++)
		n += process_read(pid[i], out + n, max - n);
	return n;
}
