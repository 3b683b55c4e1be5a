// rooms: base attribution/recovery
// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/recovery.h"
#include "tests/support/test.h"

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static void request(struct recovery *r, uint32_t stage, uint64_t due_ns, uint64_t took_ns, enum record_outcome outcome)
{
	const struct record_request request = {
		.stage_index = stage, .due_ns = due_ns, .end_ns = due_ns + took_ns, .outcome = (uint16_t)outcome};

	assert_int_equal(recovery_add(r, &request), 0);
}

/* 100 requests/s; in the third stage slow for the first `slow_ns` */
static struct recovery *run(uint64_t slow_ns, enum record_outcome outcome)
{
	static const uint64_t durations[] = {4 * S, 2 * S, 4 * S, 0};
	struct recovery *r = recovery_new(durations, 4);

	for (uint64_t i = 0; i < 400; i++)
		request(r, 0, S + i * 10 * MS, 20 * MS, RECORD_OK);
	for (uint64_t i = 0; i < 200; i++)
		request(r, 1, 5 * S + i * 10 * MS, 500 * MS, RECORD_OK);
	for (uint64_t i = 0; i < 400; i++)
		request(r, 2, 7 * S + i * 10 * MS, i * 10 * MS < slow_ns ? 300 * MS : 20 * MS,
			i * 10 * MS < slow_ns ? outcome : RECORD_OK);
	return r;
}

static void test_recovers(void **state)
{
	struct recovery *r = run(950 * MS, RECORD_OK);
	bool recovered = false;
	uint64_t ns = 0;

	(void)state;
	assert_true(recovery_of(r, 2, &ns, &recovered));
	assert_true(recovered);
	assert_in_range(ns, 900 * MS, S);
	assert_true(recovery_of(r, 1, &ns, &recovered));
	assert_false(recovered);
	assert_int_equal(ns, 2 * S);
	recovery_free(r);
}

static void test_failures_count(void **state)
{
	struct recovery *r = run(500 * MS, RECORD_RESET);
	bool recovered;
	uint64_t ns;

	(void)state;
	assert_true(recovery_of(r, 2, &ns, &recovered));
	assert_true(recovered);
	assert_in_range(ns, 450 * MS, 600 * MS);
	recovery_free(r);
}

static void test_nothing_to_tell(void **state)
{
	static const uint64_t durations[] = {S, S, 0};
	struct recovery *r = recovery_new(durations, 3);
	bool recovered;
	uint64_t ns;

	(void)state;
	request(r, 1, 5 * S, MS, RECORD_OK); /* no first stage to compare with */
	request(r, 9, 5 * S, MS, RECORD_OK);
	assert_false(recovery_of(r, 0, &ns, &recovered));
	assert_false(recovery_of(r, 1, &ns, &recovered));
	assert_false(recovery_of(r, 2, &ns, &recovered));
	assert_false(recovery_of(r, 9, &ns, &recovered));
	recovery_free(r);
}

static void test_at_once(void **state)
{
	struct recovery *r = run(0, RECORD_OK);
	bool recovered;
	uint64_t ns;

	(void)state;
	assert_true(recovery_of(r, 2, &ns, &recovered));
	assert_true(recovered);
	assert_int_equal(ns, 0);
	recovery_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recovers),
		cmocka_unit_test(test_failures_count),
		cmocka_unit_test(test_nothing_to_tell),
		cmocka_unit_test(test_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
