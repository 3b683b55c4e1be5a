// SPDX-License-Identifier: GPL-2.0-only
#include "probe/groups.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/probe.h"

static const struct {
	const char *name;
	unsigned bits;
} names[] = {
	{"sockets", 0},
	{"threads", PROBE_THREADS},
	{"stacks", PROBE_THREADS | PROBE_STACKS},
	{"syscalls", PROBE_THREADS | PROBE_SYSCALLS},
	{"alloc", PROBE_THREADS | PROBE_ALLOC},
	{"auto", PROBE_THREADS | PROBE_STACKS | PROBE_SYSCALLS | PROBE_ALLOC},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static int name_add(const char *name, size_t bytes, unsigned *groups)
{
	for (size_t i = 0; i < NAMES; i++) {
		if (strlen(names[i].name) != bytes || memcmp(names[i].name, name, bytes) != 0)
			continue;
		*groups |= names[i].bits;
		return 0;
	}
	return -EINVAL;
}

int groups_parse(const char *list, unsigned *groups, struct err *err)
{
	const char *at = list ? list : "auto";

	*groups = 0;
	while (at) {
		size_t bytes = strcspn(at, ",");

		if (name_add(at, bytes, groups))
			return err_set(err, -EINVAL,
				       "--probes %s: '%.*s' is no group of probes; they are sockets (always on), threads, "
				       "stacks, syscalls, alloc, or auto: all that the budget allows",
				       list, (int)bytes, at);
		at = at[bytes] ? at + bytes + 1 : NULL;
	}
	return 0;
}

void groups_format(char *out, size_t size, unsigned groups)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < NAMES - 1 && used < size; i++) { /* the last stands for the others */
		if ((groups & names[i].bits) != names[i].bits)
			continue;
		used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", names[i].name);
	}
}
