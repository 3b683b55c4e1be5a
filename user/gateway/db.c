// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/db.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"

#define LEAK_EVERY 8
#define STATEMENT "toll_key"
#define QUERY "SELECT tenant, rate_per_s FROM api_keys WHERE digest = $1"

enum state { CONNECTING, PREPARING, IDLE, BUSY, LEAKED };

struct db_conn {
	struct db *db;
	struct db_conn *next, *prev; /* of all */
	struct db_conn *idle_next, *idle_prev;
	PGconn *pg;
	struct loop_watch watch;
	bool watched;
	struct loop_timer limit; /* of the connect */
	enum state state;
	struct db_ask *ask; /* NULL: nobody waits for it any more */
	enum db_result result;
	struct db_key key;
	uint64_t idle_since_ns;
};

struct db {
	struct loop *loop;
	struct db_config config;
	char *conninfo;
	struct db_conn *all;
	unsigned open, connecting;
	struct db_conn *idle_first, *idle_last; /* the one used last comes first */
	struct db_ask *line_first, *line_last;
	unsigned in_line;
	struct loop_timer line_timer, idle_timer;
	struct loop_task give_up; /* nobody is left who could answer those in line */
	unsigned came_back; /* for the leak */
};

/* --- lists ------------------------------------------------------------------------------------------------------------------ */

static void line_add(struct db *d, struct db_ask *ask)
{
	ask->next = NULL;
	ask->prev = d->line_last;
	if (d->line_last)
		d->line_last->next = ask;
	else
		d->line_first = ask;
	d->line_last = ask;
	ask->waiting = true;
	d->in_line++;
}

static void line_remove(struct db *d, struct db_ask *ask)
{
	if (ask->prev)
		ask->prev->next = ask->next;
	else
		d->line_first = ask->next;
	if (ask->next)
		ask->next->prev = ask->prev;
	else
		d->line_last = ask->prev;
	ask->waiting = false;
	d->in_line--;
}

static void idle_add(struct db_conn *c)
{
	struct db *d = c->db;

	c->state = IDLE;
	c->idle_since_ns = clock_now_ns();
	c->idle_prev = NULL;
	c->idle_next = d->idle_first;
	if (d->idle_first)
		d->idle_first->idle_prev = c;
	else
		d->idle_last = c;
	d->idle_first = c;
	if (d->config.idle_ns && !d->idle_timer.slot)
		loop_timer_set(d->loop, &d->idle_timer, c->idle_since_ns + d->config.idle_ns);
}

static void idle_remove(struct db_conn *c)
{
	struct db *d = c->db;

	if (c->idle_prev)
		c->idle_prev->idle_next = c->idle_next;
	else
		d->idle_first = c->idle_next;
	if (c->idle_next)
		c->idle_next->idle_prev = c->idle_prev;
	else
		d->idle_last = c->idle_prev;
}

/* --- life of a connection --------------------------------------------------------------------------------------------------- */

static void on_ready(struct loop_watch *w, uint32_t events);
static void on_limit(struct loop_timer *timer);
static void line_serve(struct db *d);

static void unwatch(struct db_conn *c)
{
	if (c->watched)
		loop_remove_fd(c->db->loop, &c->watch);
	c->watched = false;
}

static int watch(struct db_conn *c, uint32_t events)
{
	int ret;

	c->watch = (struct loop_watch){.fd = PQsocket(c->pg), .ready = on_ready, .ctx = c};
	ret = loop_add_fd(c->db->loop, &c->watch, events);
	c->watched = !ret;
	return ret;
}

static void conn_free(struct db_conn *c)
{
	struct db *d = c->db;

	if (c->state == IDLE)
		idle_remove(c);
	d->connecting -= c->state == CONNECTING || c->state == PREPARING;
	d->open--;
	if (c->prev)
		c->prev->next = c->next;
	else
		d->all = c->next;
	if (c->next)
		c->next->prev = c->prev;
	loop_timer_cancel(d->loop, &c->limit);
	unwatch(c);
	PQfinish(c->pg);
	free(c);
}

/* It broke: whoever it was asking for is told. Those in line go on waiting for the others, if there are any. */
static void conn_broke(struct db_conn *c)
{
	struct db *d = c->db;
	struct db_ask *ask = c->ask;

	conn_free(c);
	if (!d->open && d->in_line)
		loop_defer(d->loop, &d->give_up);
	if (!ask)
		return;
	ask->conn = NULL;
	ask->answer(ask, DB_FAILED, NULL);
}

