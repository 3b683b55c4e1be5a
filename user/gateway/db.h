/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * API keys and their tenants in a PostgreSQL, asked over a pool of connections of one worker (libpq, never blocking). The pool grows as
 * requests ask at once, up to a bound; who comes beyond it waits in line, and not for ever. What lies idle is closed again. The table:
 * api_keys(digest, tenant, rate_per_s), digest as key_digest() makes it.
 */
#ifndef TOLL_GATEWAY_DB_H
#define TOLL_GATEWAY_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gateway/key_digest.h"
#include "http/loop.h"

#define DB_TENANT_MAX 64

struct db_config {
	const char *conninfo; /* as libpq takes it: "host=127.0.0.1 port=5432 user=toll" */
	unsigned most; /* connections of this pool; 0: 1 */
	uint64_t wait_ns; /* a connect, or a request in line, that takes longer has failed; 0: never */
	uint64_t idle_ns; /* a connection that lay idle for so long is closed; 0: never */
	bool leaking; /* planted: every eighth connection that comes back is lost, neither used again nor closed */
};

enum db_result {
	DB_FOUND = 0,
	DB_UNKNOWN = 1, /* there is no such key */
	DB_NO_CONNECTION = 2, /* none came free in time */
	DB_FAILED = 3, /* the database cannot be reached, or it broke off */
};

struct db_key {
	char tenant[DB_TENANT_MAX];
	double rate_per_s; /* 0: no limit */
};

struct db_conn;
struct db_ask {
	/* key: of DB_FOUND. Never called from within db_ask_key(). */
	void (*answer)(struct db_ask *ask, enum db_result result, const struct db_key *key);
	void *ctx;
	/* the pool's from here on; zero-initialise */
	struct db_ask *next, *prev; /* in line */
	struct db_conn *conn; /* that asks for it */
	bool waiting; /* in line */
	uint64_t due_ns;
	char digest[KEY_DIGEST_SIZE];
};

struct db;
/* The first connection comes with the first question. Err: the conninfo cannot be read. */
int db_new(struct db **out, struct loop *loop, const struct db_config *config, struct err *err);
void db_free(struct db *d); /* answers nobody any more */

/* ask must live until its answer, or until db_forget(). -errno: it is not asked, there comes no answer. */
int db_ask_key(struct db *d, struct db_ask *ask, const char *key);
void db_forget(struct db *d, struct db_ask *ask);

#endif
