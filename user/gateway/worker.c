// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/worker.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

#define DB_POOL 10
#define DB_WAIT_NS (5 * NS_PER_S)
#define LEAVE_LOOK_NS (20 * NS_PER_MS)
#define LEAVE_NS NS_PER_S

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

/* Clients that keep their connections without a word are left after a while. */
static void on_leaving(struct loop_timer *timer)
{
	struct worker *w = timer->ctx;
	uint64_t now_ns = clock_now_ns();

	if (now_ns >= w->leave_ns)
		http_server_end_idle(w->server);
	if (!http_server_connections(w->server) && !(w->shared.billing && billing_waiting(w->shared.billing))) {
		loop_stop(w->loop);
		return;
	}
	loop_timer_set(w->loop, &w->leaving, now_ns + LEAVE_LOOK_NS);
}

static void on_retire(struct mail *m)
{
	struct worker *w = m->ctx;

	http_server_retire(w->server);
	w->leave_ns = clock_now_ns() + LEAVE_NS;
	on_leaving(&w->leaving);
}

void worker_retire(struct worker *w)
{
	mailbox_post(&w->box, &w->retire);
}

uint64_t worker_cpu_ns(const struct worker *w)
{
	struct timespec spent;
	clockid_t clock;

	if (pthread_getcpuclockid(w->thread, &clock) || clock_gettime(clock, &spent))
		return 0;
	return (uint64_t)spent.tv_sec * NS_PER_S + (uint64_t)spent.tv_nsec;
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;

	loop_run(w->loop);
	atomic_store(&w->ended, true);
	return NULL;
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

static int billing_open(struct worker *w)
{
	const struct gateway_config *config = w->gateway->config;
	const struct billing_config billing = {.target = &w->gateway->billing,
					       .queue = config->billing_queue,
					       .stalling = (config->defects & GATEWAY_BILLING_STALLS) != 0};

	return billing_new(&w->shared.billing, w->loop, &billing);
}

int worker_open(struct worker *w, struct gateway *g, unsigned index, struct err *err)
{
	w->gateway = g;
	w->retire = (struct mail){.deliver = on_retire, .ctx = w};
	w->leaving = (struct loop_timer){.fire = on_leaving, .ctx = w};
	int ret = loop_new(&w->loop);
	if (!ret)
		ret = mailbox_open(&w->box, w->loop);
	if (ret)
		return ret;
	truth_log_init(&w->shared.truth, g->truth_fd, w->loop);
	w->shared.limiter = g->config->keys || g->config->db ? &g->limiter : NULL;
	w->shared.defects = g->config->defects;
	w->shared.overhead_header = g->config->overhead_header;
	w->shared.cache = g->cache;
	w->shared.metrics = &g->metrics;
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
	if (!ret && g->config->billing)
		ret = billing_open(w);
	if (!ret)
		ret = plants_open(w, index, err);
	return ret;
}

int worker_start(struct worker *w)
{
	const struct http_server_config server = {
		.listener = w->gateway->listener,
		.callbacks = {.request = forward_request, .done = forward_done, .drained = forward_drained},
		.ctx = &w->shared,
	};

	int ret = http_server_new(&w->server, w->loop, &server);
	if (!ret)
		ret = -pthread_create(&w->thread, NULL, worker_thread, w);
	w->started = !ret;
	if (!ret)
		pthread_setname_np(w->thread, "gateway-worker");
	return ret;
}

static void billing_close(struct billing *b)
{
	uint64_t dropped = b ? billing_dropped(b) : 0;

	if (dropped)
		log_line(LOG_WARN, "the billing service was not told of %llu requests: the queue was full, or it refused them",
			 (unsigned long long)dropped);
	billing_free(b);
}

/*
 * The order matters: the server ends the requests, but those whose plants are in the helper thread live on until that has
 * ended too;
 * only then may the loops go, whose timers and tasks they use.
 */
void worker_close(struct worker *w)
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
	billing_close(w->shared.billing);
	loop_timer_cancel(w->loop, &w->leaving);
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
	memset(w, 0, sizeof(*w));
}
