/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/driver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/env.h"
#include "driver/thread.h"

#define OTHER_FDS 256 /* what the rest of the program may have open */

struct driver {
	struct env env;
	struct stage_clock clock;
	struct thread *thread;
	unsigned threads, initialised;
	int done_fd, before_fd;
	_Atomic uint32_t before; /* the stage that waits for its actions */
	uint64_t start_ns;
	_Atomic unsigned running;
	_Atomic uint64_t finished_ns;
	_Atomic bool stopped;
	struct tally tally; /* of all threads, once they are joined */
	struct driver_stats stats;
};

/* --- start ------------------------------------------------------------------------------------------------------------------- */

/* Connections that virtual users need at once. */
static double users_max(const struct plan *plan)
{
	double most = 0;

	for (uint32_t i = 0; i < plan->stages; i++) {
		const struct plan_stage *stage = &plan->stage[i];
		double users = stage->from > stage->to ? stage->from : stage->to;

		if (stage->loop == PLAN_CLOSED && users > most)
			most = users;
	}
	return most;
}

/* Each connection is an fd: takes what the hard limit allows, for the usual soft limit of 1,024 is less than a stress test needs. */
static int raise_fd_limit(const struct plan *plan, struct err *err)
{
	double wanted = users_max(plan) + OTHER_FDS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) || (double)limit.rlim_cur >= wanted)
		return 0;
	return err_set(err, -EMFILE,
		       "scenario %s needs %.0f open files (a connection for each virtual user) but this process may have %llu; "
		       "raise the limit with: ulimit -n %.0f",
		       plan->name, wanted, (unsigned long long)limit.rlim_cur, wanted);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int driver_new(struct driver **out, const struct driver_config *config, struct err *err)
{
	struct driver *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_set(err, -ENOMEM, "no memory for the load driver");
	d->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	d->before_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	d->threads = config->threads ? config->threads : 1;
	d->thread = calloc(d->threads, sizeof(*d->thread));
	if (d->done_fd < 0 || d->before_fd < 0 || !d->thread || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		close_fd(d->done_fd);
		close_fd(d->before_fd);
		free(d->thread);
		free(d);
		return err_set(err, -ENOMEM, "the load driver could not be set up: no memory or no free file descriptor");
	}
	r = raise_fd_limit(config->plan, err);
	if (!r)
		r = env_init(&d->env, config, err);
	if (r) {
		driver_free(d);
		return r;
	}
	*out = d;
	return 0;
}

static void wake_all(void *ctx)
{
	struct driver *d = ctx;

	for (unsigned i = 0; i < d->threads; i++)
		thread_wake(&d->thread[i]);
}

static void before_stage(void *ctx, uint32_t stage)
{
	struct driver *d = ctx;
	uint64_t one = 1;

	atomic_store(&d->before, stage);
	if (write(d->before_fd, &one, sizeof(one)) < 0)
		return;
}

static void one_finished(void *ctx)
{
	struct driver *d = ctx;
	uint64_t one = 1;

	if (atomic_fetch_sub(&d->running, 1) != 1)
		return;
	atomic_store(&d->finished_ns, clock_now_ns());
	if (write(d->done_fd, &one, sizeof(one)) < 0)
		return;
}

static int init_threads(struct driver *d, struct err *err)
{
	const struct driver_config *config = &d->env.config;
	struct schedule_config schedule = {
		.plan = d->env.plan,
		.clock = &d->clock,
		.threads = d->threads,
		.shard = config->shard,
		.shards = config->shards,
		.start_ns = d->start_ns,
	};

	for (; d->initialised < d->threads; d->initialised++) {
		struct thread *t = &d->thread[d->initialised];
		int r;

		schedule.thread = d->initialised;
		r = thread_init(t, &d->env, &schedule);
		t->finished = one_finished;
		t->ctx = d;
		if (r) {
			thread_fini(t);
			return err_set(err, r, "driver thread %u could not be set up: %s", d->initialised, strerror(-r));
		}
	}
	return 0;
}

int driver_start(struct driver *d, uint64_t start_ns, struct err *err)
{
	int r;

	d->start_ns = start_ns;
	stage_clock_init(&d->clock, d->env.plan, start_ns, d->threads);
	d->clock.stage_known = wake_all;
	d->clock.before = before_stage;
	d->clock.ctx = d;
	r = init_threads(d, err);
	if (r)
		return r;
	atomic_store(&d->running, d->threads);
	for (unsigned i = 0; i < d->threads; i++) {
		r = thread_start(&d->thread[i]);
		if (r) {
			atomic_fetch_sub(&d->running, d->threads - i - 1); /* this one and the rest never run ... */
			one_finished(d);
			driver_stop(d);
			return err_set(err, r, "driver thread %u could not be started: %s", i, strerror(-r));
		}
	}
	return 0;
}

/* --- while it runs ----------------------------------------------------------------------------------------------------------- */

