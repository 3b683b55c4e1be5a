// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/cpu_quota.h"
#include "gateway/forward.h"

#define CACHE_BYTES ((size_t)64 << 20)
#define STOP_LOOK_NS (100 * NS_PER_MS)
#define THREADS_MAX 256
#define DB_POOL 10
#define DB_WAIT_NS (5 * NS_PER_S)

struct gateway {
	const struct gateway_config *config;
	struct http_listener *listener;
	struct upstream_target target[GATEWAY_UPSTREAMS_MAX];
	struct breaker breaker[GATEWAY_UPSTREAMS_MAX];
	unsigned upstreams;
	struct limiter limiter;
	struct cache *cache;
	int truth_fd;
	struct cpu_quota quota;
	char directory[PATH_MAX]; /* for files that plants need */
};

struct worker {
	struct gateway *gateway;
	struct loop *loop;
	struct http_server *server;
	struct mailbox box;
	struct loop *helper_loop; /* NULL: no plant hands off */
	struct mailbox helper_box;
	pthread_t thread, helper;
	bool started, helper_started;
	struct forward_shared shared;
};

static void *loop_thread(void *arg)
{
	loop_run(arg);
	return NULL;
}

static int helper_open(struct worker *w)
{
	int ret = loop_new(&w->helper_loop);

	if (!ret)
		ret = mailbox_open(&w->helper_box, w->helper_loop);
	if (!ret)
		ret = mailbox_open(&w->box, w->loop);
	if (ret)
		return ret;
	w->shared.place.box = &w->box;
	w->shared.place.helper_loop = w->helper_loop;
	w->shared.place.helper_box = &w->helper_box;
	ret = -pthread_create(&w->helper, NULL, loop_thread, w->helper_loop);
	w->helper_started = !ret;
	if (!ret)
		pthread_setname_np(w->helper, "gateway-helper");
	return ret;
}

/* What the plants need beside the worker's thread. */
static int plants_open(struct worker *w, unsigned index, struct err *err)
{
	const struct gateway_plants *plants = &w->gateway->config->plants;
	struct plant_site site = {.directory = w->gateway->directory, .thread = 2 * index};
	struct plant_place *place = &w->shared.place;

	place->plants = plants;
	place->loop = w->loop;
	int ret = plant_tools_open(&place->tools, plants, &site, err);
	if (!ret && gateway_plants_have(plants, GATEWAY_PLANT_HOG))
		ret = plant_hog_new(&place->hog, w->loop, err);
	if (ret || !gateway_plants_have(plants, GATEWAY_PLANT_HANDOFF))
		return ret;
	site.thread++;
	ret = plant_tools_open(&place->helper_tools, plants, &site, err);
	if (ret)
		return ret;
	ret = helper_open(w);
	return ret ? err_set(err, ret, "cannot start the thread that work is handed to: %s", strerror(-ret)) : 0;
}

static void plants_close(struct plant_place *place)
{
	plant_hog_free(place->hog);
	plant_tools_close(&place->tools);
	plant_tools_close(&place->helper_tools);
}

static int route_open(struct worker *w, struct gateway *g, uint64_t index)
{
	struct route *r = &w->shared.route;
	int ret = 0;

	r->retries = g->config->retries;
	r->backoff_ns = g->config->backoff_ns;
	r->attempt_ns = g->config->attempt_ns;
	r->unlimited = g->config->defects & GATEWAY_UNLIMITED_RETRIES;
	rng_init(&r->rng, 2, index);
	for (; r->count < g->upstreams && !ret; r->count += !ret) {
		struct route_upstream *u = &r->at[r->count];

		u->target = &g->target[r->count];
		u->breaker = &g->breaker[r->count];
		ret = upstream_pool_new(&u->pool, w->loop, u->target);
		if (!ret && (g->config->defects & GATEWAY_POOL_LEAK))
			upstream_pool_set_leaking(u->pool);
	}
	return ret;
}

static int db_open(struct worker *w, struct err *err)
{
	const struct gateway_config *config = w->gateway->config;
	const struct db_config db = {.conninfo = config->db,
				     .most = config->db_pool ? config->db_pool : DB_POOL,
				     .wait_ns = config->db_wait_ns ? config->db_wait_ns : DB_WAIT_NS,
				     .idle_ns = config->db_idle_ns,
				     .leaking = (config->defects & GATEWAY_POOL_LEAK) != 0};

	return db_new(&w->shared.db, w->loop, &db, err);
}

