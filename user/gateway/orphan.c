// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/orphan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its other descriptors go, or it would listen on the gateway's port too. 0 may be one of the two: both are moved out of the way. */
static void become(const char *name, void (*run)(unsigned arg), unsigned arg, int fd0, int fd1)
{
	int high0 = fcntl(fd0, F_DUPFD, 3), high1 = fcntl(fd1, F_DUPFD, 3);

	if (high0 < 0 || high1 < 0 || dup2(high0, 0) < 0 || dup2(high1, 1) < 0)
		_exit(1);
	close_range(2, ~0U, 0);
	prctl(PR_SET_NAME, name);
	run(arg);
	_exit(0);
}

/* The child of a child that has ended is nobody's. */
int orphan_start(const char *name, void (*run)(unsigned arg), unsigned arg, int fd0, int fd1)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		pid_t child = fork();
		if (child == 0)
			become(name, run, arg, fd0, fd1);
		_exit(child < 0);
	}
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status ? -EAGAIN : 0;
}
