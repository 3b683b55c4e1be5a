// SPDX-License-Identifier: GPL-2.0-only
// rooms: base probe/paths
#include <string.h>

#include "probe/paths.h"
#include "tests/support/test.h"

static int parse(struct paths *out, struct err *err, const char *first, const char *second)
{
	struct option_list list = {.count = second ? 2 : 1, .value = {first, second}};

	memset(out, 0, sizeof(*out));
	memset(err, 0, sizeof(*err));
	return paths_parse(&list, out, err);
}

static void test_every_name_is_taken(void **state)
{
	struct paths p;
	struct err err;
	char text[80];

	(void)state;
	for (unsigned path = 0; path < PATHS; path++) {
		for (unsigned i = PATH_FIRST; path_impl_name(path, i); i++) {
			snprintf(text, sizeof(text), "%s=%s", path_name(path), path_impl_name(path, i));
			assert_int_equal(parse(&p, &err, text, NULL), 0);
			assert_int_equal(p.impl[path], i);
			assert_true(paths_any(&p));
		}
		assert_non_null(path_impl_name(path, 2)); /* else it is no path */
		assert_null(path_impl_name(path, 0));
		assert_null(path_impl_name(path, PATH_IMPLS_MAX + 1));
	}
	memset(&p, 0, sizeof(p));
	assert_false(paths_any(&p));
}

static void test_the_last_one_counts(void **state)
{
	struct paths p;
	struct err err;

	(void)state;
	assert_int_equal(parse(&p, &err, "readable=tcp_probe", "readable=sk_data_ready"), 0);
	assert_int_equal(p.impl[PATH_READABLE], PATH_READABLE_DATA_READY);
}

static void test_unknown_ones_are_refused(void **state)
{
	struct paths p;
	struct err err;

	(void)state;
	assert_true(parse(&p, &err, "readable", NULL) < 0);
	assert_string_equal(err.text, "--path readable: readable has sk_data_ready, tcp_probe");
	assert_true(parse(&p, &err, "readable=", NULL) < 0);
	assert_true(parse(&p, &err, "readable=tcp_prob", NULL) < 0);
	assert_true(parse(&p, &err, "=tcp_probe", NULL) < 0);
	assert_true(parse(&p, &err, "read=tcp_probe", NULL) < 0);
	assert_string_equal(err.text, "--path read=tcp_probe: read has tcp_rcv_space_adjust, on every kernel");
	assert_true(parse(&p, &err, "leaves", NULL) < 0);
	assert_true(parse(&p, &err, "reads=tcp_probe", NULL) < 0);
	assert_string_equal(err.text,
			    "--path reads=tcp_probe: expected NAME=IMPL, such as readable=tcp_probe; names are sockets, tcp, "
			    "readable, accept, open, threads, switch, alloc; and, done in one way only, leaves, read, connect, "
			    "syscalls, faults");
}

static void test_what_has_one_way_may_be_asked_for(void **state)
{
	static const char *const only[] = {"leaves=net_dev_queue", "read=tcp_rcv_space_adjust", "connect=inet_sock_set_state",
					   "syscalls=sys_exit", "faults=page_fault_user"};
	struct paths p;
	struct err err;

	(void)state;
	for (unsigned i = 0; i < sizeof(only) / sizeof(only[0]); i++) {
		assert_int_equal(parse(&p, &err, only[i], NULL), 0);
		assert_false(paths_any(&p));
	}
}

/* An address without type is no key of socket storage. */
static void test_what_goes_together(void **state)
{
	struct paths p;
	struct err err;

	(void)state;
	assert_int_equal(parse(&p, &err, "open=file_operations", NULL), 0);
	assert_int_equal(p.impl[PATH_SOCKETS], PATH_SOCKETS_HASH);
	assert_true(parse(&p, &err, "open=file_operations", "sockets=storage") < 0);
	assert_string_equal(err.text, "--path open=file_operations goes with sockets=hash only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_name_is_taken),      cmocka_unit_test(test_the_last_one_counts),
		cmocka_unit_test(test_unknown_ones_are_refused), cmocka_unit_test(test_what_has_one_way_may_be_asked_for),
		cmocka_unit_test(test_what_goes_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
