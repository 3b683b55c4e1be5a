// rooms: base http gateway/billing gateway/scaling gateway/upstream gateway/upstream_answer gateway/upstream_target record tests/support/raw_server
// SPDX-License-Identifier: GPL-2.0-only
/* Usage records: bounded, sent on their own, tried again, dropped and counted; and when workers come and go. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/billing.h"
#include "gateway/scaling.h"
#include "tests/support/raw_server.h"
#include "tests/support/test.h"

struct rig {
	struct raw_server *server;
	struct loop *loop;
	struct upstream_target target;
	struct billing *billing;
	struct loop_timer look;
	uint64_t until_ns;
};

static void on_look(struct loop_timer *t)
{
	struct rig *r = t->ctx;

	if (!billing_waiting(r->billing) || clock_now_ns() > r->until_ns)
		loop_stop(r->loop);
	else
		assert_int_equal(loop_timer_set(r->loop, t, clock_now_ns() + 2 * NS_PER_MS), 0);
}

static void rig_open(struct rig *r, enum raw_mode mode, unsigned queue, bool stalling)
{
	struct billing_config config = {.target = &r->target, .queue = queue, .stalling = stalling};
	struct err err = {0};
	char url[64];

	r->server = raw_server_start(mode, false);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", r->server->port);
	assert_int_equal(upstream_target_open(&r->target, url, false, &err), 0);
	assert_int_equal(loop_new(&r->loop), 0);
	assert_int_equal(billing_new(&r->billing, r->loop, &config), 0);
	r->look = (struct loop_timer){.fire = on_look, .ctx = r};
}

static unsigned add(struct rig *r, unsigned n)
{
	const struct billing_usage usage = {.tenant = "a \"b\"", .status = 200, .request_bytes = 10, .answer_bytes = 20};
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		taken += billing_add(r->billing, &usage);
	return taken;
}

static uint64_t run(struct rig *r)
{
	uint64_t from_ns = clock_now_ns();

	r->until_ns = from_ns + 10 * NS_PER_S;
	on_look(&r->look);
	loop_run(r->loop);
	return clock_now_ns() - from_ns;
}

static void rig_close(struct rig *r)
{
	billing_free(r->billing);
	loop_free(r->loop);
	upstream_target_close(&r->target);
	raw_server_stop(r->server);
}

static void test_bounded(void **state)
{
	struct rig r = {0};

	(void)state;
	rig_open(&r, RAW_PLAIN, 30, false);
	assert_int_equal(add(&r, 50), 30);
	assert_int_equal(billing_dropped(r.billing), 20);
	assert_int_equal(billing_waiting(r.billing), 30);
	run(&r);
	assert_int_equal(billing_waiting(r.billing), 0);
	assert_int_equal(billing_dropped(r.billing), 20);
	assert_int_equal(r.server->turns, 30);
	assert_in_range(r.server->connections, 1, 8);
	rig_close(&r);
}

/* A service that refuses gets each record three times. */
static void test_refused(void **state)
{
	struct rig r = {0};

	(void)state;
	rig_open(&r, RAW_ERROR, 0, false);
	assert_int_equal(add(&r, 4), 4);
	run(&r);
	assert_int_equal(billing_waiting(r.billing), 0);
	assert_int_equal(billing_dropped(r.billing), 4);
	assert_int_equal(r.server->turns, 12);
	rig_close(&r);
}

static void test_stalls(void **state)
{
	struct rig r = {0};

	(void)state;
	rig_open(&r, RAW_PLAIN, 0, true);
	assert_int_equal(add(&r, 5), 5);
	assert_true(run(&r) >= 4 * 20 * NS_PER_MS);
	assert_int_equal(r.server->turns, 5);
	assert_int_equal(r.server->connections, 1);
	rig_close(&r);
}

static void test_scaling(void **state)
{
	struct scaling s = {0};

	(void)state;
	assert_int_equal(scaling_step(&s, 0.69, 1), 0);
	assert_int_equal(scaling_step(&s, 0.71, 1), 1);
	assert_int_equal(scaling_step(&s, 1.3, 2), 0);
	assert_int_equal(scaling_step(&s, 0.0, 1), 0); /* the last one stays */
	assert_int_equal(scaling_step(&s, 0.29, 2), 0);
	assert_int_equal(scaling_step(&s, 0.29, 2), 0);
	assert_int_equal(scaling_step(&s, 0.31, 2), 0); /* not calm: from the beginning */
	assert_int_equal(scaling_step(&s, 0.29, 2), 0);
	assert_int_equal(scaling_step(&s, 0.29, 2), 0);
	assert_int_equal(scaling_step(&s, 0.29, 2), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_stalls),
		cmocka_unit_test(test_scaling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
