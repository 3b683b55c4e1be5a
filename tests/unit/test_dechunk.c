// rooms: driver/dechunk
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "driver/dechunk.h"

struct collected {
	char text[256];
	size_t bytes;
	size_t place[256]; /* of each byte in the coded stream */
};

static int collect(struct dechunk *d, const char *data, size_t bytes, size_t offset, struct collected *c)
{
	const char *piece;
	size_t at = 0, n;
	int r;

	while ((r = dechunk_next(d, data, bytes, &at, &piece, &n)) > 0) {
		for (size_t i = 0; i < n; i++) {
			c->place[c->bytes] = offset + (size_t)(piece - data) + i;
			c->text[c->bytes++] = piece[i];
		}
	}
	return r;
}

static const char coded[] = "5\r\nhello\r\n1;name=\"value\"\r\n \r\n00a\r\nbig world!\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n";
static const char plain[] = "hello big world!";

static void check_whole(const struct dechunk *d, const struct collected *c)
{
	assert_int_equal(c->bytes, sizeof(plain) - 1);
	assert_memory_equal(c->text, plain, sizeof(plain) - 1);
	assert_int_equal(d->done, 1);
	for (size_t i = 0; i < c->bytes; i++)
		assert_int_equal(coded[c->place[i]], plain[i]);
}

static void every_split_gives_the_payload(void **state)
{
	size_t bytes = sizeof(coded) - 1;

	(void)state;
	for (size_t first = 0; first <= bytes; first++) {
		for (size_t second = first; second <= bytes; second++) {
			struct dechunk d = {0};
			struct collected c = {0};

			assert_int_equal(collect(&d, coded, first, 0, &c), 0);
			assert_int_equal(collect(&d, coded + first, second - first, first, &c), 0);
			assert_int_equal(collect(&d, coded + second, bytes - second, second, &c), 0);
			check_whole(&d, &c);
		}
	}
}

static void one_byte_at_a_time(void **state)
{
	struct dechunk d = {0};
	struct collected c = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(coded) - 1; i++)
		assert_int_equal(collect(&d, coded + i, 1, i, &c), 0);
	check_whole(&d, &c);
}

static int feed(const char *text)
{
	struct dechunk d = {0};
	struct collected c = {0};

	return collect(&d, text, strlen(text), 0, &c);
}

static void what_is_not_chunked_is_refused(void **state)
{
	(void)state;
	assert_int_equal(feed("x\r\n"), -EBADMSG);
	assert_int_equal(feed("\r\n"), -EBADMSG);
	assert_int_equal(feed("5\nhello"), -EBADMSG);
	assert_int_equal(feed("2\r\nabc\r\n"), -EBADMSG);
	assert_int_equal(feed("2\r\nab\rx"), -EBADMSG);
	assert_int_equal(feed("2\rx"), -EBADMSG);
	assert_int_equal(feed("0\r\n\r\nmore"), -EBADMSG);
	assert_int_equal(feed("0\r\nT: x\rx"), -EBADMSG);
	assert_int_equal(feed("1234567890abcdef\r\n"), -EBADMSG); /* more than a size can be */
}

static void not_done_before_the_end(void **state)
{
	struct dechunk d = {0};
	struct collected c = {0};

	(void)state;
	assert_int_equal(collect(&d, coded, sizeof(coded) - 2, 0, &c), 0);
	assert_int_equal(d.done, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_split_gives_the_payload),
		cmocka_unit_test(one_byte_at_a_time),
		cmocka_unit_test(what_is_not_chunked_is_refused),
		cmocka_unit_test(not_done_before_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
