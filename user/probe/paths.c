// SPDX-License-Identifier: GPL-2.0-only
#include "probe/paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "probe/alloc_probe.h"

static const struct {
	const char *name;
	const char *impl[PATH_IMPLS_MAX];
} table[PATHS] = {
	[PATH_SOCKETS] = {"sockets", {"storage", "hash"}},
	[PATH_TCP] = {"tcp", {"cast", "copy"}},
	[PATH_READABLE] = {"readable", {"sk_data_ready", "tcp_probe"}},
	[PATH_ACCEPT] = {"accept", {"fexit", "fexit_argument", "none"}},
	[PATH_OPEN] = {"open", {"sock_from_file", "file_operations"}},
	[PATH_THREADS] = {"threads", {"storage", "hash"}},
	[PATH_SWITCH] = {"switch", {"argument", "task"}},
	[PATH_ALLOC] = {"alloc", {"session", "multi", "perf"}},
};
/* Done in one way on all kernels: there is nothing to choose. */
static const struct {
	const char *name, *impl;
} only[] = {
	{"leaves", "net_dev_queue"}, {"read", "tcp_rcv_space_adjust"}, {"connect", "inet_sock_set_state"},
	{"syscalls", "sys_exit"},    {"faults", "page_fault_user"},
};
_Static_assert(UPROBE_LINK_SESSION == 1 && UPROBE_LINK_MULTI == 2 && UPROBE_LINK_PERF == 3, "names of PATH_ALLOC");

const char *path_name(enum path path)
{
	return table[path].name;
}

const char *path_impl_name(enum path path, unsigned impl)
{
	return impl >= PATH_FIRST && impl <= PATH_IMPLS_MAX ? table[path].impl[impl - 1] : NULL;
}

bool paths_any(const struct paths *p)
{
	for (unsigned i = 0; i < PATHS; i++)
		if (p->impl[i])
			return true;
	return false;
}

static int impl_unknown(const char *text, enum path path, struct err *err)
{
	char all[120] = "";
	size_t used = 0;

	for (unsigned i = PATH_FIRST; path_impl_name(path, i); i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "", path_impl_name(path, i));
	return err_set(err, -EINVAL, "--path %s: %s has %s", text, path_name(path), all);
}

/* 1: it is none of these. */
static int only_parse(const char *text, size_t bytes, struct err *err)
{
	for (size_t i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
		if (strlen(only[i].name) != bytes || memcmp(only[i].name, text, bytes) != 0)
			continue;
		if (text[bytes] && !strcmp(text + bytes + 1, only[i].impl))
			return 0;
		return err_set(err, -EINVAL, "--path %s: %s has %s, on every kernel", text, only[i].name, only[i].impl);
	}
	return 1;
}

static int path_parse(const char *text, struct paths *out, struct err *err)
{
	size_t bytes = strcspn(text, "=");
	char all[120] = "";
	size_t used = 0;
	int rc;

	for (unsigned path = 0; path < PATHS; path++) {
		const char *name = path_name(path);

		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used ? ", " : "", name);
		if (strlen(name) != bytes || memcmp(name, text, bytes) != 0)
			continue;
		for (unsigned i = PATH_FIRST; text[bytes] && path_impl_name(path, i); i++) {
			if (strcmp(path_impl_name(path, i), text + bytes + 1))
				continue;
			out->impl[path] = (uint8_t)i;
			return 0;
		}
		return impl_unknown(text, path, err);
	}
	rc = only_parse(text, bytes, err);
	if (rc <= 0)
		return rc;
	return err_set(err, -EINVAL,
		       "--path %s: expected NAME=IMPL, such as readable=tcp_probe; names are %s; and, done in one way only, "
		       "leaves, read, "
		       "connect, syscalls, faults",
		       text, all);
}

int paths_parse(const struct option_list *list, struct paths *out, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < list->count; i++)
		rc = path_parse(list->value[i], out, err);
	/* what it finds is an address, which socket storage does not take */
	if (!rc && out->impl[PATH_OPEN] == PATH_OPEN_OPERATIONS && out->impl[PATH_SOCKETS] == PATH_SOCKETS_STORAGE)
		rc = err_set(err, -EINVAL, "--path open=file_operations goes with sockets=hash only");
	if (!rc && out->impl[PATH_OPEN] == PATH_OPEN_OPERATIONS)
		out->impl[PATH_SOCKETS] = PATH_SOCKETS_HASH;
	return rc;
}
