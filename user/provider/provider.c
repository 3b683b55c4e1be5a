/* SPDX-License-Identifier: GPL-2.0-only */
#include "provider/provider.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/privileges.h"
#include "provider/job.h"

#define THREADS_MAX 256
#define SPIN_MAX_NS (100 * NS_PER_US)
#define STOP_POLL_NS (20 * NS_PER_MS)

struct thread {
	struct worker worker;
	struct http_server *server;
	pthread_t id;
	bool started;
	int ret;
};

struct provider {
	const struct provider_config *config;
	struct behaviour behaviour;
	struct faults faults;
	struct http_listener *listener;
	struct thread *thread;
	unsigned threads;
};

static int behaviour_parse_one(struct distribution **out, const char *text, const char *what, struct err *err)
{
	struct err why = {0};
	if (!text[0])
		return 0;
	int ret = distribution_parse(out, text, &why);
	return ret ? err_set(err, ret, "provider's %s: %s", what, why.text) : 0;
}

static int behaviour_parse(struct behaviour *b, const struct provider_config *config, struct err *err)
{
	const struct plan_provider *plan = &config->behaviour;
	b->plan = plan;
	b->upstream_index = config->upstream_index;
	int ret = behaviour_parse_one(&b->service, plan->service_time[0] ? plan->service_time : "0", "service time", err);
	if (!ret)
		ret = behaviour_parse_one(&b->first_token, plan->first_token_time, "first token time", err);
	if (!ret)
		ret = behaviour_parse_one(&b->inter_token, plan->inter_token_time, "inter-token time", err);
	return ret;
}

static void behaviour_fini(struct behaviour *b)
{
	distribution_free(b->service);
	distribution_free(b->first_token);
	distribution_free(b->inter_token);
}

static int thread_init(struct provider *p, unsigned i)
{
	struct thread *t = &p->thread[i];
	struct worker *w = &t->worker;
	int ret = loop_new(&w->loop);
	if (ret)
		return ret;
	if (p->config->exact_hold)
		loop_set_exact(w->loop, SPIN_MAX_NS);
	w->behaviour = &p->behaviour;
	w->faults = &p->faults;
	w->answers = (uint64_t)i << 48; /* ids of the threads' answers do not meet */
	rng_init(&w->rng, p->config->seed, i);
	arrivals_init(&w->arrivals, w->loop, p->config->log_fd, &p->config->sink);
	struct http_server_config config = {.listener = p->listener, .callbacks = job_callbacks, .ctx = w};
	return http_server_new(&t->server, w->loop, &config);
}

static void thread_close(struct thread *t)
{
	if (!t->server)
		return;
	http_server_free(t->server);
	arrivals_fini(&t->worker.arrivals);
	t->server = NULL;
}

/* Closes in the thread itself, where loop_run() has blocked SIGPIPE: the log's reader may be gone. */
static void *thread_main(void *arg)
{
	struct thread *t = arg;
	t->ret = loop_run(t->worker.loop);
	thread_close(t);
	return NULL;
}

/* Signals are the calling thread's: it waits for the stop that they bring. */
static int threads_start(struct provider *p)
{
	sigset_t all, before;
	int ret = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < p->threads && !ret; i++) {
		ret = -pthread_create(&p->thread[i].id, NULL, thread_main, &p->thread[i]);
		p->thread[i].started = !ret;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static int threads_init(struct provider *p)
{
	p->threads = p->config->threads ? p->config->threads : 1;
	p->threads = p->threads < THREADS_MAX ? p->threads : THREADS_MAX;
	p->thread = calloc(p->threads, sizeof(*p->thread));
	if (!p->thread)
		return -ENOMEM;
	int ret = 0;
	for (unsigned i = 0; i < p->threads && !ret; i++)
		ret = thread_init(p, i);
	return ret;
}

/* Stops, ends what is open as aborted, writes the log out. Returns the first failure of a thread and how many records were lost. */
static int threads_fini(struct provider *p, uint64_t *lost)
{
	int ret = 0;
	for (unsigned i = 0; i < p->threads && p->thread; i++)
		if (p->thread[i].started)
			loop_stop(p->thread[i].worker.loop);
	for (unsigned i = 0; i < p->threads && p->thread; i++) {
		struct thread *t = &p->thread[i];
		if (t->started)
			pthread_join(t->id, NULL);
		thread_close(t); /* one that never ran */
		*lost += t->worker.arrivals.lost;
		ret = ret ? ret : t->ret;
		buf_fini(&t->worker.text);
		buf_fini(&t->worker.spare);
		loop_free(t->worker.loop);
	}
	free(p->thread);
	return ret;
}

/* Many thousand connections: the soft limit of open files is often 1024. */
static void raise_file_limit(void)
{
	struct rlimit limit;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The run's time 0 comes as eight bytes; without a descriptor it is now. */
static bool start_read(struct provider *p)
{
	uint64_t start_ns = clock_now_ns();
	if (p->config->start_fd >= 0 && read(p->config->start_fd, &start_ns, sizeof(start_ns)) != (ssize_t)sizeof(start_ns))
		return false;
	faults_start(&p->faults, start_ns);
	return true;
}

static void wait_for_stop(struct provider *p)
{
	const volatile int *stop = p->config->stop;
	bool started = false;
	while (!*stop) {
		started = started || start_read(p);
		clock_sleep_until(clock_now_ns() + STOP_POLL_NS, stop);
	}
}

static int provider_open(struct provider *p, struct err *err)
{
	const struct provider_config *config = p->config;
	int ret = behaviour_parse(&p->behaviour, config, err);
	if (ret)
		return ret;
	if (config->log_fd >= 0 && (ret = arrivals_prepare(config->log_fd)))
		return err_set(err, ret, "cannot write the arrival log to descriptor %d: %s", config->log_fd, strerror(-ret));
	raise_file_limit();
	struct http_listen_config listen = {.listen = config->listen, .tls_cert = config->tls_cert, .tls_key = config->tls_key};
	ret = http_listener_open(&p->listener, &listen, err);
	if (!ret && (ret = threads_init(p)))
		err_set(err, ret, "cannot set up the provider's threads: %s", strerror(-ret));
	return ret;
}

static int provider_serve(struct provider *p, struct err *err)
{
	privileges_none(); /* key, port and files are open: from here on it reads what clients send */
	int ret = threads_start(p);
	if (ret)
		return err_set(err, ret, "cannot start the provider's threads: %s", strerror(-ret));
	if (p->config->listening)
		p->config->listening(p->config->ctx, http_listener_port(p->listener));
	wait_for_stop(p);
	return 0;
}

int provider_run(const struct provider_config *config, struct err *err)
{
	struct provider p = {.config = config};
	uint64_t lost = 0;
	faults_init(&p.faults, &config->behaviour);
	int ret = provider_open(&p, err);
	if (!ret)
		ret = provider_serve(&p, err);
	int failed = threads_fini(&p, &lost);
	if (failed && !ret)
		ret = err_set(err, failed, "a thread of the provider ended early: %s", strerror(-failed));
	if (lost)
		log_line(LOG_WARN, "the arrival log lost %" PRIu64 " records: its reader was gone or too slow", lost);
	http_listener_close(p.listener);
	behaviour_fini(&p.behaviour);
	faults_fini(&p.faults);
	return ret;
}
