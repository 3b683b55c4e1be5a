// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
/* What the scan takes, a whole parser takes too, and finds the same values. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_scan.h"
#include "tests/support/test.h"

struct seen {
	char text[512];
};

static void note(void *ctx, const struct json_member *m)
{
	struct seen *s = ctx;
	size_t used = strlen(s->text);

	snprintf(s->text + used, sizeof(s->text) - used, "%.*s=%.*s;", (int)m->name_bytes, m->name, (int)m->value_bytes,
		 m->value);
}

static bool scan(const char *text, struct seen *s)
{
	s->text[0] = '\0';
	return json_scan_object(text, strlen(text), note, s);
}

static void test_members(void **state)
{
	struct seen s;

	(void)state;
	assert_true(
		scan(" { \"a\" : 1 , \"b\":[ {\"c\":true}, \"]\\\"}\" ] ,\n\"a\":-0.50,\"\\n\":null,\"o\":{} , \"e\":[] } \r\n\t",
		     &s));
	assert_string_equal(s.text, "a=1;b=[ {\"c\":true}, \"]\\\"}\" ];a=-0.50;\\n=null;o={};e=[];");
	assert_true(scan("{}", &s));
	assert_string_equal(s.text, "");
	assert_false(scan("[1]", &s));
	assert_false(scan("\"a\"", &s));
}

/* Each is refused at every length too: no cut of an object is one. */
static void test_cut(void **state)
{
	static const char text[] =
		"{\"model\":\"m\",\"n\":[1,2.5,true,null,{\"a\":\"\\\\\"}],\"s\":\"a text of more than eight bytes\"}";
	struct seen s;

	(void)state;
	assert_true(scan(text, &s));
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_false(json_scan_object(text, n, note, &s));
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"{} x",
		"{,}",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{\"a\":01}",
		"{\"a\":-}",
		"{\"a\":1.}",
		"{\"a\":.5}",
		"{\"a\":+1}",
		"{\"a\":tru}",
		"{\"a\":[}",
		"{\"a\":[1,]}",
		"{\"a\":[1 2]}",
		"{\"a\":\"\x01\"}",
		"{\"a\":\"\\x\"}",
		"{a:1}",
		"{\"a\":nan}",
		"{\"a\":12345678 \"b\":1}",
		"{\"a\":\"1234567\t\"}",
		"{\"a\" 1}",
		"{\"a\":{\"b\":1]}",
	};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (scan(texts[i], &s))
			fail_msg("taken: %s", texts[i]);
		assert_null(json_loads(texts[i], 0, NULL));
	}
}

/* JSON, but for the whole parser to judge. */
static void test_not_plain(void **state)
{
	static const char *const texts[] = {
		"{\"a\":1e3}",
		"{\"a\":1.5E-3}",
		"{\"a\":\"\\u0041\"}",
		"{\"a\":\"\xc3\xa9 is eight\"}",
		"{\"a\":1234567890123456789}",
	};
	struct seen s;
	json_t *json;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(scan(texts[i], &s));
		json = json_loads(texts[i], 0, NULL);
		assert_non_null(json);
		json_decref(json);
	}
}

static void test_depth(void **state)
{
	char text[8192];
	struct seen s;

	(void)state;
	for (unsigned depth = 1; depth < 2000; depth++) {
		unsigned n = (unsigned)sprintf(text, "{\"a\":");

		memset(text + n, '[', depth);
		memset(text + n + depth, ']', depth);
		strcpy(text + n + 2 * depth, "}");
		assert_int_equal(scan(text, &s), depth < 32);
	}
}

static void test_compare(void **state)
{
	const struct json_member m = {.name = "stream", .name_bytes = 6, .value = "true,", .value_bytes = 4};

	(void)state;
	assert_true(json_member_is(&m, "stream"));
	assert_false(json_member_is(&m, "strea"));
	assert_false(json_member_is(&m, "streams"));
	assert_true(json_value_is(&m, "true"));
	assert_false(json_value_is(&m, "true,"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),   cmocka_unit_test(test_cut),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_plain), cmocka_unit_test(test_depth), cmocka_unit_test(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