static int worker_open(struct worker *w, struct gateway *g, unsigned index, struct err *err)
{
	const struct http_server_config server = {
		.listener = g->listener,
		.callbacks = {.request = forward_request, .done = forward_done, .drained = forward_drained},
		.ctx = &w->shared,
	};

	w->gateway = g;
	int ret = loop_new(&w->loop);
	if (ret)
		return ret;
	truth_log_init(&w->shared.truth, g->truth_fd, w->loop);
	w->shared.limiter = g->config->keys || g->config->db ? &g->limiter : NULL;
	w->shared.defects = g->config->defects;
	w->shared.cache = g->cache;
	rng_init(&w->shared.rng, 1, index);
	if (g->config->plants.hoard.count) {
		w->shared.hoard = hoard_new(&g->config->plants.hoard, g->target[0].authority, index);
		if (!w->shared.hoard)
			return -ENOMEM;
	}
	ret = route_open(w, g, index);
	if (ret)
		return ret;
	if (g->config->redis && g->cache)
		ret = redis_new(&w->shared.redis, w->loop, g->config->redis, err);
	w->shared.redis_ttl_ns = g->config->redis_ttl_ns;
	if (!ret && g->config->db)
		ret = db_open(w, err);
	if (!ret)
		ret = plants_open(w, index, err);
	if (!ret)
		ret = http_server_new(&w->server, w->loop, &server);
	if (!ret)
		ret = -pthread_create(&w->thread, NULL, loop_thread, w->loop);
	w->started = !ret;
	if (!ret)
		pthread_setname_np(w->thread, "gateway-worker");
	return ret;
}

/*
 * The order matters: the server ends the requests, but those whose plants are in the helper thread live on until that has
 * ended too;
 * only then may the loops go, whose timers and tasks they use.
 */
static void worker_close(struct worker *w)
{
	if (!w->loop)
		return;
	loop_stop(w->loop);
	if (w->started)
		pthread_join(w->thread, NULL);
	http_server_free(w->server);
	if (w->helper_started) {
		loop_stop(w->helper_loop);
		pthread_join(w->helper, NULL);
	}
	forward_free_all(&w->shared);
	redis_free(w->shared.redis);
	db_free(w->shared.db);
	for (unsigned i = 0; i < w->shared.route.count; i++)
		upstream_pool_free(w->shared.route.at[i].pool);
	hoard_free(w->shared.hoard);
	truth_log_fini(&w->shared.truth);
	mailbox_close(&w->box);
	mailbox_close(&w->helper_box);
	plants_close(&w->shared.place);
	if (w->helper_loop)
		loop_free(w->helper_loop);
	loop_free(w->loop);
}

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
	const struct http_listen_config listen = {
		.listen = config->listen, .backlog = config->backlog, .tls_cert = config->tls_cert, .tls_key = config->tls_key};

	*g = (struct gateway){.config = config, .truth_fd = -1};
	directory_choose(g);
	int ret = upstreams_open(g, err);
	if (!ret && config->keys && config->db)
		ret = err_set(err, -EINVAL, "--keys and --db both say which API keys may call: give one of them");
	if (!ret && (config->keys || config->db))
		ret = limiter_init(&g->limiter, config->keys, config->defects & GATEWAY_UNFAIR_LIMITER, err);
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
	for (unsigned i = 0; i < g->upstreams; i++) {
		breaker_fini(&g->breaker[i]);
		upstream_target_close(&g->target[i]);
	}
}

/* Signals are the calling thread's: it sleeps, the workers do not. */
static int workers_open(struct worker *workers, unsigned count, struct gateway *g, struct err *err)
{
	sigset_t all, before;
	int ret = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < count && !ret; i++)
		ret = worker_open(&workers[i], g, i, err);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static int gateway_serve(struct gateway *g, struct err *err)
{
	const struct gateway_config *config = g->config;
	unsigned count = config->threads ? config->threads : 1;

	if (count > THREADS_MAX)
		return err_set(err, -EINVAL, "%u threads are more than the gateway's limit of %d", count, THREADS_MAX);
	struct worker *workers = calloc(count, sizeof(*workers));
	if (!workers)
		return err_set(err, -ENOMEM, "out of memory for the gateway's workers");
	int ret = workers_open(workers, count, g, err);
	if (ret)
		err_set(err, ret, "cannot start the gateway's workers: %s", strerror(-ret));
	else
		ret = quota_open(g, err);
	if (!ret && config->listening)
		config->listening(config->ctx, http_listener_port(g->listener));
	while (!ret && !*config->stop)
		clock_sleep_until(clock_now_ns() + STOP_LOOK_NS, config->stop);
	for (unsigned i = 0; i < count; i++)
		worker_close(&workers[i]);
	cpu_quota_clear(&g->quota);
	free(workers);
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
