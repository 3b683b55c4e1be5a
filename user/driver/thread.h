/* SPDX-License-Identifier: GPL-2.0-only */
/* One driver thread: its epoll, its timer, its transfers; the schedule tells it what to send. */
#ifndef TOLL_DRIVER_THREAD_H
#define TOLL_DRIVER_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "driver/env.h"
#include "driver/pool.h"
#include "driver/schedule.h"
#include "driver/tally.h"
#include "driver/transfer.h"

/* Written by the thread, read by any. */
struct thread_progress {
	_Atomic uint64_t sent, done, failed, in_flight, queued;
};

struct thread {
	const struct env *env;
	unsigned index, threads;
	pthread_t id;
	bool running;
	int epoll_fd, timer_fd, wake_fd;
	_Atomic bool stop;
	struct thread_progress progress;
	/* the thread's own; the driver reads them after it has joined */
	struct schedule schedule;
	struct pool pool;
	struct tally tally;
	struct transfer **transfer;
	unsigned transfers;
	struct transfer *free_transfers;
	struct deadline_list timeouts[PLAN_CLASSES_MAX];
	struct deadline_list pauses;
	uint64_t in_flight, in_flight_max, sent;
	uint64_t armed_ns; /* timer_fd; 0: not armed */
	uint64_t end_ns, cpu_ns;
	uint64_t measured_from_ns; /* end of the warm-up */
	bool cut_short;
	uint64_t first_error_ns;
	char first_error[256];
	int error;
	void (*finished)(void *ctx);
	void *ctx;
};

int thread_init(struct thread *t, const struct env *env, const struct schedule_config *schedule);
void thread_fini(struct thread *t);
int thread_start(struct thread *t); /* -errno */
void thread_join(struct thread *t);
/* Any thread: look at the stage clock and at stop again. */
void thread_wake(struct thread *t);
void thread_stop(struct thread *t);

#endif
