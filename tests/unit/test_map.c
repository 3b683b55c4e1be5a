// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "base/map.h"
#include "tests/support/test.h"

static void test_put_get_remove(void **state)
{
	struct map *m = map_new();
	int a, b;

	(void)state;
	assert_null(map_get(m, 0));
	assert_null(map_remove(m, 0));
	assert_int_equal(map_put(m, 0, &a), 0);
	assert_int_equal(map_put(m, UINT64_MAX, &b), 0);
	assert_ptr_equal(map_get(m, 0), &a);
	assert_ptr_equal(map_get(m, UINT64_MAX), &b);
	assert_int_equal(map_put(m, 0, &b), 0);
	assert_int_equal(map_count(m), 2);
	assert_ptr_equal(map_remove(m, 0), &b);
	assert_null(map_get(m, 0));
	assert_int_equal(map_count(m), 1);
	assert_int_equal(map_put(m, 1, NULL), -EINVAL);
	map_free(m);
	map_free(NULL);
}

static void test_grows_and_iterates(void **state)
{
	static char marks[5000];
	struct map *m = map_new();
	size_t cursor = 0, seen = 0;
	uint64_t key, i;
	void *value;

	(void)state;
	for (i = 0; i < sizeof(marks); i++)
		assert_int_equal(map_put(m, i * 64, &marks[i]), 0);
	assert_int_equal(map_count(m), sizeof(marks));
	while (map_next(m, &cursor, &key, &value)) {
		assert_ptr_equal(value, &marks[key / 64]);
		assert_int_equal(marks[key / 64]++, 0);
		seen++;
	}
	assert_int_equal(seen, sizeof(marks));
	assert_int_equal(map_next(m, &cursor, &key, &value), 0);
	map_free(m);
}

static void mark(void *value)
{
	++*(char *)value;
}

static void test_frees_each_value_once(void **state)
{
	static char marks[1000];
	struct map *m = map_new();

	(void)state;
	for (size_t i = 0; i < sizeof(marks); i++)
		assert_int_equal(map_put(m, i, &marks[i]), 0);
	assert_ptr_equal(map_remove(m, 7), &marks[7]);
	map_free_with(m, mark);
	for (size_t i = 0; i < sizeof(marks); i++)
		assert_int_equal(marks[i], i != 7);
	map_free_with(NULL, mark);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_put_get_remove), cmocka_unit_test(test_grows_and_iterates),
					   cmocka_unit_test(test_frees_each_value_once)};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
