// rooms: base record/request_stats timeline/names timeline/ring timeline/threads timeline/thread_groups timeline/thread_windows timeline/wait attribution tests/support/thread_rig
// SPDX-License-Identifier: GPL-2.0-only
/* Probes that are on in windows: what is known of the time between, and how finely causes are told then. */
#include <string.h>
#include <sys/syscall.h>

#include "attribution/cause.h"
#include "tests/support/test.h"
#include "tests/support/thread_rig.h"

#define ALL (WIRE_GROUP_THREADS | WIRE_GROUP_SYSCALLS | WIRE_GROUP_ALLOC)

static void switched(struct threads *s, unsigned off, uint64_t time_ns, uint64_t whole_ns)
{
	const struct wire_groups r = {
		.h = {.kind = WIRE_KIND_GROUPS, .size = sizeof(r), .time_ns = time_ns}, .whole_ns = whole_ns, .off = off};

	threads_switched(s, &r);
}

static void test_what_was_off_when(void **state)
{
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	assert_int_equal(threads_untold(&s, 0, 1000), 0);
	switched(&s, WIRE_GROUP_SYSCALLS, 1000, 1000);
	switched(&s, WIRE_GROUP_SYSCALLS | WIRE_GROUP_THREADS, 2000, 2000);
	switched(&s, WIRE_GROUP_SYSCALLS, 3000, 3100);
	switched(&s, 0, 4000, 4050);
	assert_int_equal(threads_untold(&s, 500, 1000), 0);
	assert_int_equal(threads_untold(&s, 500, 1001), WIRE_GROUP_SYSCALLS);
	assert_int_equal(threads_untold(&s, 1100, 1900), WIRE_GROUP_SYSCALLS);
	assert_int_equal(threads_untold(&s, 1100, 2100), WIRE_GROUP_SYSCALLS | WIRE_GROUP_THREADS);
	/* on again, but not all is known yet */
	assert_int_equal(threads_untold(&s, 3050, 3080), WIRE_GROUP_SYSCALLS | WIRE_GROUP_THREADS);
	assert_int_equal(threads_untold(&s, 3100, 3200), WIRE_GROUP_SYSCALLS);
	assert_int_equal(threads_untold(&s, 4050, 9000), 0);
	/* what is old goes, but for what tells the present */
	threads_trim(&s, 3500);
	assert_int_equal(threads_untold(&s, 3600, 3700), WIRE_GROUP_SYSCALLS);
	assert_int_equal(threads_untold(&s, 4050, 9000), 0);
	/* time does not run backwards */
	switched(&s, ALL, 100, 100);
	assert_int_equal(s.stats.rejected, 1);
	assert_int_equal(threads_untold(&s, 4050, 9000), 0);
	threads_fini(&s);
}

static void test_nothing_goes_on_through_a_gap(void **state)
{
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	rig_thread(&s, 7, "w", 1000);
	RIG_OFF(&s, 7, 1100, 1200, 1210, .syscall = SYS_epoll_wait);
	switched(&s, WIRE_GROUP_THREADS, 2000, 2000);
	switched(&s, 0, 9000, 9010);
	RIG_OFF(&s, 7, 9500, 9600, 9610, .syscall = SYS_epoll_wait);
	const struct thread *t = threads_find(&s, 7);
	/* not 7 us on its CPU */
	assert_int_equal(t->totals.on_cpu_ns, 100 + 500);
	const struct thread_off *gap = thread_off_at(t, thread_off_after(t, 5000));
	assert_true(gap->flags & THREAD_OFF_UNTOLD);
	assert_int_equal(gap->out_ns, 2000);
	assert_int_equal(gap->in_ns, 9000);
	assert_int_equal(s.stats.rejected, 0);
	threads_fini(&s);
}

