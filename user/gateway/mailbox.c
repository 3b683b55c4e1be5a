// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/mailbox.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void box_ready(struct loop_watch *w, uint32_t events)
{
	struct mailbox *box = w->ctx;
	uint64_t count;

	(void)events;
	if (read(w->fd, &count, sizeof(count)) < 0)
		return; /* woken for what was taken already */
	pthread_mutex_lock(&box->lock);
	struct mail *m = box->first;
	box->first = box->last = NULL;
	pthread_mutex_unlock(&box->lock);
	while (m) {
		struct mail *next = m->next; /* deliver may post or free it */
		m->deliver(m);
		m = next;
	}
}

int mailbox_open(struct mailbox *box, struct loop *loop)
{
	*box = (struct mailbox){.loop = loop};
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	pthread_mutex_init(&box->lock, NULL);
	box->watch = (struct loop_watch){.fd = fd, .ready = box_ready, .ctx = box};
	return loop_add_fd(loop, &box->watch, EPOLLIN);
}

void mailbox_close(struct mailbox *box)
{
	if (!box->loop)
		return;
	loop_remove_fd(box->loop, &box->watch);
	close(box->watch.fd);
	pthread_mutex_destroy(&box->lock);
	box->loop = NULL;
}

void mailbox_post(struct mailbox *box, struct mail *m)
{
	const uint64_t one = 1;

	m->next = NULL;
	pthread_mutex_lock(&box->lock);
	bool was_empty = !box->first;
	if (was_empty)
		box->first = m;
	else
		box->last->next = m;
	box->last = m;
	pthread_mutex_unlock(&box->lock);
	/* an eventfd can only be full after 2^64 - 2 posts: the write does not fail */
	if (was_empty && write(box->watch.fd, &one, sizeof(one)) < 0)
		return;
}
