/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One event loop per thread: file descriptors (epoll), timers (one timerfd, absolute CLOCK_MONOTONIC ns), deferred tasks.
 * Watches, timers and tasks are the caller's memory, zero-initialised, usually inside its own struct. They may be removed
 * and freed in any callback, their own included. Everything but loop_stop() belongs to the thread that runs the loop.
 */
#ifndef TOLL_HTTP_LOOP_H
#define TOLL_HTTP_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct loop;

struct loop_watch {
	int fd;
	void (*ready)(struct loop_watch *w, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR */
	void *ctx;
};

struct loop_timer {
	void (*fire)(struct loop_timer *t); /* unset before it is called: may set itself again */
	void *ctx;
	uint64_t when_ns; /* the loop's from here on */
	size_t slot; /* 0: not set */
};

/* Runs once, before the loop sleeps again but after the callback that deferred it has returned. */
struct loop_task {
	void (*run)(struct loop_task *t);
	void *ctx;
	struct loop_task *next, *prev; /* the loop's; NULL: not deferred */
};

int loop_new(struct loop **out); /* -errno */
void loop_free(struct loop *l); /* closes no descriptor of its watches */

/* Runs until loop_stop(). Blocks SIGPIPE in this thread and asks for 1 ns timer slack. 0 or -errno of epoll_wait. */
int loop_run(struct loop *l);
/* From any thread or signal handler. Sticky: a loop that runs later returns at once. */
void loop_stop(struct loop *l);

/* events: epoll's, EPOLLET and EPOLLEXCLUSIVE included. Remove before closing the descriptor. */
int loop_add_fd(struct loop *l, struct loop_watch *w, uint32_t events);
int loop_change_fd(struct loop *l, struct loop_watch *w, uint32_t events);
void loop_remove_fd(struct loop *l, struct loop_watch *w);

/* Fires at when_ns or as soon after it as the kernel wakes us; a time that has passed fires on the next turn of the loop. */
int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t when_ns); /* moves one that is set; -ENOMEM */
void loop_timer_cancel(struct loop *l, struct loop_timer *t); /* not set: nothing */

/*
 * Off unless called. Wakes ahead of a timer by what waking up took of late and spins for the rest, at most spin_max_ns and only while no
 * descriptor is ready: timers fire within a few us of their time, for a share of a CPU that somebody else may have wanted.
 */
void loop_set_exact(struct loop *l, uint64_t spin_max_ns);

void loop_defer(struct loop *l, struct loop_task *t); /* deferred already: nothing */
void loop_task_cancel(struct loop *l, struct loop_task *t);

#endif
