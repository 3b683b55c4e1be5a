// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
/* The map against an array indexed by key. */
#include "base/map.h"
#include "base/rng.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"

#define KEYS 512
#define STEPS 200000

/* Few keys, so that they meet often; some of them far apart and some neighbours. */
static uint64_t key_of(unsigned i)
{
	return i % 2 ? i : (uint64_t)i << 40;
}

static void assert_same(const struct map *m, char *const *naive, size_t count)
{
	unsigned found = 0;
	size_t cursor = 0;
	uint64_t key;
	void *value;
	unsigned i;

	assert_int_equal(map_count(m), count);
	for (i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get(m, key_of(i)), naive[i]);
	while (map_next(m, &cursor, &key, &value)) {
		unsigned index = (unsigned)(key >> 40 ? key >> 40 : key);

		assert_int_equal(key_of(index), key);
		assert_ptr_equal(naive[index], value);
		found++;
	}
	assert_int_equal(found, count);
}

static void test_random_operations(void **state)
{
	static char bytes[1024];
	char *naive[KEYS] = {0};
	struct map *m = map_new();
	size_t count = 0;
	struct rng r;
	int step;

	(void)state;
	rng_init(&r, test_seed(), 0);
	for (step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)rng_below(&r, KEYS);

		/* long stretches that fill and long ones that empty */
		if (rng_below(&r, 10) < (step / 2000 % 2 ? 3u : 7u)) {
			char *value = &bytes[rng_below(&r, sizeof(bytes))];

			count += !naive[i];
			naive[i] = value;
			assert_int_equal(map_put(m, key_of(i), value), 0);
		} else {
			count -= naive[i] != NULL;
			assert_ptr_equal(map_remove(m, key_of(i)), naive[i]);
			naive[i] = NULL;
		}
		if (step % 500 == 0)
			assert_same(m, naive, count);
	}
	assert_same(m, naive, count);
	map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_operations)};

	return cmocka_run_group_tests_name("map_model", tests, NULL, NULL);
}
