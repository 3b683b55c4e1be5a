// rooms: base record/request_stats timeline/names timeline/ring timeline/threads timeline/thread_groups timeline/thread_windows timeline/wait attribution
// SPDX-License-Identifier: GPL-2.0-only
/* Breakers, failovers and retries as they are inferred from calls that the test makes up. */
#include "attribution/resilience.h"
#include "tests/support/test.h"

#define MS UINT64_C(1000000)

/* calls: "0f1" = upstream 0 failed, then 1 answered; "" = none, 503 */
static void request(struct resilience *r, uint64_t at_ns, const char *calls)
{
	struct whole_request w = {.driver = {.outcome = RECORD_HTTP_ERROR, .http_status = 503, .due_ns = at_ns}, .t3 = at_ns};

	for (; *calls; calls++) {
		struct whole_upstream *u = &w.upstream[w.upstreams++];

		u->peer_index = (uint32_t)(*calls - '0');
		u->t4 = u->t4_last = at_ns;
		u->t7 = u->t7_last = at_ns + 5 * MS;
		at_ns += 10 * MS;
		if (calls[1] == 'f') {
			u->http_status = 500;
			calls++;
			continue;
		}
		u->http_status = 200;
		u->answered = true;
		w.driver.outcome = RECORD_OK;
		w.driver.http_status = 200;
	}
	assert_int_equal(resilience_add(r, &w), 0);
}

static void test_breaker_cycle(void **state)
{
	static const char *const calls[] = {"0", "0f1", "0f1", "1", "1", "0f1", "1", "0", "0", "0"};
	static const enum resilience_state states[] = {RESILIENCE_OPEN, RESILIENCE_HALF_OPEN, RESILIENCE_OPEN,
						       RESILIENCE_HALF_OPEN, RESILIENCE_CLOSED};
	static const uint64_t requests[] = {3, 5, 6, 7, 8};
	struct resilience *r = resilience_new(2);
	const struct resilience_stats *s;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		request(r, (i + 1) * 100 * MS, calls[i]);
	s = resilience_stats(r, true);
	assert_int_equal(s->requests, 10);
	assert_int_equal(s->upstream[0].turns, 7);
	assert_int_equal(s->upstream[0].failed, 3);
	assert_int_equal(s->upstream[0].passed_over, 3);
	assert_int_equal(s->upstream[0].changes, 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(s->upstream[0].change[i].state, states[i]);
		assert_int_equal(s->upstream[0].change[i].request, requests[i]);
	}
	assert_int_equal(s->upstream[0].opened, 2);
	assert_int_equal(s->upstream[0].half_opened, 2);
	assert_int_equal(s->upstream[0].closed, 1);
	assert_int_equal(s->upstream[1].changes, 0);
	assert_int_equal(s->failovers, 3);
	assert_int_equal(s->failovers_ok, 3);
	assert_int_equal(hist_max(s->failover), 15 * MS);
	assert_int_equal(hist_max(s->backoff), 5 * MS);
	assert_int_equal(s->attempts_max, 2);
	resilience_free(r);
}

/* A gateway that spreads its calls passes its first upstream over without any breaker. */
static void test_spread_is_no_breaker(void **state)
{
	struct resilience *r = resilience_new(2);

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		request(r, (i + 1) * 10 * MS, i % 2 ? "0" : "1");
	assert_int_equal(resilience_stats(r, true)->upstream[0].changes, 0);
	resilience_free(r);
}

/* Requests end in another order than they called. */
static void test_order(void **state)
{
	struct resilience *r = resilience_new(2);
	const struct resilience_stats *s;

	(void)state;
	request(r, 400 * MS, "1");
	request(r, 300 * MS, "1");
	request(r, 100 * MS, "0");
	request(r, 200 * MS, "0f1");
	s = resilience_stats(r, true);
	assert_int_equal(s->upstream[0].changes, 1);
	assert_int_equal(s->upstream[0].change[0].request, 2);
	assert_int_equal(s->out_of_order, 0);
	resilience_free(r);
}

static void test_all_open(void **state)
{
	struct resilience *r = resilience_new(2);
	const struct resilience_stats *s;

	(void)state;
	request(r, 100 * MS, "0f1f");
	request(r, 200 * MS, "");
	s = resilience_stats(r, true);
	assert_int_equal(s->upstream[0].state, RESILIENCE_OPEN);
	assert_int_equal(s->upstream[1].state, RESILIENCE_OPEN);
	assert_int_equal(s->failovers, 1);
	assert_int_equal(s->failovers_ok, 0);
	resilience_free(r);
}

/* Memory is bounded: far more requests than the window holds, with the statistics told in between. */
static void test_many(void **state)
{
	struct resilience *r = resilience_new(1);

	(void)state;
	for (unsigned i = 0; i < 3 * RESILIENCE_WINDOW; i++) {
		request(r, (i + 1) * MS, "0");
		if (i % 5000 == 0)
			resilience_stats(r, false);
	}
	assert_int_equal(resilience_stats(r, true)->requests, 3 * RESILIENCE_WINDOW);
	assert_int_equal(resilience_stats(r, true)->upstream[0].turns, 3 * RESILIENCE_WINDOW);
	resilience_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_breaker_cycle), cmocka_unit_test(test_spread_is_no_breaker),
		cmocka_unit_test(test_order),         cmocka_unit_test(test_all_open),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
