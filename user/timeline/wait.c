// SPDX-License-Identifier: GPL-2.0-only
/* What a thread waits for, told by the system call that it is in and the state that the scheduler left it in. */
#include <sys/syscall.h>

#include "timeline/threads.h"

/* newer than the headers of some distributions */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#define CALL_FUTEX_WAIT 455
/* that only x86 has; elsewhere numbers of no call */
#ifndef SYS_open
#define SYS_open 0xff00
#define SYS_unlink 0xff01
#define SYS_rename 0xff02
#define SYS_stat 0xff03
#define SYS_epoll_wait 0xff04
#define SYS_poll 0xff05
#define SYS_select 0xff06
#define SYS_pause 0xff07
#endif

const char *thread_wait_name(enum thread_wait wait)
{
	static const char *const name[THREAD_WAITS] = {"poll", "timer", "futex", "disk", "page_fault", "swap", "socket", "other"};

	return (unsigned)wait < THREAD_WAITS ? name[wait] : "unknown";
}

bool thread_call_polls(uint16_t nr)
{
	switch (nr) {
	case SYS_epoll_wait:
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
	case SYS_poll:
	case SYS_ppoll:
	case SYS_select:
	case SYS_pselect6:
	case SYS_io_uring_enter:
	case SYS_io_getevents:
	case SYS_accept:
	case SYS_accept4:
	case SYS_rt_sigtimedwait:
	case SYS_pause:
		return true;
	default:
		return false;
	}
}

static bool call_syncs(uint16_t nr)
{
	switch (nr) {
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_sync:
	case SYS_syncfs:
	case SYS_sync_file_range:
	case SYS_msync:
		return true;
	default:
		return false;
	}
}

static bool call_moves_data(uint16_t nr)
{
	switch (nr) {
	case SYS_read:
	case SYS_write:
	case SYS_readv:
	case SYS_writev:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_sendmmsg:
	case SYS_sendfile:
	case SYS_splice:
	case SYS_connect:
		return true;
	default:
		return false;
	}
}

/* Calls on files: what they wait for uninterruptibly is their file system. */
static bool call_on_files(uint16_t nr)
{
	switch (nr) {
	case SYS_open:
	case SYS_openat:
	case SYS_close:
	case SYS_pread64:
	case SYS_pwrite64:
	case SYS_preadv:
	case SYS_pwritev:
	case SYS_unlink:
	case SYS_unlinkat:
	case SYS_rename:
	case SYS_renameat:
	case SYS_ftruncate:
	case SYS_fallocate:
	case SYS_stat:
	case SYS_newfstatat:
	case SYS_getdents64:
		return true;
	default:
		return call_moves_data(nr);
	}
}

enum thread_wait thread_off_wait(const struct thread_off *o)
{
	if (o->flags & WIRE_OFF_STOPPED)
		return THREAD_WAIT_OTHER;
	if (o->flags & WIRE_OFF_MEMSTALL)
		return THREAD_WAIT_SWAP;
	if (o->flags & WIRE_OFF_FAULT)
		return THREAD_WAIT_PAGE_FAULT;
	if (thread_call_polls(o->syscall))
		return THREAD_WAIT_POLL; /* first: waiting for a ring's completions counts as I/O wait */
	if (o->flags & WIRE_OFF_IOWAIT || call_syncs(o->syscall))
		return THREAD_WAIT_DISK;
	if (o->syscall == SYS_nanosleep || o->syscall == SYS_clock_nanosleep)
		return THREAD_WAIT_TIMER;
	if (o->syscall == SYS_futex || o->syscall == SYS_futex_waitv || o->syscall == CALL_FUTEX_WAIT)
		return THREAD_WAIT_FUTEX;
	if (o->flags & WIRE_OFF_UNINTERRUPTIBLE && call_on_files(o->syscall))
		return THREAD_WAIT_DISK;
	return call_moves_data(o->syscall) ? THREAD_WAIT_SOCKET : THREAD_WAIT_OTHER;
}
