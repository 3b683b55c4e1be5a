// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/plant_hog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/plant_tool.h"

struct plant_hog {
	struct loop *loop;
	struct loop_watch watch; /* the gateway's end of the connection */
	int listener; /* stays: who serves a connection is told by who listens */
	int client;
	pthread_t thread;
	sem_t wanted;
	_Atomic bool ended;
	bool started;
	struct plant_hog_wait *first, *last;
};

static void wait_push(struct plant_hog *h, struct plant_hog_wait *w)
{
	w->next = NULL;
	if (h->first)
		h->last->next = w;
	else
		h->first = w;
	h->last = w;
}

static struct plant_hog_wait *wait_pop(struct plant_hog *h)
{
	struct plant_hog_wait *w = h->first;

	if (w)
		h->first = w->next;
	return w;
}

/* --- the client ------------------------------------------------------------------------------------------------------------- */

static void *client(void *arg)
{
	struct plant_hog *h = arg;
	char byte = 'h';

	for (;;) {
		sem_wait(&h->wanted);
		if (h->ended || send(h->client, &byte, 1, MSG_NOSIGNAL) != 1 || recv(h->client, &byte, 1, 0) != 1)
			return NULL;
	}
}

/* --- the loop that serves it ------------------------------------------------------------------------------------------------ */

/* One byte, one request: the client waits for the answer before it sends the next. */
static void hog_ready(struct loop_watch *watch, uint32_t events)
{
	struct plant_hog *h = watch->ctx;
	char byte;

	(void)events;
	if (recv(watch->fd, &byte, 1, MSG_DONTWAIT) != 1)
		return;
	uint64_t began_ns = clock_now_ns();
	struct plant_hog_wait *w = wait_pop(h);
	if (w)
		plant_burn_cpu(w->busy_ns);
	uint64_t took_ns = clock_now_ns() - began_ns;
	send(watch->fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* a lost answer ends the client, and nobody is served any more */
	if (w)
		w->served(w, took_ns);
}

void plant_hog_join(struct plant_hog *h, struct plant_hog_wait *w)
{
	wait_push(h, w);
	sem_post(&h->wanted);
}

void plant_hog_leave(struct plant_hog *h, struct plant_hog_wait *w)
{
	struct plant_hog_wait *before = NULL;

	for (struct plant_hog_wait *at = h->first; at; before = at, at = at->next) {
		if (at != w)
			continue;
		if (before)
			before->next = w->next;
		else
			h->first = w->next;
		if (h->last == w)
			h->last = before;
		return;
	}
}

/* --- open and close --------------------------------------------------------------------------------------------------------- */

static int pair_connect(struct plant_hog *h)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	if (bind(h->listener, (struct sockaddr *)&at, sizeof(at)) || listen(h->listener, 1) ||
	    getsockname(h->listener, (struct sockaddr *)&at, &size) || connect(h->client, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	h->watch.fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return h->watch.fd < 0 ? -errno : 0;
}

static int hog_open(struct plant_hog *h)
{
	h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	h->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret = h->listener < 0 || h->client < 0 ? -errno : pair_connect(h);
	if (!ret)
		ret = loop_add_fd(h->loop, &h->watch, EPOLLIN);
	if (!ret)
		ret = -pthread_create(&h->thread, NULL, client, h);
	h->started = !ret;
	if (!ret)
		pthread_setname_np(h->thread, "gateway-hog");
	return ret;
}

int plant_hog_new(struct plant_hog **out, struct loop *loop, struct err *err)
{
	struct plant_hog *h = calloc(1, sizeof(*h));

	if (!h)
		return err_set(err, -ENOMEM, "out of memory for a plant's hog");
	h->loop = loop;
	h->listener = h->client = -1;
	h->watch = (struct loop_watch){.fd = -1, .ready = hog_ready, .ctx = h};
	sem_init(&h->wanted, 0, 0);
	*out = h;
	int ret = hog_open(h);
	return ret ? err_set(err, ret, "cannot start a plant's hog: %s", strerror(-ret)) : 0;
}

void plant_hog_free(struct plant_hog *h)
{
	if (!h)
		return;
	h->ended = true;
	sem_post(&h->wanted);
	if (h->client >= 0)
		shutdown(h->client, SHUT_RDWR); /* it may wait for an answer */
	if (h->started)
		pthread_join(h->thread, NULL);
	if (h->watch.fd >= 0) {
		loop_remove_fd(h->loop, &h->watch);
		close(h->watch.fd);
	}
	if (h->client >= 0)
		close(h->client);
	if (h->listener >= 0)
		close(h->listener);
	sem_destroy(&h->wanted);
	free(h);
}
