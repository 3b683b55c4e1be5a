// SPDX-License-Identifier: GPL-2.0-only
#include "probe/find.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/accounts.h"

/* As enum find_pass of bpf/find.bpf.c. */
enum { FIND_LISTENERS = 0, FIND_CONNECTIONS = 1, FIND_OPERATIONS = 2 };

static int find_pass(struct toll_bpf *skel, uint32_t pass)
{
	skel->bss->find_pass = pass;
	return skeleton_run_iterator(skel->progs.toll_find, -1);
}

/* What the operations of a socket's file are: those of one of ours. */
static int find_operations(struct toll_bpf *skel)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	if (fd < 0)
		return -errno;
	skel->bss->find_own_fd = (uint32_t)fd;
	rc = find_pass(skel, FIND_OPERATIONS);
	close(fd);
	return rc ? rc : skel->bss->socket_operations ? 0 : -ENOENT;
}

/* Two passes over the targets' open files: listeners first, so that connections can be told to be served or called. */
int find_open(struct toll_bpf *skel, const struct paths *paths)
{
	int rc = 0;

	if (paths->impl[PATH_OPEN] == PATH_OPEN_OPERATIONS && !skel->bss->socket_operations)
		rc = find_operations(skel);
	if (!rc)
		rc = find_pass(skel, FIND_LISTENERS);
	if (!rc)
		rc = find_pass(skel, FIND_CONNECTIONS);
	return rc ? rc : accounts_find(skel);
}
