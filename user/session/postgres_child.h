/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PostgreSQL of the run's own, that knows the API keys of its tenants: made in a directory of its own under /tmp, run as an unprivileged
 * user on a free port of loopback, ended and removed again. One role may read the keys' digests, with a password that only a file in
 * that directory holds.
 */
#ifndef TOLL_SESSION_POSTGRES_CHILD_H
#define TOLL_SESSION_POSTGRES_CHILD_H

#include <sys/types.h>

#include "base/err.h"
#include "session/scratch.h"

struct postgres_key {
	const char *key; /* API key in clear; only its digest goes into the database */
	const char *tenant;
	double rate_per_s; /* 0: no limit */
};

struct postgres_child {
	pid_t pid; /* 0: none */
	unsigned port;
	struct scratch own;
	char directory[44]; /* in it, the database user's */
	char conninfo[240]; /* for libpq; holds no secret */
};

/* Returns when it takes queries. log_path: its output. err: what is missing on this machine (-ENOTSUP), or what it said. */
int postgres_child_start(struct postgres_child *out, const struct postgres_key *key, unsigned keys, const char *log_path,
			 struct err *err);
void postgres_child_stop(struct postgres_child *p);

#endif
