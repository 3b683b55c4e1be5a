// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lock that somebody else holds: a thread that has the mutex between requests, keeps it for the time of the plant once a request
 * wants it, and takes it again when that request has had it. A third thread passes on what the request tells the holder: had the request
 * woken the holder itself, the wait would be one for an errand that it gave away, and no lock.
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
	pthread_t holder, messenger;
	sem_t held; /* the holder has it */
	sem_t told, passed_on; /* a request wants it, a request has had it, in turn */
	uint64_t hold_ns;
	uint64_t released_ns;
	_Atomic bool ended;
};

static void *pass_on(void *arg)
{
	struct plant_lock *l = arg;

	for (;;) {
		sem_wait(&l->told);
		/* asked before it is passed on: the end comes once all that was told has arrived, and must be passed on too */
		bool ended = l->ended;
		sem_post(&l->passed_on);
		if (ended)
			return NULL;
	}
}

static void *hold(void *arg)
{
	struct plant_lock *l = arg;

	for (;;) {
		pthread_mutex_lock(&l->lock);
		sem_post(&l->held);
		sem_wait(&l->passed_on);
		bool ended = l->ended;
		if (!ended)
			clock_sleep_until(clock_now_ns() + l->hold_ns, NULL);
		l->released_ns = clock_now_ns();
		pthread_mutex_unlock(&l->lock);
		if (ended)
			return NULL;
		sem_wait(&l->passed_on);
	}
}

static void close_lock(void *ctx)
{
	struct plant_lock *l = ctx;

	sem_wait(&l->held);
	l->ended = true;
	sem_post(&l->told);
	pthread_join(l->messenger, NULL);
	pthread_join(l->holder, NULL);
	sem_destroy(&l->held);
	sem_destroy(&l->told);
	sem_destroy(&l->passed_on);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int threads_start(struct plant_lock *l)
{
	int ret = -pthread_create(&l->messenger, NULL, pass_on, l);

	if (ret)
		return ret;
	pthread_setname_np(l->messenger, "gateway-pass-on");
	ret = -pthread_create(&l->holder, NULL, hold, l);
	if (!ret) {
		pthread_setname_np(l->holder, "gateway-lock");
		return 0;
	}
	l->ended = true;
	sem_post(&l->told);
	pthread_join(l->messenger, NULL);
	return ret;
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
	sem_init(&l->told, 0, 0);
	sem_init(&l->passed_on, 0, 0);
	int ret = threads_start(l);
	if (ret) {
		free(l);
		return err_set(err, ret, "cannot start the thread that holds a plant's lock: %s", strerror(-ret));
	}
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
	sem_post(&l->told);
	pthread_mutex_lock(&l->lock);
	uint64_t released_ns = l->released_ns;
	pthread_mutex_unlock(&l->lock);
	sem_post(&l->told);
	return released_ns > began_ns ? released_ns - began_ns : 0;
}
const struct plant_tool plant_lock = {open_lock, run_lock, close_lock};
