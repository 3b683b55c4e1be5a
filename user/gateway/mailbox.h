/* SPDX-License-Identifier: GPL-2.0-only */
/* Work handed from one event loop to another: a locked list and an eventfd that wakes the loop that owns it. */
#ifndef TOLL_GATEWAY_MAILBOX_H
#define TOLL_GATEWAY_MAILBOX_H

#include <pthread.h>

#include "http/loop.h"

struct mail {
	struct mail *next;
	void (*deliver)(struct mail *m); /* in the receiving loop */
	void *ctx;
};

struct mailbox {
	pthread_mutex_t lock;
	struct mail *first, *last;
	struct loop *loop;
	struct loop_watch watch;
};

int mailbox_open(struct mailbox *box, struct loop *loop);
void mailbox_close(struct mailbox *box); /* undelivered mail stays its sender's */
/* From any thread. m is in the box until it is delivered. */
void mailbox_post(struct mailbox *box, struct mail *m);

#endif
