// SPDX-License-Identifier: GPL-2.0-only
// rooms: base probe/turns
/* Turns as the ring carries them become the turns that everybody else knows. */
#include <stddef.h>

#include "probe/turns.h"
#include "tests/support/test.h"

static const struct wire_turns two = {
	.h = {.kind = WIRE_KIND_TURNS, .size = offsetof(struct wire_turns, brief) + 2 * sizeof(struct wire_turn_brief)},
	.conn = 77,
	.turn = 0xffffffff,
	.count = 2,
	.role = WIRE_ROLE_GATEWAY,
	.side = WIRE_SIDE_CLIENT,
	.brief = {{.lane = {{.time_ns = 30, .start_pos = 200},
			    {.time_ns = 40, .start_pos = 200},
			    {.time_ns = 10, .start_pos = 1ULL << 40}},
		   .bytes = {50, 50, 7},
		   .retransmits = 1,
		   .reader_tgid = 5,
		   .reader_tid = 6,
		   .sender_tgid = 7,
		   .sender_tid = 8},
		  {.lane = {[WIRE_LANE_OUT] = {.time_ns = 50, .start_pos = 3}}, .bytes = {[WIRE_LANE_OUT] = 9}}},
};

static void test_a_turn_is_made_whole(void **state)
{
	struct wire_turn t;

	(void)state;
	turns_get(&two, 0, &t);
	assert_int_equal(t.h.kind, WIRE_KIND_TURN);
	assert_int_equal(t.h.size, sizeof(t));
	assert_int_equal(t.h.time_ns, 40);
	assert_int_equal(t.conn, 77);
	assert_int_equal(t.turn, 0xffffffff);
	assert_int_equal(t.role, WIRE_ROLE_GATEWAY);
	assert_int_equal(t.side, WIRE_SIDE_CLIENT);
	assert_int_equal(t.lane[WIRE_LANE_IN].first_ns, 30);
	assert_int_equal(t.lane[WIRE_LANE_IN].last_ns, 30);
	assert_int_equal(t.lane[WIRE_LANE_IN].end_pos, 250);
	assert_int_equal(t.lane[WIRE_LANE_IN].count, 1);
	assert_int_equal(t.lane[WIRE_LANE_OUT].start_pos, 1ULL << 40);
	assert_int_equal(t.lane[WIRE_LANE_OUT].first_bytes, 7);
	assert_int_equal(t.reader.tid, 6);
	assert_int_equal(t.sender.tgid, 7);
	assert_int_equal(t.retransmits, 1);
}

/* A lane without bytes is all zero, and numbers wrap as the kernel's do. */
static void test_a_lane_without_marks_is_empty(void **state)
{
	const struct wire_lane_span none = {0};
	struct wire_turn t;

	(void)state;
	turns_get(&two, 1, &t);
	assert_int_equal(t.turn, 0);
	assert_memory_equal(&t.lane[WIRE_LANE_IN], &none, sizeof(none));
	assert_memory_equal(&t.lane[WIRE_LANE_READ], &none, sizeof(none));
	assert_int_equal(t.lane[WIRE_LANE_OUT].end_pos, 12);
	assert_int_equal(t.h.time_ns, 50);
}

static void test_a_record_of_the_wrong_length_is_refused(void **state)
{
	struct wire_turns r = two;

	(void)state;
	assert_true(turns_check(&r, r.h.size));
	assert_false(turns_check(&r, r.h.size - 1));
	assert_false(turns_check(&r, sizeof(r)));
	assert_false(turns_check(&r, sizeof(r.h)));
	r.count = WIRE_TURNS_MAX + 1;
	assert_false(turns_check(&r, r.h.size + 3 * (uint32_t)sizeof(r.brief[0])));
	r.count = 0;
	assert_false(turns_check(&r, offsetof(struct wire_turns, brief)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_turn_is_made_whole),
		cmocka_unit_test(test_a_lane_without_marks_is_empty),
		cmocka_unit_test(test_a_record_of_the_wrong_length_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