static int conn_new(struct db *d)
{
	struct db_conn *c = calloc(1, sizeof(*c));
	int ret = 0;

	if (!c)
		return -ENOMEM;
	c->db = d;
	c->pg = PQconnectStart(d->conninfo);
	if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD || watch(c, EPOLLOUT))
		ret = -ECONNREFUSED;
	c->limit = (struct loop_timer){.fire = on_limit, .ctx = c};
	if (!ret && d->config.wait_ns)
		ret = loop_timer_set(d->loop, &c->limit, clock_now_ns() + d->config.wait_ns);
	if (ret) {
		unwatch(c);
		PQfinish(c->pg);
		free(c);
		return ret;
	}
	c->next = d->all;
	if (d->all)
		d->all->prev = c;
	d->all = c;
	d->open++;
	d->connecting++;
	return 0;
}

static void on_limit(struct loop_timer *timer)
{
	conn_broke(timer->ctx);
}

/* libpq may go on with another socket, so that it is looked up anew each time. */
static void connect_go_on(struct db_conn *c)
{
	unwatch(c);
	PostgresPollingStatusType next = PQconnectPoll(c->pg);
	bool ready = next == PGRES_POLLING_OK;
	bool failed = next == PGRES_POLLING_FAILED || watch(c, next == PGRES_POLLING_WRITING ? EPOLLOUT : EPOLLIN | EPOLLRDHUP);

	if (!failed && ready) {
		c->state = PREPARING;
		failed = PQsetnonblocking(c->pg, 1) || !PQsendPrepare(c->pg, STATEMENT, QUERY, 1, NULL);
	}
	if (failed)
		conn_broke(c);
}

/* --- questions -------------------------------------------------------------------------------------------------------------- */

/* False: it is broken. */
static bool conn_ask(struct db_conn *c, struct db_ask *ask)
{
	const char *value[] = {ask->digest};

	/* a question is far smaller than an empty socket's buffer: it goes out whole, or the connection is no good */
	if (!PQsendQueryPrepared(c->pg, STATEMENT, 1, value, NULL, NULL, 0) || PQflush(c->pg))
		return false;
	c->state = BUSY;
	c->result = DB_FAILED;
	c->ask = ask;
	ask->conn = c;
	return true;
}

static void conn_came_back(struct db_conn *c)
{
	struct db *d = c->db;

	c->ask = NULL;
	if (d->config.leaking && d->came_back++ % LEAK_EVERY == LEAK_EVERY - 1) {
		c->state = LEAKED;
		unwatch(c);
		return;
	}
	idle_add(c);
	line_serve(d);
}

static void result_take(struct db_conn *c, const PGresult *r)
{
	if (PQresultStatus(r) == PGRES_COMMAND_OK) {
		c->result = DB_UNKNOWN; /* the statement is prepared */
		return;
	}
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		return;
	c->result = PQntuples(r) ? DB_FOUND : DB_UNKNOWN;
	if (c->result != DB_FOUND)
		return;
	snprintf(c->key.tenant, sizeof(c->key.tenant), "%s", PQgetvalue(r, 0, 0));
	c->key.rate_per_s = strtod(PQgetvalue(r, 0, 1), NULL);
}

static void conn_answered(struct db_conn *c)
{
	struct db *d = c->db;
	struct db_ask *ask = c->ask;
	enum db_result result = c->result;
	struct db_key key = c->key;

	if (c->state == PREPARING) {
		if (result == DB_FAILED) {
			conn_broke(c);
			return;
		}
		d->connecting--;
		loop_timer_cancel(d->loop, &c->limit);
		idle_add(c);
		line_serve(d);
		return;
	}
	conn_came_back(c);
	if (!ask)
		return;
	ask->conn = NULL;
	ask->answer(ask, result, result == DB_FOUND ? &key : NULL);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	struct db_conn *c = w->ctx;

	(void)events;
	if (c->state == CONNECTING) {
		connect_go_on(c);
		return;
	}
	if (!PQconsumeInput(c->pg) || PQflush(c->pg) < 0 || PQstatus(c->pg) == CONNECTION_BAD) {
		conn_broke(c);
		return;
	}
	if (c->state == IDLE)
		return; /* a notice */
	while (!PQisBusy(c->pg)) {
		PGresult *r = PQgetResult(c->pg);

		if (!r) {
			conn_answered(c);
			return;
		}
		result_take(c, r);
		PQclear(r);
	}
}

