// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "tests/support/test.h"

static void test_append_and_consume(void **state)
{
	struct buf b = {0};
	int i;

	(void)state;
	assert_int_equal(buf_append(&b, "", 0), 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(buf_append(&b, "0123456789", 10), 0);
	assert_int_equal(b.used, 10000);
	buf_consume(&b, 9995);
	assert_int_equal(b.used, 5);
	assert_memory_equal(b.data, "56789", 5);
	buf_consume(&b, 100);
	assert_int_equal(b.used, 0);
	buf_fini(&b);
	assert_null(b.data);
}

static void test_bound(void **state)
{
	struct buf b = {.max = 8};

	(void)state;
	assert_int_equal(buf_append(&b, "12345678", 8), 0);
	assert_int_equal(buf_append(&b, "9", 1), -EMSGSIZE);
	assert_int_equal(buf_printf(&b, "%d", 9), -EMSGSIZE);
	assert_int_equal(b.used, 8);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	buf_consume(&b, 1);
	assert_int_equal(buf_printf(&b, "%d", 9), 0);
	assert_string_equal(b.data, "23456789");
	buf_fini(&b);
}

static void test_printf_keeps_nul(void **state)
{
	struct buf b = {0};
	char long_text[2001];

	(void)state;
	memset(long_text, 'x', 2000);
	long_text[2000] = '\0';
	assert_int_equal(buf_printf(&b, "%s=%d", "a", 1), 0);
	assert_string_equal(b.data, "a=1");
	assert_int_equal(buf_printf(&b, "%s", long_text), 0);
	assert_int_equal(b.used, 2003);
	assert_int_equal(strlen(b.data), 2003);
	buf_fini(&b);
}

static void test_spare(void **state)
{
	struct buf a = {.max = 100000}, b = {0}, spare = {0};
	const char *memory;

	(void)state;
	buf_take(&a, &spare); /* there is none yet */
	assert_null(a.data);
	assert_int_equal(buf_append(&a, "text", 4), 0);
	memory = a.data;
	buf_give(&a, &spare);
	assert_null(a.data);
	assert_int_equal(a.max, 100000);
	buf_take(&b, &spare);
	assert_ptr_equal(b.data, memory);
	assert_int_equal(b.used, 0);
	assert_null(spare.data);
	assert_int_equal(buf_append(&a, "text", 4), 0);
	buf_give(&a, &spare);
	buf_give(&b, &spare); /* one is kept, the other freed */
	assert_null(b.data);
	assert_int_equal(buf_reserve(&a, 70000), 0);
	buf_take(&a, &spare); /* it has its own */
	assert_non_null(spare.data);
	buf_fini(&spare);
	buf_give(&a, &spare); /* too large to be kept */
	assert_null(spare.data);
	assert_null(a.data);
}

static void test_read_file(void **state)
{
	char path[] = "/tmp/toll-test-buf-XXXXXX";
	struct buf b = {0};
	int fd = mkstemp(path);

	(void)state;
	assert_int_not_equal(fd, -1);
	assert_int_equal(buf_read_file(&b, path, 10), 0);
	assert_int_equal(b.used, 0);
	assert_string_equal(b.data, "");
	assert_int_equal(write(fd, "0123456789", 10), 10);
	assert_int_equal(buf_read_file(&b, path, 10), 0);
	assert_string_equal(b.data, "0123456789");
	assert_int_equal(buf_read_file(&b, path, 9), -EFBIG);
	assert_int_equal(buf_read_file(&b, "/tmp", 9), -EISDIR);
	assert_int_equal(buf_read_file(&b, "/nowhere/at/all", 9), -ENOENT);
	assert_int_equal(buf_read_file(&b, "/dev/zero", 1000), -EFBIG);
	close(fd);
	unlink(path);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append_and_consume), cmocka_unit_test(test_bound),
		cmocka_unit_test(test_printf_keeps_nul),   cmocka_unit_test(test_spare),
		cmocka_unit_test(test_read_file),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
