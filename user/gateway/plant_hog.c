// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/plant_hog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/orphan.h"
#include "gateway/plant_tool.h"

struct plant_hog {
	struct loop *loop;
	struct loop_watch watch; /* the gateway's end of the connection */
	int listener; /* stays: who serves a connection is told by who listens */
	int wake; /* the pipe to the client */
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

/* In the process that it becomes: a byte to send for each that it is told of, and it waits for the answer. */
static void client(unsigned arg)
{
	char byte;

	(void)arg;
	while (read(0, &byte, 1) == 1)
		if (send(1, &byte, 1, MSG_NOSIGNAL) != 1 || recv(1, &byte, 1, 0) != 1)
			return;
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
	uint64_t cpu_ns = clock_thread_cpu_ns();
	struct plant_hog_wait *w = wait_pop(h);
	if (w)
		plant_burn_cpu(w->busy_ns);
	uint64_t took_ns = clock_thread_cpu_ns() - cpu_ns; /* what the loop waited for a CPU meanwhile is the machine's */
	send(watch->fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* a lost answer ends the client, and nobody is served any more */
	if (w)
		w->served(w, took_ns);
}

void plant_hog_join(struct plant_hog *h, struct plant_hog_wait *w)
{
	char byte = 'h';

	wait_push(h, w);
	if (write(h->wake, &byte, 1) != 1) /* a full pipe: 64 Ki requests wait already */
		return;
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

static int pair_connect(struct plant_hog *h, int client_end)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);

	if (bind(h->listener, (struct sockaddr *)&at, sizeof(at)) || listen(h->listener, 1) ||
	    getsockname(h->listener, (struct sockaddr *)&at, &size) || connect(client_end, (struct sockaddr *)&at, sizeof(at)))
		return -errno;
	h->watch.fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return h->watch.fd < 0 ? -errno : 0;
}

static int client_start(struct plant_hog *h)
{
	int client_end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), wake[2];

	if (client_end < 0)
		return -errno;
	int ret = pair_connect(h, client_end);
	if (!ret && pipe2(wake, O_CLOEXEC))
		ret = -errno;
	if (!ret) {
		h->wake = wake[1];
		ret = orphan_start("hog", client, 0, wake[0], client_end);
		close(wake[0]);
	}
	close(client_end); /* the client's alone: whose a connection is is told by who has it */
	return ret;
}

static int hog_open(struct plant_hog *h)
{
	h->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret = h->listener < 0 ? -errno : client_start(h);
	return ret ? ret : loop_add_fd(h->loop, &h->watch, EPOLLIN);
}

int plant_hog_new(struct plant_hog **out, struct loop *loop, struct err *err)
{
	struct plant_hog *h = calloc(1, sizeof(*h));

	if (!h)
		return err_set(err, -ENOMEM, "out of memory for a plant's hog");
	h->loop = loop;
	h->listener = h->wake = -1;
	h->watch = (struct loop_watch){.fd = -1, .ready = hog_ready, .ctx = h};
	*out = h;
	int ret = hog_open(h);
	return ret ? err_set(err, ret, "cannot start a plant's hog: %s", strerror(-ret)) : 0;
}

void plant_hog_free(struct plant_hog *h)
{
	if (!h)
		return;
	if (h->watch.fd >= 0) {
		loop_remove_fd(h->loop, &h->watch);
		close(h->watch.fd);
	}
	if (h->wake >= 0)
		close(h->wake);
	if (h->listener >= 0)
		close(h->listener);
	free(h);
}
