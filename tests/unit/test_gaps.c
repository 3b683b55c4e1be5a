// rooms: base record session/gaps
// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "session/gaps.h"
#include "tests/support/test.h"

static void feed(struct gaps *g, uint64_t id, uint32_t first, uint32_t count, uint64_t ns, uint64_t step_ns)
{
	struct record_events head = {.id = id, .first = first, .count = count, .from_driver = 1};
	struct record_event *event = calloc(count ? count : 1, sizeof(*event));

	for (uint32_t i = 0; i < count; i++)
		event[i] = (struct record_event){.pos = 10 * (first + i + 1), .time_ns = ns + i * step_ns};
	assert_int_equal(gaps_events(g, &head, event), 0);
	free(event);
}

static uint64_t take(struct gaps *g, uint64_t id, struct request_stats *s)
{
	uint64_t before = hist_count(s->inter_token);

	assert_int_equal(gaps_take(g, id, &s, 1), 0);
	return hist_count(s->inter_token) - before;
}

static void test_gaps_span_batches(void **state)
{
	struct gaps *g = gaps_new();
	struct request_stats s;

	(void)state;
	assert_int_equal(request_stats_init(&s), 0);
	feed(g, 1, 0, 3, 1000, 100);
	feed(g, 2, 0, 1, 1000, 0);
	feed(g, 1, 3, 2, 1300, 100);
	assert_int_equal(take(g, 1, &s), 4);
	assert_int_equal(hist_min(s.inter_token), 100);
	assert_int_equal(hist_max(s.inter_token), 100);
	assert_int_equal(take(g, 2, &s), 0);
	assert_int_equal(take(g, 1, &s), 0);
	assert_int_equal(take(g, 3, &s), 0);
	gaps_free(g);
	request_stats_fini(&s);
}

/* Between what came before and after a lost batch lies no gap that anybody measured. */
static void test_no_gap_across_a_lost_batch(void **state)
{
	struct gaps *g = gaps_new();
	struct request_stats s;

	(void)state;
	assert_int_equal(request_stats_init(&s), 0);
	feed(g, 1, 0, 2, 1000, 100);
	feed(g, 1, 5, 2, 9000, 100);
	assert_int_equal(take(g, 1, &s), 2);
	assert_int_equal(hist_max(s.inter_token), 100);
	gaps_free(g);
	request_stats_fini(&s);
}

static void test_every_statistics_gets_them(void **state)
{
	struct gaps *g = gaps_new();
	struct request_stats a, b;
	struct request_stats *both[] = {&a, &b};

	(void)state;
	assert_int_equal(request_stats_init(&a), 0);
	assert_int_equal(request_stats_init(&b), 0);
	feed(g, 9, 0, 11, 1, 7);
	assert_int_equal(gaps_take(g, 9, both, 2), 0);
	assert_int_equal(hist_count(a.inter_token), 10);
	assert_int_equal(hist_count(b.inter_token), 10);
	gaps_free(g);
	request_stats_fini(&a);
	request_stats_fini(&b);
}

static void test_silent_streams_are_forgotten(void **state)
{
	struct gaps *g = gaps_new();
	struct request_stats s;

	(void)state;
	assert_int_equal(request_stats_init(&s), 0);
	for (uint64_t id = 1; id <= 100; id++)
		feed(g, id, 0, 3, 1000, 100);
	feed(g, 101, 0, 3, GAPS_AGE_MAX_NS, 100);
	gaps_expire(g, 2000 + GAPS_AGE_MAX_NS);
	assert_int_equal(gaps_dropped(g), 200);
	assert_int_equal(take(g, 5, &s), 0);
	assert_int_equal(take(g, 101, &s), 2);
	gaps_free(g);
	request_stats_fini(&s);
}

/* Never more than GAPS_HELD_MAX; what was too much is counted. */
static void test_bound(void **state)
{
	const uint32_t batch = RECORD_EVENTS_BATCH_MAX, batches = GAPS_HELD_MAX / RECORD_EVENTS_BATCH_MAX + 2;
	struct gaps *g = gaps_new();
	struct request_stats s;

	(void)state;
	assert_int_equal(request_stats_init(&s), 0);
	for (uint32_t i = 0; i < batches; i++)
		feed(g, 1, i * batch, batch, 1000 + (uint64_t)i * batch * 10, 10);
	assert_int_equal(gaps_dropped(g), (uint64_t)batches * batch - 1 - GAPS_HELD_MAX);
	assert_int_equal(take(g, 1, &s), GAPS_HELD_MAX);
	/* room again */
	feed(g, 2, 0, 3, 1000, 100);
	assert_int_equal(take(g, 2, &s), 2);
	gaps_free(g);
	request_stats_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gaps_span_batches),
		cmocka_unit_test(test_no_gap_across_a_lost_batch),
		cmocka_unit_test(test_every_statistics_gets_them),
		cmocka_unit_test(test_silent_streams_are_forgotten),
		cmocka_unit_test(test_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
