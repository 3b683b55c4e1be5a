// rooms: base attribution/calls
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/syscall.h>

#include "attribution/calls.h"
#include "base/call_names.h"
#include "tests/support/test.h"

static struct wire_syscalls one(uint16_t nr, uint64_t enter_ns, uint64_t exit_ns, int32_t result)
{
	return (struct wire_syscalls){.count = 1,
				      .call = {{.enter_ns = enter_ns, .exit_ns = exit_ns, .nr = nr, .result = result}}};
}

static void test_names(void **state)
{
	char buf[CALL_NAME_BYTES];

	(void)state;
	assert_string_equal(call_name(SYS_read, buf), "read");
	assert_string_equal(call_name(SYS_epoll_wait, buf), "epoll_wait");
	assert_string_equal(call_name(463, buf), "syscall_463");
	assert_string_equal(call_name(400, buf), "syscall_400"); /* a hole in the table */
}

static void test_counts_times_and_errors(void **state)
{
	struct calls *c = calls_new();

	(void)state;
	struct wire_syscalls r = one(SYS_read, 100, 150, 10);
	assert_int_equal(calls_add(c, &r, 0), 0);
	r = one(SYS_read, 200, 400, -EAGAIN);
	assert_int_equal(calls_add(c, &r, 0), 0);
	r = one(SYS_read, 90, 400, -EINTR);
	assert_int_equal(calls_add(c, &r, 100), 0); /* began before the measured part */
	r = one(SYS_mmap, 500, 600, (int32_t)0x80001000); /* an address, cut to 32 bits: no error */
	assert_int_equal(calls_add(c, &r, 0), 0);
	const struct call_stats *s = calls_of(c, SYS_read);
	assert_int_equal(hist_count(s->latency), 2);
	assert_int_equal(s->total_ns, 250);
	assert_int_equal(s->failed, 1);
	assert_int_equal(s->error[0].error, EAGAIN);
	assert_int_equal(calls_of(c, SYS_mmap)->failed, 0);
	assert_null(calls_of(c, SYS_write));
	calls_free(c);
}

static void test_bounds(void **state)
{
	struct calls *c = calls_new();

	(void)state;
	for (int32_t e = 1; e <= 20; e++) {
		const struct wire_syscalls r = one(60000, 100, 200, -e);
		assert_int_equal(calls_add(c, &r, 0), 0);
	}
	const struct call_stats *s = calls_of(c, CALLS_NUMBERS - 1);
	assert_int_equal(s->failed, 20);
	assert_int_equal(s->errors, CALLS_ERRORS);
	assert_int_equal(s->error[CALLS_ERRORS - 1].count, 20 - CALLS_ERRORS + 1);
	calls_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_counts_times_and_errors),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