/* --- those in line ---------------------------------------------------------------------------------------------------------- */

static void line_timer_set(struct db *d)
{
	if (d->line_first && d->config.wait_ns)
		loop_timer_set(d->loop, &d->line_timer, d->line_first->due_ns);
	else
		loop_timer_cancel(d->loop, &d->line_timer);
}

static void line_answer(struct db *d, enum db_result result, uint64_t due_before_ns)
{
	struct db_ask *ask;

	while ((ask = d->line_first) && ask->due_ns <= due_before_ns) {
		line_remove(d, ask);
		ask->answer(ask, result, NULL);
	}
	line_timer_set(d);
}

static void on_line_timer(struct loop_timer *timer)
{
	line_answer(timer->ctx, DB_NO_CONNECTION, clock_now_ns());
}

static void on_give_up(struct loop_task *task)
{
	struct db *d = task->ctx;

	if (!d->open)
		line_answer(d, DB_FAILED, UINT64_MAX);
}

/* Idle connections take those in line; as many more are opened as then still wait, up to the bound. */
static void line_serve(struct db *d)
{
	while (d->line_first && d->idle_first) {
		struct db_conn *c = d->idle_first;
		struct db_ask *ask = d->line_first;

		idle_remove(c);
		c->state = BUSY;
		c->ask = NULL;
		if (!conn_ask(c, ask)) {
			conn_free(c);
			continue;
		}
		line_remove(d, ask);
	}
	while (d->in_line > d->connecting && d->open < d->config.most)
		if (conn_new(d))
			break;
	if (d->in_line && !d->open)
		loop_defer(d->loop, &d->give_up);
	line_timer_set(d);
}

/* The one that has lain idle longest is the last. */
static void on_idle_timer(struct loop_timer *timer)
{
	struct db *d = timer->ctx;
	uint64_t now_ns = clock_now_ns();

	while (d->idle_last && d->idle_last->idle_since_ns + d->config.idle_ns <= now_ns)
		conn_free(d->idle_last);
	if (d->idle_last)
		loop_timer_set(d->loop, &d->idle_timer, d->idle_last->idle_since_ns + d->config.idle_ns);
}

/* --- what the room offers ----------------------------------------------------------------------------------------------------- */

int db_ask_key(struct db *d, struct db_ask *ask, const char *key)
{
	int ret = key_digest(key, ask->digest);

	if (ret)
		return ret;
	ask->conn = NULL;
	ask->due_ns = d->config.wait_ns ? clock_now_ns() + d->config.wait_ns : UINT64_MAX - 1;
	line_add(d, ask);
	line_serve(d);
	return 0;
}

/* A query that is on its way goes on: its connection comes back when it is answered. */
void db_forget(struct db *d, struct db_ask *ask)
{
	if (ask->waiting) {
		line_remove(d, ask);
		line_timer_set(d);
	}
	if (ask->conn)
		ask->conn->ask = NULL;
	ask->conn = NULL;
}

int db_new(struct db **out, struct loop *loop, const struct db_config *config, struct err *err)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(config->conninfo, &why);
	struct db *d = options ? calloc(1, sizeof(*d)) : NULL;

	PQconninfoFree(options);
	if (!options) {
		/* the text itself may hold a password */
		int ret = err_set(err, -EINVAL,
				  "--db: %.200s; expected what libpq takes, such as host=127.0.0.1 port=5432 user=toll",
				  why ? why : "out of memory");

		PQfreemem(why);
		return ret;
	}
	if (d)
		d->conninfo = strdup(config->conninfo);
	if (!d || !d->conninfo) {
		free(d);
		return err_set(err, -ENOMEM, "out of memory for the pool of database connections");
	}
	d->loop = loop;
	d->config = *config;
	if (!d->config.most)
		d->config.most = 1;
	d->line_timer = (struct loop_timer){.fire = on_line_timer, .ctx = d};
	d->idle_timer = (struct loop_timer){.fire = on_idle_timer, .ctx = d};
	d->give_up = (struct loop_task){.run = on_give_up, .ctx = d};
	*out = d;
	return 0;
}

void db_free(struct db *d)
{
	if (!d)
		return;
	while (d->all)
		conn_free(d->all);
	loop_timer_cancel(d->loop, &d->line_timer);
	loop_timer_cancel(d->loop, &d->idle_timer);
	loop_task_cancel(d->loop, &d->give_up);
	free(d->conninfo);
	free(d);
}
