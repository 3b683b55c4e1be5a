// rooms: base timeline/ring
// SPDX-License-Identifier: GPL-2.0-only
/* Rings against a plain array: random items come and go, with room for all of them and without, the seed printed. */
#include <string.h>

#include "base/rng.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"
#include "timeline/ring.h"

#define STEPS 20000u
#define ROUNDS 20

struct item {
	uint64_t key;
	uint32_t index;
};

/* What is in the ring is told by its item's index: of item i the key is key_of[i]. */
static uint64_t key_of[STEPS];

static void ring_expect(const struct ring *r)
{
	assert_null(ring_at(r, r->end));
	assert_true(r->head == 0 || !ring_at(r, r->head - 1));
	for (uint64_t i = r->head; i < r->end; i++) {
		const struct item *item = ring_at(r, i);

		assert_non_null(item);
		assert_int_equal(item->key, key_of[item->index]);
		if (i > r->head)
			assert_int_equal(item->index, ((const struct item *)ring_at(r, i - 1))->index + 1);
	}
}

static void after_expect(const struct ring *r, uint64_t key)
{
	uint64_t at = ring_after(r, offsetof(struct item, key), key);

	assert_in_range(at, r->head, r->end);
	assert_true(at == r->end || ((const struct item *)ring_at(r, at))->key > key);
	assert_true(at == r->head || ((const struct item *)ring_at(r, at - 1))->key <= key);
}

static void round_run(struct rng *rng, uint64_t limit)
{
	struct ring_budget budget = {.limit = limit};
	struct ring r = {.item_bytes = sizeof(struct item)};
	uint64_t gone = 0, key = 0;

	for (uint32_t i = 0; i < STEPS; i++) {
		struct item item = {.index = i}, lost = {0};
		uint64_t dropped = budget.dropped;

		key += rng_below(rng, 3);
		item.key = key;
		key_of[i] = key;
		bool full = ring_push(&r, &budget, &item, &lost);
		assert_int_equal(full, budget.dropped > dropped);
		assert_int_equal(lost.key, full ? key_of[lost.index] : 0);
		if (full && r.head < r.end) /* the newest of what was lost stood before the oldest that is left */
			assert_int_equal(((const struct item *)ring_at(&r, r.head))->index, lost.index + 1);
		if (rng_below(rng, 50) == 0) {
			uint64_t n = rng_below(rng, (uint32_t)(r.end - r.head) + 1);

			ring_drop(&r, &budget, n);
			gone += n;
		}
		assert_int_equal(r.end - r.head + gone + budget.dropped, i + 1);
		assert_in_range(budget.bytes, 0, limit);
		if (i % 512 == 0) {
			ring_expect(&r);
			after_expect(&r, rng_below(rng, (uint32_t)key + 1));
		}
	}
	/* what it takes is what its items take, a block at each end, and the list of blocks */
	uint64_t items = r.end - r.head;
	assert_in_range(budget.bytes, 0,
			(items + 2 * RING_BLOCK) * sizeof(struct item) + (items / RING_BLOCK + 2) * 16 * sizeof(char *));
	ring_fini(&r, &budget);
	assert_int_equal(budget.bytes, 0);
}

static void test_against_an_array(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, test_seed(), 0);
	for (int i = 0; i < ROUNDS; i++)
		round_run(&rng, i % 2 ? UINT64_MAX : rng_below(&rng, 20000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_an_array)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
