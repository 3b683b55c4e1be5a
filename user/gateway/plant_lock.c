// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lock that somebody else holds: a thread that has the mutex between requests, keeps it for the time of the plant once a request
 * wants it, and takes it again when that request has had it.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/plant_tool.h"

struct plant_lock {
	pthread_mutex_t lock;
	pthread_t thread;
	sem_t held; /* the holder has it */
	sem_t wanted, had; /* a request wants it, has had it */
	uint64_t hold_ns;
	uint64_t released_ns;
	bool ended;
};

static void *holder(void *arg)
{
	struct plant_lock *l = arg;

	for (;;) {
		pthread_mutex_lock(&l->lock);
		sem_post(&l->held);
		sem_wait(&l->wanted);
		if (!l->ended)
			clock_sleep_until(clock_now_ns() + l->hold_ns, NULL);
		l->released_ns = clock_now_ns();
		pthread_mutex_unlock(&l->lock);
		if (l->ended)
			return NULL;
		sem_wait(&l->had);
	}
}

static void close_lock(void *ctx)
{
	struct plant_lock *l = ctx;

	sem_wait(&l->held);
	l->ended = true;
	sem_post(&l->wanted);
	pthread_join(l->thread, NULL);
	sem_destroy(&l->held);
	sem_destroy(&l->wanted);
	sem_destroy(&l->had);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int open_lock(const struct gateway_plant *p, const struct plant_site *site, void **ctx, struct err *err)
{
	struct plant_lock *l = calloc(1, sizeof(*l));

	(void)site;
	if (!l)
		return err_set(err, -ENOMEM, "out of memory for a plant's lock");
	l->hold_ns = p->amount;
	pthread_mutex_init(&l->lock, NULL);
	sem_init(&l->held, 0, 0);
	sem_init(&l->wanted, 0, 0);
	sem_init(&l->had, 0, 0);
	int ret = -pthread_create(&l->thread, NULL, holder, l);
	if (ret) {
		free(l);
		return err_set(err, ret, "cannot start the thread that holds a plant's lock: %s", strerror(-ret));
	}
	pthread_setname_np(l->thread, "gateway-lock");
	*ctx = l;
	return 0;
}

/* What follows the release (the wake-up, the wait for a CPU) is not the lock's. */
static uint64_t run_lock(void *ctx, const struct gateway_plant *p)
{
	struct plant_lock *l = ctx;

	(void)p;
	sem_wait(&l->held);
	uint64_t began_ns = clock_now_ns();
	sem_post(&l->wanted);
	pthread_mutex_lock(&l->lock);
	uint64_t released_ns = l->released_ns;
	pthread_mutex_unlock(&l->lock);
	sem_post(&l->had);
	return released_ns > began_ns ? released_ns - began_ns : 0;
}
const struct plant_tool plant_lock = {open_lock, run_lock, close_lock};
