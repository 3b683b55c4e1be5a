// rooms: base gateway/breaker gateway/limiter gateway/route gateway/defects
// SPDX-License-Identifier: GPL-2.0-only
/* The reference gateway's breaker, limiter and route, in time that the test makes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gateway/limiter.h"
#include "gateway/route.h"
#include "tests/support/test.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static void test_breaker(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 3, S);
	for (unsigned i = 0; i < 2; i++)
		breaker_tell(&b, false, i);
	breaker_tell(&b, true, 2);
	for (unsigned i = 0; i < 2; i++)
		breaker_tell(&b, false, i);
	assert_true(breaker_allows(&b, 3)); /* the success between has cleared the count */
	breaker_tell(&b, false, 10);
	assert_int_equal(b.state, BREAKER_OPEN);
	assert_false(breaker_allows(&b, S));
	breaker_tell(&b, false, S); /* a late failure of a call that began before */
	assert_true(breaker_allows(&b, S + 10));
	assert_int_equal(b.state, BREAKER_HALF_OPEN);
	assert_false(breaker_allows(&b, S + 11)); /* one at a time */
	breaker_tell(&b, false, S + 12);
	assert_int_equal(b.state, BREAKER_OPEN);
	assert_true(breaker_allows(&b, 2 * S + 12));
	breaker_forget(&b);
	assert_true(breaker_allows(&b, 2 * S + 13));
	breaker_tell(&b, true, 2 * S + 14);
	assert_int_equal(b.state, BREAKER_CLOSED);
	breaker_fini(&b);
}

static void test_breaker_never(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 0, S);
	for (unsigned i = 0; i < 1000; i++)
		breaker_tell(&b, false, i);
	assert_true(breaker_allows(&b, 1));
	breaker_fini(&b);
}

static unsigned taken(struct limiter *l, const char *key, unsigned n, uint64_t now_ns)
{
	uint64_t wait_ns;
	unsigned go = 0;

	for (unsigned i = 0; i < n; i++)
		go += limiter_take(l, key, now_ns, &wait_ns) == LIMITER_GO;
	return go;
}

static void test_limiter(void **state)
{
	struct err err = {0};
	struct limiter l;
	uint64_t wait_ns = 0;

	(void)state;
	assert_int_equal(limiter_init(&l, "a=10/s,b=10/s,c", false, &err), 0);
	assert_int_equal(limiter_take(&l, "Bearer x", 1, &wait_ns), LIMITER_UNKNOWN);
	assert_int_equal(limiter_take(&l, NULL, 1, &wait_ns), LIMITER_UNKNOWN);
	assert_int_equal(taken(&l, "Bearer c", 1000, 1), 1000);
	assert_int_equal(taken(&l, "Bearer a", 100, 1), 10);
	assert_int_equal(taken(&l, "bearer b", 5, 1), 5); /* a has taken nothing of b's */
	assert_int_equal(limiter_take(&l, "Bearer a", 1, &wait_ns), LIMITER_WAIT);
	assert_int_equal(wait_ns, 100 * MS);
	assert_int_equal(taken(&l, "Bearer a", 100, 1 + S / 2), 5);
	limiter_fini(&l);
	assert_int_equal(limiter_init(&l, "a=10/s,b=10/s", true, &err), 0);
	assert_int_equal(taken(&l, "Bearer a", 100, 1), 20);
	assert_int_equal(taken(&l, "Bearer b", 1, 1), 0);
	limiter_fini(&l);
	assert_int_equal(limiter_init(&l, NULL, false, &err), 0);
	assert_int_equal(limiter_take_of(&l, "free", 0, 1, &wait_ns), LIMITER_GO);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(limiter_take_of(&l, "a", 10, 1, &wait_ns), i < 10 ? LIMITER_GO : LIMITER_WAIT);
	assert_int_equal(limiter_take_of(&l, "b", 1, 2, &wait_ns), LIMITER_GO);
	for (unsigned i = 0; i < LIMITER_KEYS_MAX; i++) { /* more than there is room for: the eldest make room */
		char name[16];

		snprintf(name, sizeof(name), "t%u", i);
		assert_int_equal(limiter_take_of(&l, name, 1, 3 + i, &wait_ns), LIMITER_GO);
	}
	assert_int_equal(l.keys, LIMITER_KEYS_MAX);
	limiter_fini(&l);
	assert_int_equal(limiter_init(&l, "b,sk-secret=fast", false, &err), -EINVAL);
	assert_non_null(strstr(err.text, "entry 2"));
	assert_null(strstr(err.text, "secret"));
}

struct rig {
	struct route route;
	struct breaker breaker[2];
	struct route_walk walk;
	uint64_t wait_ns;
};

static void rig_init(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < 2; i++) {
		breaker_init(&r->breaker[i], 1, S);
		r->route.at[i].breaker = &r->breaker[i];
	}
	r->route.count = 2;
	rng_init(&r->route.rng, 1, 1);
}

static bool next(struct rig *r, uint64_t now_ns)
{
	return route_next(&r->route, &r->walk, 0, now_ns, &r->wait_ns);
}

static void test_route_failover(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	assert_true(next(&r, 1));
	assert_int_equal(r.walk.current, 0);
	route_tell(&r.route, &r.walk, false, 1);
	route_tell(&r.route, &r.walk, true, 1); /* told already */
	assert_int_equal(r.breaker[0].state, BREAKER_OPEN);
	assert_true(next(&r, 1));
	assert_int_equal(r.walk.current, 1);
	assert_false(next(&r, 1));
	memset(&r.walk, 0, sizeof(r.walk)); /* the next request passes the open one over */
	assert_true(next(&r, 2));
	assert_int_equal(r.walk.current, 1);
}

static void test_route_backoff(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	r.route.retries = 3;
	r.route.backoff_ns = 100 * MS;
	for (unsigned round = 0; round < 4; round++) {
		assert_true(next(&r, 1));
		if (round)
			assert_in_range(r.wait_ns, (50 * MS) << (round - 1), (100 * MS) << (round - 1));
		else
			assert_int_equal(r.wait_ns, 0);
		assert_true(next(&r, 1));
		assert_int_equal(r.wait_ns, 0); /* the other one at once */
	}
	assert_false(next(&r, 1));
	memset(&r.walk, 0, sizeof(r.walk));
	assert_true(next(&r, 1));
	assert_true(next(&r, 1));
	assert_true(route_next(&r.route, &r.walk, S, 1, &r.wait_ns));
	assert_int_equal(r.wait_ns, S); /* what Retry-After asked for */
	assert_true(next(&r, 1));
	assert_false(route_next(&r.route, &r.walk, 60 * S, 1, &r.wait_ns));
}

static void test_defects(void **state)
{
	struct err err = {0};
	unsigned defects;

	(void)state;
	assert_int_equal(gateway_defects_parse("none", &defects, &err), 0);
	assert_int_equal(defects, 0);
	assert_int_equal(gateway_defects_parse("pool_leak,unfair_limiter", &defects, &err), 0);
	assert_int_equal(defects, GATEWAY_POOL_LEAK | GATEWAY_UNFAIR_LIMITER);
	assert_int_equal(gateway_defects_parse("pool_leek", &defects, &err), -EINVAL);
	assert_non_null(strstr(err.text, "stream_crosstalk"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_breaker),        cmocka_unit_test(test_breaker_never), cmocka_unit_test(test_limiter),
		cmocka_unit_test(test_route_failover), cmocka_unit_test(test_route_backoff), cmocka_unit_test(test_defects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
