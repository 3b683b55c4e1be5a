// rooms: base http/loop gateway/db gateway/key_digest tests/support/fake_postgres
// SPDX-License-Identifier: GPL-2.0-only
/* The pool of database connections: it grows, keeps, waits, forgets and fails as db.h says. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/db.h"
#include "tests/support/fake_postgres.h"
#include "tests/support/test.h"

#define ASKS 12

struct rig {
	struct fake_postgres server;
	struct loop *loop;
	struct db *db;
	struct db_ask ask[ASKS];
	enum db_result result[ASKS];
	unsigned answers, wanted;
	struct db_key last;
};

static void on_answer(struct db_ask *ask, enum db_result result, const struct db_key *key)
{
	struct rig *r = ask->ctx;

	assert_int_equal(result == DB_FOUND, key != NULL);
	r->result[ask - r->ask] = result;
	if (key)
		r->last = *key;
	if (++r->answers == r->wanted)
		loop_stop(r->loop);
}

static void rig_open(struct rig *r, struct db_config config)
{
	char conninfo[120];
	struct err err = {0};

	assert_int_equal(loop_new(&r->loop), 0);
	snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%u user=toll sslmode=disable gssencmode=disable",
		 r->server.port ? r->server.port : 1);
	config.conninfo = conninfo;
	assert_int_equal(db_new(&r->db, r->loop, &config, &err), 0);
	for (unsigned i = 0; i < ASKS; i++)
		r->ask[i] = (struct db_ask){.answer = on_answer, .ctx = r};
}

static void rig_close(struct rig *r)
{
	db_free(r->db);
	loop_free(r->loop);
	if (r->server.port)
		fake_postgres_stop(&r->server);
}

static void ask_all(struct rig *r, unsigned from, unsigned n, const char *key)
{
	for (unsigned i = from; i < from + n; i++)
		assert_int_equal(db_ask_key(r->db, &r->ask[i], key), 0);
}

static void run_for(struct rig *r, unsigned answers)
{
	r->wanted = r->answers + answers;
	loop_run(r->loop);
}

static void test_digest(void **state)
{
	char digest[KEY_DIGEST_SIZE];

	(void)state;
	assert_int_equal(key_digest("abc", digest), 0); /* FIPS 180-2, B.1 */
	assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Twelve at once over at most four connections; all are answered, and no fifth is opened. */
static void test_bound(void **state)
{
	struct rig r = {0};
	char unknown[KEY_DIGEST_SIZE];

	(void)state;
	assert_int_equal(key_digest("stranger", unknown), 0);
	r.server.unknown_digest = unknown;
	fake_postgres_start(&r.server);
	rig_open(&r, (struct db_config){.most = 4, .wait_ns = 5 * NS_PER_S});
	ask_all(&r, 0, ASKS - 1, "known");
	ask_all(&r, ASKS - 1, 1, "stranger");
	assert_int_equal(r.answers, 0);
	run_for(&r, ASKS);
	for (unsigned i = 0; i < ASKS; i++)
		assert_int_equal(r.result[i], i < ASKS - 1 ? DB_FOUND : DB_UNKNOWN);
	assert_string_equal(r.last.tenant, "tenant");
	assert_true(r.last.rate_per_s == 12.5);
	assert_int_equal(atomic_load(&r.server.connections), 4);
	assert_int_equal(atomic_load(&r.server.asked), ASKS);
	rig_close(&r);
}

/* Nobody answers: who is in line is told in time; who is forgotten is not told at all. */
static void test_waits(void **state)
{
	struct rig r = {0};

	(void)state;
	atomic_store(&r.server.hold, true);
	fake_postgres_start(&r.server);
	rig_open(&r, (struct db_config){.most = 1, .wait_ns = 150 * NS_PER_MS});
	ask_all(&r, 0, 3, "key");
	db_forget(r.db, &r.ask[1]);
	run_for(&r, 1); /* the third; the first is asked for */
	assert_int_equal(r.result[2], DB_NO_CONNECTION);
	db_forget(r.db, &r.ask[0]);
	rig_close(&r);
	assert_int_equal(r.answers, 1);
}

static void look(struct loop_timer *t)
{
	struct rig *r = t->ctx;

	if (atomic_load(&r->server.gone) == 4)
		loop_stop(r->loop);
	else
		assert_int_equal(loop_timer_set(r->loop, t, clock_now_ns() + 5 * NS_PER_MS), 0);
}

/* What lies idle is closed. */
static void test_idle(void **state)
{
	struct rig r = {0};
	struct loop_timer timer = {.fire = look, .ctx = &r};

	(void)state;
	fake_postgres_start(&r.server);
	rig_open(&r, (struct db_config){.most = 4, .wait_ns = 5 * NS_PER_S, .idle_ns = 20 * NS_PER_MS});
	ask_all(&r, 0, 4, "key");
	assert_int_equal(loop_timer_set(r.loop, &timer, clock_now_ns() + 5 * NS_PER_MS), 0);
	loop_run(r.loop);
	assert_int_equal(r.answers, 4);
	rig_close(&r);
}

/* Every eighth that comes back is lost: with one connection the ninth question waits in vain. */
static void test_leak(void **state)
{
	struct rig r = {0};

	(void)state;
	fake_postgres_start(&r.server);
	rig_open(&r, (struct db_config){.most = 1, .wait_ns = NS_PER_S, .leaking = true});
	ask_all(&r, 0, 9, "key");
	run_for(&r, 9);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(r.result[i], i < 8 ? DB_FOUND : DB_NO_CONNECTION);
	rig_close(&r);
}

/* Nobody listens, nobody lets in, and a connection that breaks under its question: told, never hung. */
static void test_failures(void **state)
{
	struct rig nobody = {0}, mute = {0}, breaks = {0};
	struct err err = {0};
	struct db *none;

	(void)state;
	rig_open(&nobody, (struct db_config){.most = 2, .wait_ns = 5 * NS_PER_S});
	ask_all(&nobody, 0, 3, "key");
	assert_int_equal(nobody.answers, 0);
	run_for(&nobody, 3);
	assert_int_equal(nobody.result[2], DB_FAILED);
	rig_close(&nobody);
	atomic_store(&mute.server.mute, true);
	fake_postgres_start(&mute.server);
	rig_open(&mute, (struct db_config){.most = 2, .wait_ns = 100 * NS_PER_MS});
	ask_all(&mute, 0, 2, "key");
	run_for(&mute, 2);
	assert_int_not_equal(mute.result[1], DB_FOUND);
	rig_close(&mute);
	atomic_store(&breaks.server.breaks, true);
	fake_postgres_start(&breaks.server);
	rig_open(&breaks, (struct db_config){.most = 1, .wait_ns = 5 * NS_PER_S});
	ask_all(&breaks, 0, 1, "key");
	run_for(&breaks, 1);
	assert_int_equal(breaks.result[0], DB_FAILED);
	rig_close(&breaks);
	assert_int_equal(db_new(&none, NULL, &(struct db_config){.conninfo = "host=x passwort=geheim"}, &err), -EINVAL);
	assert_non_null(strstr(err.text, "passwort"));
	assert_null(strstr(err.text, "geheim"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest), cmocka_unit_test(test_bound), cmocka_unit_test(test_waits),
		cmocka_unit_test(test_idle),   cmocka_unit_test(test_leak),  cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
