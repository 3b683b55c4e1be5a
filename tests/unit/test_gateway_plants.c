// rooms: base gateway/plants gateway/hoard_parse
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "gateway/gateway.h"

static void test_good(void **state)
{
	(void)state;
	struct gateway_plants p;
	struct err err = {0};

	assert_int_equal(gateway_plants_parse("none", &p, &err), 0);
	assert_int_equal(p.count, 0);
	assert_int_equal(
		gateway_plants_parse("sleep=1ms@request,cpu=200us@response/4,syscalls=100@chunk,handoff@request", &p, &err), 0);
	assert_int_equal(p.count, 4);
	assert_int_equal(p.plant[0].kind, GATEWAY_PLANT_SLEEP);
	assert_int_equal(p.plant[0].side, GATEWAY_REQUEST);
	assert_int_equal(p.plant[0].amount, NS_PER_MS);
	assert_int_equal(p.plant[0].every, 1);
	assert_int_equal(p.plant[1].kind, GATEWAY_PLANT_CPU);
	assert_int_equal(p.plant[1].side, GATEWAY_RESPONSE);
	assert_int_equal(p.plant[1].amount, 200 * NS_PER_US);
	assert_int_equal(p.plant[1].every, 4);
	assert_int_equal(p.plant[2].kind, GATEWAY_PLANT_SYSCALLS);
	assert_int_equal(p.plant[2].side, GATEWAY_CHUNK);
	assert_int_equal(p.plant[2].amount, 100);
	assert_int_equal(p.plant[3].kind, GATEWAY_PLANT_HANDOFF);
}

static void test_amounts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		struct gateway_plant want;
		const char *described, *cause;
	} rows[] = {
		{"lock=1ms@request", {GATEWAY_PLANT_LOCK, GATEWAY_REQUEST, 1, NS_PER_MS, 0}, "lock 1.00 ms", "lock"},
		{"fsync=1MiB@response", {GATEWAY_PLANT_FSYNC, GATEWAY_RESPONSE, 1, 1 << 20, 0}, "fsync 1.05 MB", "disk"},
		{"malloc=200x4KiB@chunk",
		 {GATEWAY_PLANT_MALLOC, GATEWAY_CHUNK, 1, 200, 4096},
		 "malloc 200 x 4.10 kB",
		 "allocator"},
		{"page_faults=9@request", {GATEWAY_PLANT_PAGE_FAULTS, GATEWAY_REQUEST, 1, 9, 0}, "page_faults 9", "own_user"},
		{"file_faults=9@request", {GATEWAY_PLANT_FILE_FAULTS, GATEWAY_REQUEST, 1, 9, 0}, "file_faults 9", "page_fault"},
		{"neighbour=2ms@request/3",
		 {GATEWAY_PLANT_NEIGHBOUR, GATEWAY_REQUEST, 3, 2 * NS_PER_MS, 0},
		 "neighbour 2.00 ms",
		 "run_queue"},
		{"quota=2ms/20ms@request/2",
		 {GATEWAY_PLANT_QUOTA, GATEWAY_REQUEST, 2, 2 * NS_PER_MS, 20 * NS_PER_MS},
		 "quota 2.00 ms / 20.0 ms",
		 "throttled"},
		{"resolver=5ms@request",
		 {GATEWAY_PLANT_RESOLVER, GATEWAY_REQUEST, 1, 5 * NS_PER_MS, 0},
		 "resolver 5.00 ms",
		 "socket"},
		{"hog=5ms@response", {GATEWAY_PLANT_HOG, GATEWAY_RESPONSE, 1, 5 * NS_PER_MS, 0}, "hog 5.00 ms", "other_work"},
		{"handoff=1ms@request", {GATEWAY_PLANT_HANDOFF, GATEWAY_REQUEST, 1, NS_PER_MS, 0}, "handoff 1.00 ms", "hand_off"},
		{"handoff@request", {GATEWAY_PLANT_HANDOFF, GATEWAY_REQUEST, 1, 0, 0}, "handoff", "hand_off"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gateway_plants p;
		char text[96];

		if (gateway_plants_parse(rows[i].text, &p, NULL))
			fail_msg("refused \"%s\"", rows[i].text);
		assert_int_equal(p.count, 1);
		assert_memory_equal(&p.plant[0], &rows[i].want, sizeof(p.plant[0]));
		assert_string_equal(gateway_plant_describe(&p.plant[0], text, sizeof(text)), rows[i].described);
		assert_string_equal(gateway_plant_cause(p.plant[0].kind), rows[i].cause);
		assert_true(gateway_plants_have(&p, rows[i].want.kind));
		assert_false(gateway_plants_have(&p, GATEWAY_PLANT_SLEEP));
	}
}

static void test_bad(void **state)
{
	(void)state;
	static const char *const texts[] = {"",
					    "nap=1ms@request",
					    "sleep=1ms",
					    "sleep=1@request",
					    "sleep=ms@request",
					    "sleep@request",
					    "sleep=1ms@both",
					    "cpu=200us@response/0",
					    "cpu=200us@response/x",
					    "syscalls=1ms@chunk",
					    "handoff=1@request",
					    "lock@request",
					    "fsync=0@request",
					    "fsync=1GiB@request",
					    "malloc=200@request",
					    "malloc=200x@request",
					    "malloc=x4KiB@request",
					    "malloc=1msx4KiB@request",
					    "page_faults=1ms@request",
					    "quota=1ms@request",
					    "quota=20ms/20ms@request",
					    "quota=100us/20ms@request",
					    "quota=1ms/2s@request",
					    "quota=1ms/20ms@request,quota=2ms/20ms@response",
					    "resolver=1ms@response",
					    "sleep=1ms@request,",
					    "none,sleep=1ms@request",
					    "sleep=1ms@request;cpu=1ms@request"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct gateway_plants p;
		struct err err = {0};
		if (gateway_plants_parse(texts[i], &p, &err) != -EINVAL)
			fail_msg("accepted \"%s\"", texts[i]);
		assert_non_null(strstr(err.text, "possible:"));
	}
}

static void test_error_names_the_word(void **state)
{
	(void)state;
	struct gateway_plants p;
	struct err err = {0};

	assert_int_equal(gateway_plants_parse("sleep=1ms@request,nap=2ms@chunk", &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "\"nap=2ms@chunk\""));
}

static void test_too_many(void **state)
{
	(void)state;
	struct gateway_plants p;
	struct err err = {0};
	char text[512] = "handoff@chunk";

	for (int i = 1; i < GATEWAY_PLANTS_MAX; i++)
		strcat(text, ",handoff@chunk");
	assert_int_equal(gateway_plants_parse(text, &p, &err), 0);
	assert_int_equal(p.count, GATEWAY_PLANTS_MAX);
	strcat(text, ",handoff@chunk");
	assert_int_equal(gateway_plants_parse(text, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "more than 16"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),     cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_bad),      cmocka_unit_test(test_error_names_the_word),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
