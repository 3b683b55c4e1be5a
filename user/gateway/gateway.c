// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/scaling.h"
#include "gateway/worker.h"

#define CACHE_BYTES ((size_t)64 << 20)
#define STOP_LOOK_NS (100 * NS_PER_MS)
#define THREADS_MAX 256
#define SCALE_NS NS_PER_S

/* A plant's file goes beside the truth log, or where temporary files are on a disk. */
static void directory_choose(struct gateway *g)
{
	const char *log = g->config->truth_path, *slash = log ? strrchr(log, '/') : NULL;

	if (slash)
		snprintf(g->directory, sizeof(g->directory), "%.*s", (int)(slash - log + 1), log);
	else
		snprintf(g->directory, sizeof(g->directory), "%s", log ? "." : "/var/tmp");
}

/* Last: what was started before it (a neighbour) is not to live under it. */
static int quota_open(struct gateway *g, struct err *err)
{
	const struct gateway_plants *plants = &g->config->plants;

	for (unsigned i = 0; i < plants->count; i++)
		if (plants->plant[i].kind == GATEWAY_PLANT_QUOTA)
			return cpu_quota_set(&g->quota, plants->plant[i].amount, plants->plant[i].second, err);
	return 0;
}

/* A label ("a=") is the operator's word for it: nothing here needs it. */
static const char *url_of(const char *word)
{
	const char *equals = strchr(word, '='), *colon = strchr(word, ':');

	return equals && colon && equals < colon ? equals + 1 : word;
}

static int upstreams_open(struct gateway *g, struct err *err)
{
	const struct gateway_config *config = g->config;
	unsigned failures = config->defects & GATEWAY_BREAKER_NEVER_OPENS ? 0 : config->breaker_failures;
	char word[512];

	for (const char *at = config->upstream;; at++) {
		size_t n = strcspn(at, ",");
		int ret;

		snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), at);
		if (g->upstreams == GATEWAY_UPSTREAMS_MAX)
			return err_set(err, -E2BIG, "--upstream: more than %d upstreams", GATEWAY_UPSTREAMS_MAX);
		ret = upstream_target_open(&g->target[g->upstreams], url_of(word), config->upstream_insecure, err);
		if (ret)
			return ret;
		breaker_init(&g->breaker[g->upstreams++], failures, config->breaker_open_ns);
		at += n;
		if (!*at)
			return 0;
	}
}

