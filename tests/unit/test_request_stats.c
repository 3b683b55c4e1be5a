// rooms: base record
// SPDX-License-Identifier: GPL-2.0-only
#include "base/clock.h"
#include "record/request_stats.h"
#include "tests/support/test.h"

#define MS NS_PER_MS

static int setup(void **state)
{
	static struct request_stats s;

	*state = &s;
	return request_stats_init(&s);
}

static int teardown(void **state)
{
	request_stats_fini(*state);
	return 0;
}

/* Due at 1 s, sent 2 ms late, answered 10 ms after it was due. */
static struct record_request answered(void)
{
	return (struct record_request){
		.id = 1,
		.due_ns = NS_PER_S,
		.sent_ns = NS_PER_S + 2 * MS,
		.first_byte_ns = NS_PER_S + 5 * MS,
		.first_token_ns = NS_PER_S + 6 * MS,
		.end_ns = NS_PER_S + 10 * MS,
		.http_status = 200,
		.tokens = 7,
		.prompt_tokens = 3,
		.chunks = 4,
	};
}

static void test_answered(void **state)
{
	struct request_stats *s = *state;
	struct record_request r = answered();

	r.flags = RECORD_STREAM | RECORD_POSITIONS;
	r.out_start_pos = 100;
	r.out_end_pos = 150;
	r.in_end_pos = 1000;
	r.checks_passed = 5;
	r.checks_failed = 2;
	assert_int_equal(request_stats_add(s, &r), 0);
	assert_int_equal(request_stats_gap(s, MS), 0);
	assert_int_equal(s->sent, 1);
	assert_int_equal(s->completed, 1);
	assert_int_equal(s->failed, 0);
	assert_int_equal(s->status[200], 1);
	assert_int_equal(s->tokens, 7);
	assert_int_equal(s->bytes_out, 50);
	assert_int_equal(s->bytes_in, 1000);
	assert_int_equal(s->check_passed[0] + s->check_passed[2], 2);
	assert_int_equal(s->check_failed[1], 1);
	assert_int_equal(hist_max(s->latency), 10 * MS);
	assert_int_equal(hist_max(s->service), 8 * MS);
	assert_int_equal(hist_max(s->lateness), 2 * MS);
	assert_int_equal(hist_max(s->ttft), 6 * MS);
	assert_int_equal(hist_max(s->inter_token), MS);
	assert_int_equal(hist_count_at_least(s->latency), 0);
}

static void test_connect_is_not_lateness(void **state)
{
	struct request_stats *s = *state;
	struct record_request r = answered();

	r.connect_start_ns = r.due_ns + MS;
	r.connect_end_ns = r.due_ns + MS + MS / 2;
	r.tls_end_ns = r.due_ns + 2 * MS - MS / 4;
	assert_int_equal(request_stats_add(s, &r), 0);
	assert_int_equal(hist_max(s->lateness), 2 * MS - 3 * MS / 4);
}

static void test_unfinished_are_lower_bounds(void **state)
{
	static const uint16_t outcomes[] = {RECORD_TIMEOUT, RECORD_RESET, RECORD_MALFORMED, RECORD_CUT_SHORT, RECORD_OTHER};
	struct request_stats *s = *state;
	size_t i, n = sizeof(outcomes) / sizeof(outcomes[0]);

	for (i = 0; i < n; i++) {
		struct record_request r = answered();

		r.outcome = outcomes[i];
		r.flags = RECORD_STREAM;
		r.first_token_ns = 0;
		assert_int_equal(request_stats_add(s, &r), 0);
	}
	assert_int_equal(s->sent, n);
	assert_int_equal(s->completed, 0);
	assert_int_equal(s->failed, n);
	assert_int_equal(hist_count_at_least(s->latency), n);
	assert_int_equal(hist_count_at_least(s->service), n);
	assert_int_equal(hist_count_at_least(s->ttft), n);
	assert_int_equal(hist_count_at_least(s->lateness), 0);
	assert_true(hist_is_lower_bound(s->latency, 50));
}

static void test_answers_of_any_status_are_exact(void **state)
{
	struct request_stats *s = *state;
	struct record_request r = answered();

	r.outcome = RECORD_HTTP_ERROR;
	r.http_status = 429;
	r.flags = RECORD_STREAM;
	r.first_token_ns = 0;
	assert_int_equal(request_stats_add(s, &r), 0);
	r.outcome = RECORD_CHECK_FAILED;
	r.http_status = 65535; /* nonsense from a damaged record stays inside the array */
	assert_int_equal(request_stats_add(s, &r), 0);
	assert_int_equal(s->completed, 2);
	assert_int_equal(s->failed, 2);
	assert_int_equal(s->status[429], 1);
	assert_int_equal(s->status[0], 1);
	assert_int_equal(hist_count_at_least(s->latency), 0);
	assert_int_equal(hist_count(s->ttft), 0);
}

static void test_never_sent(void **state)
{
	struct request_stats *s = *state;
	struct record_request r = {.id = 1, .due_ns = NS_PER_S, .end_ns = 3 * NS_PER_S, .outcome = RECORD_CUT_SHORT};

	assert_int_equal(request_stats_add(s, &r), 0);
	assert_int_equal(s->sent, 0);
	assert_int_equal(s->outcome[RECORD_CUT_SHORT], 1);
	assert_int_equal(hist_count_at_least(s->lateness), 1);
	assert_int_equal(hist_max(s->lateness), 2 * NS_PER_S);
	assert_int_equal(hist_count(s->service), 0);
	r.outcome = RECORD_CONNECT_FAILED;
	r.connect_start_ns = NS_PER_S + MS;
	assert_int_equal(request_stats_add(s, &r), 0);
	assert_int_equal(s->sent, 1);
	assert_int_equal(hist_min(s->lateness), MS);
	r.outcome = 999;
	assert_int_equal(request_stats_add(s, &r), 0);
	assert_int_equal(s->outcome[RECORD_OTHER], 1);
}

static void test_merge(void **state)
{
	struct request_stats *s = *state, other;
	struct record_request r = answered();

	assert_int_equal(request_stats_init(&other), 0);
	assert_int_equal(request_stats_add(s, &r), 0);
	r.end_ns += MS;
	r.outcome = RECORD_TIMEOUT;
	r.checks_failed = 128;
	assert_int_equal(request_stats_add(&other, &r), 0);
	assert_int_equal(request_stats_merge(s, &other), 0);
	assert_int_equal(s->sent, 2);
	assert_int_equal(s->completed, 1);
	assert_int_equal(s->failed, 1);
	assert_int_equal(s->outcome[RECORD_TIMEOUT], 1);
	assert_int_equal(s->status[200], 2);
	assert_int_equal(s->tokens, 14);
	assert_int_equal(s->check_failed[7], 1);
	assert_int_equal(hist_count(s->latency), 2);
	assert_int_equal(hist_count_at_least(s->latency), 1);
	request_stats_fini(&other);
	request_stats_fini(&other);
}

static void test_outcome_names(void **state)
{
	int i, j;

	(void)state;
	for (i = 0; i < RECORD_OUTCOMES; i++) {
		for (j = 0; j < i; j++)
			assert_string_not_equal(record_outcome_name((enum record_outcome)i),
						record_outcome_name((enum record_outcome)j));
	}
	assert_string_equal(record_outcome_name((enum record_outcome)4711), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connect_is_not_lateness, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unfinished_are_lower_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_of_any_status_are_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
		cmocka_unit_test(test_outcome_names),
	};

	return cmocka_run_group_tests_name("request_stats", tests, NULL, NULL);
}
