// rooms: base gateway/plants
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
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_error_names_the_word),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
