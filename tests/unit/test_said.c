// rooms: base record/said driver/delta
// SPDX-License-Identifier: GPL-2.0-only
/* Streams are compared with what the provider said. */
#include <stdio.h>
#include <string.h>

#include "driver/delta.h"
#include "tests/support/test.h"

static void test_any_cut(void **state)
{
	char text[512] = "";

	(void)state;
	for (uint32_t k = 0; k < 40; k++)
		strcat(text, said_word(77, k));
	for (size_t piece = 1; piece < 40; piece++) {
		struct said s = {.id = 77};

		for (size_t at = 0; at < strlen(text); at += piece)
			assert_true(said_hear(&s, text + at, at + piece < strlen(text) ? piece : strlen(text) - at));
		assert_int_equal(s.word, 40);
		assert_int_equal(s.at, 0);
	}
}

/* A word that is missing, comes twice, or changes places is noticed by the next word at the latest. */
static void test_disorder(void **state)
{
	(void)state;
	for (uint64_t id = 1; id < 64; id++) {
		for (uint32_t k = 0; k < 20; k++) {
			struct said missing = {.id = id, .word = k}, twice = {.id = id, .word = k};

			assert_false(said_hear(&missing, said_word(id, k + 1), strlen(said_word(id, k + 1))) &&
				     said_hear(&missing, said_word(id, k + 2), strlen(said_word(id, k + 2))));
			assert_true(said_hear(&twice, said_word(id, k), strlen(said_word(id, k))));
			assert_false(said_hear(&twice, said_word(id, k), strlen(said_word(id, k))) &&
				     said_hear(&twice, said_word(id, k + 1), strlen(said_word(id, k + 1))));
		}
	}
}

static bool hear(struct said *s, enum plan_endpoint endpoint, const char *json)
{
	return delta_hear(s, endpoint, json, strlen(json));
}

static void test_events(void **state)
{
	struct said s = {.id = 5};
	char json[256];

	(void)state;
	snprintf(json, sizeof(json), "{\"choices\":[{\"delta\":{\"content\":\"%s\"}},{\"delta\":{\"content\":\"%s\"}}]}",
		 said_word(5, 0), said_word(5, 1));
	assert_true(hear(&s, PLAN_CHAT, json));
	assert_int_equal(s.word, 2);
	assert_true(hear(&s, PLAN_CHAT, "{\"choices\":[]}"));
	assert_true(hear(&s, PLAN_CHAT, "{\"content\":null}"));
	assert_true(hear(&s, PLAN_CHAT, "{\"content\":\""));
	snprintf(json, sizeof(json), "{\"delta\":{\"text\":\"%s\"}}", said_word(5, 2));
	assert_true(hear(&s, PLAN_MESSAGES, json));
	assert_int_equal(s.word, 3);
	assert_false(hear(&s, PLAN_CHAT, "{\"content\":\" nothing of the kind\"}"));
}

static void test_ids(void **state)
{
	static const char good[] = "{\"id\":\"chatcmpl-00ab000000000001\",";
	static const char *const bad[] = {"{\"id\":\"chatcmpl-00ab00000000000\",", "{\"id\":\"chatcmpl-00AB000000000001\",",
					  "{\"id\":\"chatcmpl-00ab0000000000011\"", "{\"id\":\"x\"}", ""};
	uint64_t id = 0;

	(void)state;
	assert_true(delta_answer_id(good, strlen(good), &id));
	assert_int_equal(id, 0x00ab000000000001);
	for (size_t n = 0; n < strlen(good) - 1; n++)
		assert_false(delta_answer_id(good, n, &id));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(delta_answer_id(bad[i], strlen(bad[i]), &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_cut),
		cmocka_unit_test(test_disorder),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