static void ask(const struct threads *s, uint64_t from_ns, uint64_t to_ns, struct cause_cut *out)
{
	const struct phase_segment segment = {.start_ns = from_ns, .end_ns = to_ns, .phase = PHASE_PROCESS_REQUEST};
	const struct custody custody = {from_ns, to_ns, 7, 7, false};
	const struct cause_own own = {.conn = 1, .from_ns = 0, .to_ns = UINT64_MAX};
	const struct cause_question q = {.segment = &segment,
					 .segments = 1,
					 .custody = &custody,
					 .own = &own,
					 .owns = 1,
					 .untold = threads_untold(s, from_ns, to_ns)};

	cause_split(s, &q, NULL, out);
}

static void test_work_is_told_as_finely_as_it_is_known(void **state)
{
	struct threads s;
	struct cause_cut c;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	rig_thread(&s, 7, "w", 100);
	rig_call(&s, 7, SYS_read, 500, 600);
	rig_read(&s, 7, 1000, 1, 1);
	rig_call(&s, 7, SYS_write, 1400, 1500);
	rig_sent(&s, 7, 2000, 1, 301);
	switched(&s, WIRE_GROUP_SYSCALLS | WIRE_GROUP_ALLOC, 2500, 2500);
	rig_read(&s, 7, 3000, 1, 0);
	rig_sent(&s, 7, 4000, 1, 0);
	switched(&s, 0, 4500, 4500);
	rig_call(&s, 7, SYS_write, 5400, 5500);
	RIG_OFF(&s, 7, 6000, 6100, 6110, .syscall = SYS_epoll_wait);
	threads_settle(&s);
	ask(&s, 1000, 2000, &c);
	assert_true(c.calls_known);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST][CAUSE_ALLOCATOR], 300);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST][CAUSE_OWN_KERNEL], 100);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST][CAUSE_OWN_USER], 600);
	/* calls of a later window do not make this one known */
	ask(&s, 3000, 4000, &c);
	assert_false(c.calls_known);
	assert_int_equal(c.ns[PHASE_PROCESS_REQUEST][CAUSE_OWN_CPU], 1000);
	threads_fini(&s);
}

static void test_levels(void **state)
{
	uint64_t ns[CAUSES] = {0};

	(void)state;
	assert_int_equal(cause_level_of(0), CAUSE_LEVEL_ALL);
	assert_int_equal(cause_level_of(WIRE_GROUP_STACKS), CAUSE_LEVEL_ALL);
	assert_int_equal(cause_level_of(WIRE_GROUP_ALLOC), CAUSE_LEVEL_NO_ALLOCATOR);
	assert_int_equal(cause_level_of(WIRE_GROUP_ALLOC | WIRE_GROUP_SYSCALLS), CAUSE_LEVEL_CPU);
	ns[CAUSE_OWN_USER] = 1;
	ns[CAUSE_OWN_KERNEL] = 10;
	ns[CAUSE_ALLOCATOR] = 100;
	ns[CAUSE_LOCK] = 1000;
	cause_level_fold(CAUSE_LEVEL_ALL, ns);
	assert_int_equal(ns[CAUSE_OWN_USER], 1);
	cause_level_fold(CAUSE_LEVEL_NO_ALLOCATOR, ns);
	assert_int_equal(ns[CAUSE_OWN_USER], 101);
	assert_int_equal(ns[CAUSE_OWN_KERNEL], 10);
	assert_int_equal(ns[CAUSE_ALLOCATOR], 0);
	cause_level_fold(CAUSE_LEVEL_CPU, ns);
	assert_int_equal(ns[CAUSE_OWN_CPU], 111);
	assert_int_equal(ns[CAUSE_OWN_USER] + ns[CAUSE_OWN_KERNEL], 0);
	assert_int_equal(ns[CAUSE_LOCK], 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_off_when),
		cmocka_unit_test(test_nothing_goes_on_through_a_gap),
		cmocka_unit_test(test_work_is_told_as_finely_as_it_is_known),
		cmocka_unit_test(test_levels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
