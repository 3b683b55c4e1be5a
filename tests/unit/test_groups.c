// SPDX-License-Identifier: GPL-2.0-only
// rooms: base probe/groups
#include <string.h>

#include "probe/groups.h"
#include "probe/probe.h"
#include "tests/support/test.h"

static void test_lists(void **state)
{
	struct err err = {0};
	unsigned groups;
	char text[80];

	(void)state;
	assert_int_equal(groups_parse(NULL, &groups, &err), 0);
	assert_int_equal(groups, PROBE_THREADS | PROBE_STACKS | PROBE_SYSCALLS | PROBE_ALLOC);
	groups_format(text, sizeof(text), groups);
	assert_string_equal(text, "sockets, threads, stacks, syscalls, alloc");
	assert_int_equal(groups_parse("auto", &groups, &err), 0);
	assert_int_equal(groups, PROBE_THREADS | PROBE_STACKS | PROBE_SYSCALLS | PROBE_ALLOC);
	assert_int_equal(groups_parse("sockets", &groups, &err), 0);
	assert_int_equal(groups, 0);
	assert_int_equal(groups_parse("syscalls,sockets", &groups, &err), 0);
	assert_int_equal(groups, PROBE_THREADS | PROBE_SYSCALLS);
	groups_format(text, sizeof(text), groups);
	assert_string_equal(text, "sockets, threads, syscalls");
	assert_int_equal(groups_parse("alloc", &groups, &err), 0);
	assert_int_equal(groups, PROBE_THREADS | PROBE_ALLOC);
}

static void test_unknown_names_are_refused(void **state)
{
	static const char *const bad[] = {"", "thread", "threads,", "sockets,,threads", "all"};
	struct err err;
	unsigned groups;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_true(groups_parse(bad[i], &groups, &err) < 0);
	}
	assert_string_equal(err.text,
			    "--probes all: 'all' is no group of probes; they are sockets (always on), threads, stacks, syscalls, "
			    "alloc, or auto: all that the budget allows");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_unknown_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