static int gateway_open(struct gateway *g, const struct gateway_config *config, struct err *err)
{
	*g = (struct gateway){.config = config, .truth_fd = -1};
	directory_choose(g);
	int ret = upstreams_open(g, err);
	if (!ret && config->keys && config->db)
		ret = err_set(err, -EINVAL, GATEWAY_KEYS_VARIABLE " and --db both say which API keys may call: give one of them");
	if (!ret && (config->keys || config->db))
		ret = limiter_init(&g->limiter, config->keys, config->defects & GATEWAY_UNFAIR_LIMITER, err);
	if (!ret && config->billing)
		ret = upstream_target_open(&g->billing, config->billing, false, err);
	if (ret)
		return ret;
	if (config->truth_path) {
		g->truth_fd = open(config->truth_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
		if (g->truth_fd < 0) {
			int e = errno;
			return err_set(err, -e, "cannot write the truth log %s: %s", config->truth_path, strerror(e));
		}
	}
	if (config->cache) {
		g->cache = cache_new(config->cache_bytes ? config->cache_bytes : CACHE_BYTES, config->cache_ttl_ns);
		if (!g->cache)
			return err_set(err, -ENOMEM, "out of memory for the gateway's cache");
	}
	return 0;
}

static int listener_open(struct gateway *g, struct err *err)
{
	const struct gateway_config *config = g->config;
	const struct http_listen_config listen = {
		.listen = config->listen, .backlog = config->backlog, .tls_cert = config->tls_cert, .tls_key = config->tls_key};

	return http_listener_open(&g->listener, &listen, err);
}

static void gateway_close(struct gateway *g)
{
	if (g->listener)
		http_listener_close(g->listener);
	cache_free(g->cache);
	if (g->truth_fd >= 0)
		close(g->truth_fd);
	limiter_fini(&g->limiter);
	upstream_target_close(&g->billing);
	for (unsigned i = 0; i < g->upstreams; i++) {
		breaker_fini(&g->breaker[i]);
		upstream_target_close(&g->target[i]);
	}
}

/*
 * Signals are the calling thread's: it sleeps, the workers do not. Nobody can connect before all that the first workers need is there: who
 * sees the gateway listen may look for its processes, and a plant's that is still being made is one of them.
 */
static int workers_open(struct worker *workers, unsigned first, unsigned count, struct gateway *g, struct err *err)
{
	sigset_t all, before;
	int ret = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < count && !ret; i++)
		ret = worker_open(&workers[i], g, first + i, err);
	if (!ret && !g->listener)
		ret = listener_open(g, err);
	for (unsigned i = 0; i < count && !ret; i++)
		ret = worker_start(&workers[i]);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

/* The workers that there are now, and those that may come. */
struct crew {
	struct worker *worker;
	unsigned room, least, working; /* those from `least` on come and go, the last one first */
	uint64_t *cpu_ns; /* of each at the last look */
	uint64_t look_ns;
	struct scaling scaling;
};

/* Busy, of the workers that work: 0 to 1 each. */
static double crew_busy(struct crew *c, uint64_t now_ns)
{
	double busy = 0;

	for (unsigned i = 0; i < c->working; i++) {
		uint64_t cpu_ns = worker_cpu_ns(&c->worker[i]);

		busy += cpu_ns > c->cpu_ns[i] ? (double)(cpu_ns - c->cpu_ns[i]) / (double)(now_ns - c->look_ns) : 0;
		c->cpu_ns[i] = cpu_ns;
	}
	c->look_ns = now_ns;
	return busy;
}

/* One that has retired must be gone before another takes its place. */
static void crew_scale(struct crew *c, struct gateway *g)
{
	uint64_t now_ns = clock_now_ns(), every_ns = g->config->scale_ns ? g->config->scale_ns : SCALE_NS;
	struct err err = {0};

	for (unsigned i = c->working; i < c->room; i++)
		if (c->worker[i].started && atomic_load(&c->worker[i].ended))
			worker_close(&c->worker[i]);
	if (c->room == c->least || now_ns - c->look_ns < every_ns)
		return;
	int step = scaling_step(&c->scaling, crew_busy(c, now_ns), c->working);
	if (step > 0 && c->working < c->room && !c->worker[c->working].loop) {
		c->cpu_ns[c->working] = 0;
		if (workers_open(&c->worker[c->working], c->working, 1, g, &err))
			worker_close(&c->worker[c->working]);
		else
			c->working++;
	} else if (step < 0 && c->working > c->least) {
		worker_retire(&c->worker[--c->working]);
	}
}

static int crew_open(struct crew *c, struct gateway *g, struct err *err)
{
	const struct gateway_config *config = g->config;

	*c = (struct crew){.least = config->threads ? config->threads : 1, .look_ns = clock_now_ns()};
	c->room = config->threads_max > c->least ? config->threads_max : c->least;
	if (c->room > THREADS_MAX)
		return err_set(err, -EINVAL, "%u threads are more than the gateway's limit of %d", c->room, THREADS_MAX);
	c->worker = calloc(c->room, sizeof(*c->worker));
	c->cpu_ns = calloc(c->room, sizeof(*c->cpu_ns));
	if (!c->worker || !c->cpu_ns)
		return err_set(err, -ENOMEM, "out of memory for the gateway's workers");
	c->working = c->least;
	int ret = workers_open(c->worker, 0, c->least, g, err);
	return ret ? err_set(err, ret, "cannot start the gateway's workers: %s", strerror(-ret)) : 0;
}

static void crew_close(struct crew *c)
{
	for (unsigned i = 0; c->worker && i < c->room; i++)
		worker_close(&c->worker[i]);
	free(c->worker);
	free(c->cpu_ns);
}

static int gateway_serve(struct gateway *g, struct err *err)
{
	const struct gateway_config *config = g->config;
	struct crew crew;
	int ret = crew_open(&crew, g, err);

	if (!ret)
		ret = quota_open(g, err);
	if (!ret && config->listening)
		config->listening(config->ctx, http_listener_port(g->listener));
	while (!ret && !*config->stop) {
		clock_sleep_until(clock_now_ns() + STOP_LOOK_NS, config->stop);
		crew_scale(&crew, g);
	}
	crew_close(&crew);
	cpu_quota_clear(&g->quota);
	return ret;
}

int gateway_run(const struct gateway_config *config, struct err *err)
{
	struct gateway g;

	int ret = gateway_open(&g, config, err);
	if (!ret)
		ret = gateway_serve(&g, err);
	gateway_close(&g);
	return ret;
}
