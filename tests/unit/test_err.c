// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/test.h"

static void test_first_error_wins(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, -ENOENT, "cannot open %s", "a.yaml"), -ENOENT);
	assert_int_equal(err_set(&err, -EINVAL, "later"), -EINVAL);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.text, "cannot open a.yaml");
	assert_int_equal(err_set(NULL, -EIO, "nobody asks"), -EIO);
}

static void test_long_text_is_cut(void **state)
{
	struct err err = {0};
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EINVAL, "%s", text);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void test_error_is_one_line(void **state)
{
	struct err err = {0};

	(void)state;
	err_set(&err, -EINVAL, "unexpected key: %s", "a\n\x1b[31mb\t\x7f\xc3\xa9");
	assert_string_equal(err.text, "unexpected key: a  [31mb  \xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_first_error_wins), cmocka_unit_test(test_long_text_is_cut),
					   cmocka_unit_test(test_error_is_one_line)};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
