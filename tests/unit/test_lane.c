// rooms: base timeline/lane timeline/pending
// SPDX-License-Identifier: GPL-2.0-only
/* Room that a burst has taken is given back, and what the lane still holds stays where it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "timeline/lane.h"
#include "timeline/pending.h"

#define TURNS 1000u
#define TURN_BYTES 100u
#define FITS 12 /* halvings: more than a burst of TURNS needs */

/* Turn k, of `marks` marks, ends at k + 1 times TURN_BYTES. */
static void turns_add(struct lane *l, uint32_t from, uint32_t to, uint32_t marks)
{
	for (uint32_t k = from; k < to; k++) {
		const struct wire_lane_span s = {.first_ns = k * 10 + 1,
						 .last_ns = k * 10 + 2,
						 .start_pos = (uint64_t)k * TURN_BYTES,
						 .end_pos = (uint64_t)(k + 1) * TURN_BYTES,
						 .first_bytes = marks == 1 ? TURN_BYTES : 40,
						 .count = marks};

		assert_int_equal(lane_add_span(l, &s, k, 0, 7), 0);
	}
}

static void turns_expect(const struct lane *l, uint32_t from, uint32_t to)
{
	struct lane_mark m;

	for (uint32_t k = from; k < to; k++) {
		assert_int_equal(lane_find(l, (uint64_t)k * TURN_BYTES, &m), LANE_EXACT);
		assert_int_equal(m.time_ns, k * 10 + 1);
		assert_int_equal(m.tid, 7);
	}
}

static void busy_lane_shrinks(void **state)
{
	for (uint32_t marks = 1; marks <= 2; marks++) {
		struct lane l = {0};

		turns_add(&l, 0, TURNS, marks);
		lane_fit(&l);
		assert_in_range(l.segment_size, TURNS, UINT32_MAX); /* all of it is in use */
		lane_use(&l, (uint64_t)(TURNS - 3) * TURN_BYTES);
		lane_trim(&l, UINT64_MAX, UINT64_MAX, 0);
		for (int i = 0; i < FITS; i++)
			lane_fit(&l);
		assert_in_range(l.segment_size, 3, 64);
		assert_in_range(l.mark_size, 0, 64);
		turns_expect(&l, TURNS - 3, TURNS);
		turns_add(&l, TURNS, 2 * TURNS, marks);
		turns_expect(&l, TURNS - 3, 2 * TURNS);
		lane_fini(&l);
	}
	(void)state;
}

static void spares_taken(struct spares *p, struct spare *item[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		item[i] = spares_take(p);
		assert_non_null(item[i]);
	}
	for (size_t i = 0; i < n; i++)
		spares_give(item[i]);
}

static void spares_of_no_use_are_freed(void **state)
{
	struct spares p = {.bytes = 64};
	struct spare *item[TURNS];

	spares_taken(&p, item, TURNS);
	for (int i = 0; i < FITS; i++) {
		spares_taken(&p, item, 100);
		spares_fit(&p);
	}
	assert_in_range(p.count, 100, 110);
	spares_fini(&p);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(busy_lane_shrinks),
		cmocka_unit_test(spares_of_no_use_are_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
