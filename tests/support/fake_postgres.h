/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of PostgreSQL's protocol (version 3) as a look-up of a key needs, by a thread for each connection: everybody may log in, statements are
 * prepared, and every key is known but those whose digest it is told. For tests of what asks it.
 */
#ifndef TOLL_TESTS_SUPPORT_FAKE_POSTGRES_H
#define TOLL_TESTS_SUPPORT_FAKE_POSTGRES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define FAKE_POSTGRES_CONNS_MAX 64

struct fake_postgres {
	_Atomic bool hold; /* questions get no answer while it is set */
	_Atomic bool breaks; /* a question breaks its connection */
	_Atomic bool mute; /* nobody is let in: the connection stays without an answer */
	const char *unknown_digest; /* NULL: all are known */
	unsigned port;
	int listen_fd;
	_Atomic unsigned connections, asked, gone;
	_Atomic bool stop;
	pthread_t acceptor, thread[FAKE_POSTGRES_CONNS_MAX];
	int fd[FAKE_POSTGRES_CONNS_MAX];
};

void fake_postgres_start(struct fake_postgres *s); /* zero, or with its settings */
void fake_postgres_stop(struct fake_postgres *s);

#endif