static uint64_t read_relaxed(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void driver_progress(const struct driver *d, struct driver_progress *out)
{
	uint64_t finished_ns = atomic_load(&d->finished_ns);
	uint64_t now_ns = finished_ns ? finished_ns : clock_now_ns();

	*out = (struct driver_progress){.finished = finished_ns != 0};
	out->elapsed_ns = d->start_ns && now_ns > d->start_ns ? now_ns - d->start_ns : 0;
	for (unsigned i = 0; i < d->initialised; i++) {
		const struct thread_progress *p = &d->thread[i].progress;

		out->sent += read_relaxed(&p->sent);
		out->done += read_relaxed(&p->done);
		out->failed += read_relaxed(&p->failed);
		out->in_flight += read_relaxed(&p->in_flight);
		out->queued += read_relaxed(&p->queued);
	}
}

int driver_done_fd(const struct driver *d)
{
	return d->done_fd;
}

void driver_stop(struct driver *d)
{
	atomic_store(&d->stopped, true);
	for (unsigned i = 0; i < d->initialised; i++)
		thread_stop(&d->thread[i]);
}

/* --- end --------------------------------------------------------------------------------------------------------------------- */

static int merge_tally(struct tally *into, const struct tally *from)
{
	int r = request_stats_merge(&into->total, &from->total);

	if (!r)
		r = request_stats_merge(&into->warmup, &from->warmup);
	for (uint32_t i = 0; !r && i < into->classes; i++)
		r = request_stats_merge(&into->class_[i], &from->class_[i]);
	for (uint32_t i = 0; !r && i < into->stages; i++)
		r = request_stats_merge(&into->stage[i], &from->stage[i]);
	return r;
}

static void merge_counts(struct driver *d, uint64_t *first_error_ns)
{
	struct driver_stats *s = &d->stats;

	for (unsigned i = 0; i < d->threads; i++) {
		const struct thread *t = &d->thread[i];

		s->due += t->schedule.due;
		s->queue_max += t->schedule.queue_max;
		s->in_flight_max += t->in_flight_max;
		s->connections += t->pool.connections;
		s->cpu_ns += t->cpu_ns;
		s->cut_short = s->cut_short || t->cut_short;
		if (t->end_ns > s->end_ns)
			s->end_ns = t->end_ns;
		if (t->first_error_ns && t->first_error_ns < *first_error_ns) {
			*first_error_ns = t->first_error_ns;
			snprintf(s->first_error, sizeof(s->first_error), "%s", t->first_error);
		}
	}
}

static int merge_threads(struct driver *d)
{
	struct driver_stats *s = &d->stats;
	uint64_t first_error_ns = UINT64_MAX;
	int r = tally_init(&d->tally, d->env.plan);

	merge_counts(d, &first_error_ns);
	s->schedule_lag = hist_new();
	if (!r && !s->schedule_lag)
		r = -ENOMEM;
	for (unsigned i = 0; i < d->threads; i++) {
		if (!r)
			r = hist_merge(s->schedule_lag, d->thread[i].schedule.lag);
		if (!r)
			r = d->thread[i].error ? d->thread[i].error : d->thread[i].schedule.error;
		if (!r)
			r = merge_tally(&d->tally, &d->thread[i].tally);
	}
	s->start_ns = d->start_ns + d->env.plan->warmup_ns;
	s->total = d->tally.total; /* the tally keeps owning them */
	s->warmup = d->tally.warmup;
	s->classes = d->tally.classes;
	s->stages = d->tally.stages;
	memcpy(s->class_, d->tally.class_, sizeof(s->class_));
	memcpy(s->stage, d->tally.stage, sizeof(s->stage));
	return r;
}

uint32_t driver_stage(const struct driver *d)
{
	return stage_clock_stage(&d->clock, d->env.plan, clock_now_ns());
}

void driver_skip_to(struct driver *d, uint32_t stage)
{
	stage_clock_skip(&d->clock, stage, clock_now_ns());
}

int driver_before_fd(const struct driver *d)
{
	return d->before_fd;
}

uint32_t driver_before(const struct driver *d)
{
	return atomic_load(&d->before);
}

void driver_go(struct driver *d, uint32_t stage)
{
	stage_clock_go(&d->clock, stage, clock_now_ns());
}

int driver_finish(struct driver *d, const struct driver_stats **out, struct err *err)
{
	int r;

	if (d->initialised < d->threads)
		return err_set(err, -EINVAL, "the load driver was never started");
	for (unsigned i = 0; i < d->threads; i++)
		thread_join(&d->thread[i]);
	r = merge_threads(d);
	if (r)
		return err_set(err, r, "the driver ran out of memory for its statistics; some requests are not counted");
	*out = &d->stats;
	return 0;
}

void driver_free(struct driver *d)
{
	if (!d)
		return;
	driver_stop(d);
	for (unsigned i = 0; i < d->initialised; i++)
		thread_join(&d->thread[i]);
	for (unsigned i = 0; i < d->initialised; i++)
		thread_fini(&d->thread[i]);
	tally_fini(&d->tally);
	hist_free(d->stats.schedule_lag);
	env_fini(&d->env);
	close_fd(d->done_fd);
	close_fd(d->before_fd);
	free(d->thread);
	free(d);
	curl_global_cleanup();
}
