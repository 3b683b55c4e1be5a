// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include "base/url.h"

#include <string.h>

#include "tests/support/test.h"

static void test_user_is_left_out(void **state)
{
	static const struct {
		const char *url, *shown;
	} rows[] = {
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"http://bob:key@gw:8080/v1", "http://gw:8080/v1"},
		{"https://key@gw", "https://gw"},
		{"http://bob:k@y@gw/a@b?c=d@e", "http://gw/a@b?c=d@e"},
		{"bob:key@gw:1", "gw:1"},
		{"http://gw/path@x", "http://gw/path@x"},
		{"", ""},
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(url_without_user(buf, sizeof(buf), rows[i].url), rows[i].shown);
	assert_string_equal(url_without_user(buf, 8, "http://bob@gateway"), "http://");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_user_is_left_out)};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
