// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <sys/syscall.h>

#include "commands/top_model.h"

#define NAME(call)                                                                                                               \
	{                                                                                                                        \
		SYS_##call, #call                                                                                                \
	}
static const struct {
	unsigned nr;
	const char *name;
} names[] = {
	NAME(read),
	NAME(write),
	NAME(readv),
	NAME(writev),
	NAME(recvfrom),
	NAME(sendto),
	NAME(recvmsg),
	NAME(sendmsg),
	NAME(sendfile),
	NAME(splice),
	NAME(accept),
	NAME(accept4),
	NAME(connect),
	NAME(socket),
	NAME(close),
	NAME(shutdown),
	NAME(openat),
	NAME(fstat),
	NAME(pread64),
	NAME(pwrite64),
	NAME(fsync),
	NAME(fdatasync),
	NAME(mmap),
	NAME(munmap),
	NAME(mprotect),
	NAME(madvise),
	NAME(brk),
	NAME(futex),
	NAME(poll),
	NAME(ppoll),
	NAME(select),
	NAME(pselect6),
	NAME(epoll_wait),
	NAME(epoll_pwait),
	NAME(epoll_ctl),
	NAME(epoll_pwait2),
	NAME(nanosleep),
	NAME(getsockopt),
	NAME(setsockopt),
	NAME(getsockname),
	NAME(getpeername),
	NAME(getrandom),
	NAME(clone),
	NAME(clone3),
	NAME(execve),
	NAME(wait4),
	NAME(sched_yield),
	NAME(io_uring_enter),
	NAME(clock_nanosleep),
	NAME(gettimeofday),
	NAME(eventfd2),
	NAME(timerfd_settime),
	NAME(getpid),
	NAME(tgkill),
};

const char *top_syscall_name(unsigned nr, char buf[24])
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (names[i].nr == nr)
			return names[i].name;
	snprintf(buf, 24, "system call %u", nr);
	return buf;
}
