// rooms: base
// SPDX-License-Identifier: GPL-2.0-only
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "base/clock.h"
#include "tests/support/test.h"

static volatile int stop;
static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
	(void)number;
	stop = ++signals >= 2;
}

static void test_sleep_until(void **state)
{
	uint64_t now = clock_now_ns();

	(void)state;
	clock_sleep_until(now + 2 * NS_PER_MS, NULL);
	assert_in_range(clock_now_ns(), now + 2 * NS_PER_MS, UINT64_MAX);
	clock_sleep_until(0, NULL);
	clock_sleep_until(now, &stop);
}

/* The first signal does not end the sleep, the second one sets *stop. */
static void test_signals(void **state)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval every = {.it_interval = {0, 5000}, .it_value = {0, 5000}}, never = {0};

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &every, NULL), 0);
	clock_sleep_until(clock_now_ns() + 3600 * NS_PER_S, &stop);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_in_range(signals, 2, 1000);
}

static void test_cpu_and_utc(void **state)
{
	uint64_t before = clock_thread_cpu_ns();
	char text[32];

	(void)state;
	while (clock_thread_cpu_ns() == before)
		;
	clock_utc_text(text, sizeof(text));
	assert_int_equal(strlen(text), 20);
	assert_int_equal(text[10], 'T');
	assert_int_equal(text[19], 'Z');
	clock_utc_text(text, 3);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sleep_until), cmocka_unit_test(test_signals),
					   cmocka_unit_test(test_cpu_and_utc)};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
