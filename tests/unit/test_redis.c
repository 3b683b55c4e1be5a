// rooms: base http/loop gateway/redis
// SPDX-License-Identifier: GPL-2.0-only
/* RESP as Redis answers it, and a peer that is not there. */
#include <string.h>

#include "gateway/redis.h"
#include "tests/support/test.h"

static void test_replies(void **state)
{
	static const struct {
		const char *text;
		long took;
		const char *value;
	} rows[] = {{"$5\r\nhello\r\n", 11, "hello"},
		    {"$0\r\n\r\n", 6, ""},
		    {"$-1\r\n", 5, NULL},
		    {"+OK\r\n", 5, NULL},
		    {"-ERR no\r\n", 9, NULL},
		    {":12\r\n", 5, NULL},
		    {"$5\r\nhelloXX", -1, NULL},
		    {"$-2\r\n", -1, NULL},
		    {"$x\r\n", -1, NULL},
		    {"$\r\n5\r\nhello\r\n", -1, NULL},
		    {"$ 5\r\nhello\r\n", -1, NULL},
		    {"$99999999999\r\n", -1, NULL},
		    {"*1\r\n", -1, NULL},
		    {"HTTP/1.1 400\r\n", -1, NULL},
		    {"+OK\rx", -1, NULL}};
	const char *value;
	size_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(redis_reply_parse(rows[i].text, strlen(rows[i].text), &value, &bytes), rows[i].took);
		if (rows[i].value) {
			assert_non_null(value);
			assert_int_equal(bytes, strlen(rows[i].value));
			assert_memory_equal(value, rows[i].value, bytes);
		} else {
			assert_null(value);
		}
		/* every cut of a good reply asks for more */
		for (size_t n = 0; rows[i].took > 0 && n < (size_t)rows[i].took; n++)
			assert_int_equal(redis_reply_parse(rows[i].text, n, &value, &bytes), 0);
	}
}

static void test_endless_line(void **state)
{
	char text[1024];
	const char *value;
	size_t bytes;

	(void)state;
	memset(text, '+', sizeof(text));
	assert_int_equal(redis_reply_parse(text, sizeof(text), &value, &bytes), -1);
}

struct asked {
	struct redis_ask ask;
	struct loop *loop;
	unsigned answers;
	bool had_value;
};

static void on_answer(struct redis_ask *ask, const char *value, size_t bytes)
{
	struct asked *a = ask->ctx;

	(void)bytes;
	a->answers++;
	a->had_value = value != NULL;
	loop_stop(a->loop);
}

/* Nobody listens on port 1: a miss, once, from the loop. */
static void test_not_there(void **state)
{
	struct asked a = {.ask = {.answer = on_answer, .ctx = &a}}, forgotten = {.ask = {.answer = on_answer, .ctx = &forgotten}};
	struct redis *r;
	struct err err = {0};

	(void)state;
	assert_int_equal(loop_new(&a.loop), 0);
	forgotten.loop = a.loop;
	assert_int_equal(redis_new(&r, a.loop, "127.0.0.1:1", &err), 0);
	assert_int_equal(redis_get(r, &forgotten.ask, "k", 1), 0);
	redis_forget(r, &forgotten.ask);
	assert_int_equal(redis_get(r, &a.ask, "k", 1), 0);
	redis_set(r, "k", 1, "v", 1, 0);
	assert_int_equal(a.answers, 0);
	loop_run(a.loop);
	assert_int_equal(a.answers, 1);
	assert_false(a.had_value);
	assert_int_equal(forgotten.answers, 0);
	redis_free(r);
	loop_free(a.loop);
	assert_int_not_equal(redis_new(&r, NULL, "localhost", &err), 0);
	assert_non_null(strstr(err.text, "127.0.0.1:6379"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
