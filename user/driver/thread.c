/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/privileges.h"
#include "driver/checks.h"

#define EVENTS_MAX 64

static void add_relaxed(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* --- requests ---------------------------------------------------------------------------------------------------------------- */

static void note_error(struct thread *t, const struct transfer *transfer)
{
	if (t->first_error_ns)
		return;
	t->first_error_ns = transfer->r.end_ns;
	transfer_describe(transfer, t->first_error, sizeof(t->first_error));
}

/* A record is whole: counts it and hands it on, once. */
static void finish_record(struct thread *t, struct record_request *r)
{
	const struct record_sink *sink = &t->env->config.sink;

	r->driver_thread = t->index;
	r->flags |= checks_slo(&t->env->plan->class_[r->class_index], r);
	if (r->end_ns > t->end_ns)
		t->end_ns = r->end_ns;
	if (tally_add(&t->tally, r))
		t->error = -ENOMEM;
	if (sink->request)
		sink->request(sink->ctx, r);
	add_relaxed(&t->progress.done, 1);
	if (record_outcome_is_failure((enum record_outcome)r->outcome))
		add_relaxed(&t->progress.failed, 1);
}

static void release(struct thread *t, struct transfer *transfer)
{
	transfer->next_free = t->free_transfers;
	t->free_transfers = transfer;
}

static void finish_transfer(struct thread *t, struct transfer *transfer)
{
	t->in_flight--;
	if (record_outcome_is_failure((enum record_outcome)transfer->r.outcome) && transfer->r.outcome != RECORD_CUT_SHORT)
		note_error(t, transfer);
	finish_record(t, &transfer->r);
	release(t, transfer);
	schedule_done(&t->schedule, &transfer->order, transfer->r.end_ns, transfer->r.sent_ns != 0);
}

static void on_done(void *ctx, CURL *easy, CURLcode code)
{
	struct thread *t = ctx;
	struct transfer *transfer = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
	transfer_done(transfer, code, clock_now_ns());
	finish_transfer(t, transfer);
}

static void on_closing(void *ctx, struct conn *conn)
{
	(void)ctx;
	transfer_conn_closing(conn->transfer);
}

static struct transfer *add_transfer(struct thread *t)
{
	struct transfer **table = reallocarray(t->transfer, t->transfers + 1, sizeof(struct transfer *));
	struct transfer *transfer;

	if (!table)
		return NULL;
	t->transfer = table;
	transfer = transfer_new(t->env, &t->pool, &t->tally, &t->pauses);
	if (transfer)
		t->transfer[t->transfers++] = transfer;
	return transfer;
}

/* The one used last: its group has a connection open. */
static struct transfer *take_transfer(struct thread *t)
{
	struct transfer *transfer = t->free_transfers;

	if (!transfer)
		return add_transfer(t);
	t->free_transfers = transfer->next_free;
	return transfer;
}

static uint64_t next_id(struct thread *t)
{
	return t->env->run_id | (t->sent++ * t->schedule.shards + t->schedule.shard + 1);
}

/* A request that never reached libcurl: no memory, or the run was cut short while it waited. */
static void finish_unsent(struct thread *t, const struct order *order, enum record_outcome outcome, uint64_t end_ns)
{
	const struct env_class *class_ = &t->env->class_[order->class_index];
	struct record_request r = {
		.id = next_id(t),
		.class_index = order->class_index,
		.stage_index = order->stage,
		.tenant = order->tenant,
		.outcome = (uint16_t)outcome,
		.due_ns = order->due_ns,
		.end_ns = end_ns,
		.flags = (order->due_ns < t->measured_from_ns ? (uint32_t)RECORD_WARMUP : 0) |
			 (class_->plan->stream ? (uint32_t)RECORD_STREAM : 0),
	};

	finish_record(t, &r);
	schedule_done(&t->schedule, order, end_ns, false);
}

static struct talk *talk_of(struct thread *t, const struct order *order)
{
	return order->user == ORDER_NO_USER ? NULL : &t->schedule.user[order->user].talk;
}

/* How long a client of this class waits for its whole answer; 0: for ever. */
static uint64_t patience_of(const struct plan_class *class_)
{
	return class_->leave_after_ns ? class_->leave_after_ns : class_->timeout_ns;
}

static void start_order(struct thread *t, const struct order *order)
{
	struct transfer *transfer = take_transfer(t);
	uint64_t now_ns = clock_now_ns();
	uint32_t flags = order->due_ns < t->measured_from_ns ? (uint32_t)RECORD_WARMUP : 0;

	if (!transfer) {
		t->error = -ENOMEM;
		finish_unsent(t, order, RECORD_OTHER, now_ns);
		return;
	}
	t->in_flight++;
	if (t->in_flight > t->in_flight_max)
		t->in_flight_max = t->in_flight;
	add_relaxed(&t->progress.sent, 1);
	if (transfer_start(transfer, order, talk_of(t, order), next_id(t), flags, now_ns)) {
		finish_transfer(t, transfer);
		return;
	}
	uint64_t patience_ns = patience_of(transfer->class_->plan);
	if (patience_ns)
		deadline_add(&t->timeouts[order->class_index], &transfer->timeout, now_ns + patience_ns);
}

/*
 * Sends all that is due, once: a fast gateway has answered by the time libcurl has sent, and one virtual user that goes round here
 * would keep all others from being read.
 */
static void dispatch(struct thread *t)
{
	uint64_t now_ns = clock_now_ns();
	struct order order;

	if (schedule_next_ns(&t->schedule) <= now_ns)
		schedule_tick(&t->schedule, now_ns);
	while (schedule_take(&t->schedule, t->in_flight, &order))
		start_order(t, &order);
	pool_run_timers(&t->pool, now_ns);
	atomic_store_explicit(&t->progress.in_flight, t->in_flight, memory_order_relaxed);
	atomic_store_explicit(&t->progress.queued, schedule_queued(&t->schedule), memory_order_relaxed);
}

/* --- deadlines --------------------------------------------------------------------------------------------------------------- */

#define TRANSFER_OF(deadline, member) ((struct transfer *)(void *)((char *)(deadline)-offsetof(struct transfer, member)))

static void expire(struct thread *t, uint64_t now_ns)
{
	struct deadline *d;

	for (uint32_t i = 0; i < t->env->plan->classes; i++) {
		while ((d = deadline_expired(&t->timeouts[i], now_ns))) {
			struct transfer *transfer = TRANSFER_OF(d, timeout);

			transfer_abort(transfer, t->env->plan->class_[i].leave_after_ns ? RECORD_LEFT : RECORD_TIMEOUT,
				       d->when_ns);
			finish_transfer(t, transfer);
		}
	}
	while ((d = deadline_expired(&t->pauses, now_ns)))
		transfer_resume(TRANSFER_OF(d, pause));
}

static uint64_t min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_wake_ns(const struct thread *t)
{
	uint64_t wake_ns = min_ns(schedule_next_ns(&t->schedule), min_ns(pool_next_ns(&t->pool), deadline_first_ns(&t->pauses)));

	for (uint32_t i = 0; i < t->env->plan->classes; i++)
		wake_ns = min_ns(wake_ns, deadline_first_ns(&t->timeouts[i]));
	return wake_ns;
}

/*
 * Arms the timer and returns epoll_wait's timeout. Time-outs move with every request: while the timer is armed for something earlier
 * it stays so and wakes the thread once in vain, which costs less than a system call for each request.
 */
static int arm_timer(struct thread *t)
{
	uint64_t wake_ns = next_wake_ns(t);
	struct itimerspec when = {0};
	uint64_t now_ns = clock_now_ns();

	if (wake_ns <= now_ns || schedule_can_take(&t->schedule, t->in_flight))
		return 0;
	if (wake_ns == UINT64_MAX || (t->armed_ns > now_ns && t->armed_ns <= wake_ns))
		return -1;
	when.it_value.tv_sec = (time_t)(wake_ns / NS_PER_S);
	when.it_value.tv_nsec = (long)(wake_ns % NS_PER_S);
	if (timerfd_settime(t->timer_fd, TFD_TIMER_ABSTIME, &when, NULL))
		return 1;
	t->armed_ns = wake_ns;
	return -1;
}

/* --- loop -------------------------------------------------------------------------------------------------------------------- */

static void drain_wake(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
}

static void handle_event(struct thread *t, const struct epoll_event *event)
{
	int fd = event->data.fd;

	if (fd == t->wake_fd)
		drain_wake(fd);
	else if (fd != t->timer_fd)
		pool_event(&t->pool, fd, event->events);
}

static void cut_short(struct thread *t)
{
	uint64_t now_ns = clock_now_ns();
	struct order order;

	t->cut_short = true;
	schedule_close(&t->schedule);
	for (unsigned i = 0; i < t->transfers; i++) {
		if (!t->transfer[i]->active)
			continue;
		transfer_abort(t->transfer[i], RECORD_CUT_SHORT, now_ns);
		finish_transfer(t, t->transfer[i]);
	}
	while (schedule_drop(&t->schedule, &order))
		finish_unsent(t, &order, RECORD_CUT_SHORT, now_ns);
}

static void loop(struct thread *t)
{
	struct epoll_event events[EVENTS_MAX];

	dispatch(t);
	while (!schedule_finished(&t->schedule) && !atomic_load_explicit(&t->stop, memory_order_relaxed)) {
		int n = epoll_wait(t->epoll_fd, events, EVENTS_MAX, arm_timer(t));

		dispatch(t); /* sends first: what is due does not wait for answers */
		for (int i = 0; i < n; i++) {
			handle_event(t, &events[i]);
			dispatch(t);
		}
		expire(t, clock_now_ns());
	}
	if (!schedule_finished(&t->schedule))
		cut_short(t);
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	uint64_t cpu_ns = clock_thread_cpu_ns();

	prctl(PR_SET_NAME, "toll-driver");
	privileges_none(); /* it reads what the gateway sends; without any it had none before */
	prctl(PR_SET_TIMERSLACK, 1UL); /* 50 µs otherwise: more than a gateway's whole overhead */
	loop(t);
	t->cpu_ns = clock_thread_cpu_ns() - cpu_ns;
	atomic_store(&t->progress.in_flight, 0);
	atomic_store(&t->progress.queued, 0);
	t->finished(t->ctx);
	return NULL;
}

/* --- life -------------------------------------------------------------------------------------------------------------------- */

static int watch(struct thread *t, int fd, uint32_t mask)
{
	struct epoll_event event = {.events = mask, .data.fd = fd};

	return epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_fds(struct thread *t)
{
	int r;

	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	t->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (t->epoll_fd < 0 || t->timer_fd < 0 || t->wake_fd < 0)
		return -errno;
	r = watch(t, t->timer_fd, EPOLLIN | EPOLLET); /* edges: it need not be read */
	return r ? r : watch(t, t->wake_fd, EPOLLIN);
}

int thread_init(struct thread *t, const struct env *env, const struct schedule_config *schedule)
{
	const struct pool_ops ops = {.ctx = t, .done = on_done, .closing = on_closing};
	int r;

	t->env = env;
	t->index = schedule->thread;
	t->measured_from_ns = schedule->start_ns + env->plan->warmup_ns;
	for (unsigned i = 0; i < PLAN_CLASSES_MAX; i++)
		deadline_list_init(&t->timeouts[i]);
	deadline_list_init(&t->pauses);
	r = open_fds(t);
	if (!r)
		r = pool_init(&t->pool, t->epoll_fd, &ops);
	if (!r)
		r = tally_init(&t->tally, env->plan);
	return r ? r : schedule_init(&t->schedule, schedule);
}

static void close_fd(int fd)
{
	if (fd > 0)
		close(fd);
}

void thread_fini(struct thread *t)
{
	for (unsigned i = 0; i < t->transfers; i++)
		transfer_free(t->transfer[i]);
	free(t->transfer);
	pool_fini(&t->pool);
	tally_fini(&t->tally);
	schedule_fini(&t->schedule);
	close_fd(t->wake_fd);
	close_fd(t->timer_fd);
	close_fd(t->epoll_fd);
}

int thread_start(struct thread *t)
{
	sigset_t all, before;
	int r;

	/* signals are the session's: the threads inherit a mask that blocks them */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&t->id, NULL, thread_main, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	t->running = !r;
	return -r;
}

void thread_join(struct thread *t)
{
	if (t->running)
		pthread_join(t->id, NULL);
	t->running = false;
}

void thread_wake(struct thread *t)
{
	uint64_t one = 1;

	if (write(t->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return;
}

void thread_stop(struct thread *t)
{
	atomic_store(&t->stop, true);
	thread_wake(t);
}
