// rooms: base timeline/ring timeline/threads timeline/thread_groups timeline/thread_windows timeline/wait tests/support/thread_rig
// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "tests/support/test.h"
#include "tests/support/thread_rig.h"

static void test_history_is_found_by_time(void **state)
{
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	rig_thread(&s, 7, "worker 1", 1000);
	RIG_OFF(&s, 7, 1100, 1200, 1210, .syscall = SYS_epoll_wait);
	RIG_OFF(&s, 7, 1500, 1500, 1600, .flags = WIRE_OFF_PREEMPTED, .held_ns = {0, 60, 40, 0});
	rig_call(&s, 7, SYS_read, 1220, 1230);
	rig_read(&s, 7, 1225, 3, 0);
	threads_settle(&s);
	const struct thread *t = threads_find(&s, 7);
	assert_non_null(t);
	assert_string_equal(t->comm, "worker 1");
	assert_int_equal(t->known_ns, 1000);
	assert_int_equal(t->seen_ns, 1600);
	assert_int_equal(thread_off_at(t, thread_off_after(t, 1100))->in_ns, 1210);
	assert_int_equal(thread_off_at(t, thread_off_after(t, 1210))->in_ns, 1600);
	assert_null(thread_off_at(t, thread_off_after(t, 1600)));
	assert_int_equal(thread_call_at(t, thread_call_after(t, 1000))->nr, SYS_read);
	assert_int_equal(thread_mark_at(t, thread_mark_after(t, 1224))->conn, 3);
	assert_null(thread_mark_at(t, thread_mark_after(t, 1225)));
	assert_int_equal(t->totals.on_cpu_ns, 100 + 290);
	assert_int_equal(t->totals.run_queue_ns, 10 + 100);
	assert_int_equal(t->totals.held_ns[WIRE_HOLDER_TOLL], 60);
	assert_int_equal(t->totals.blocked_ns[THREAD_WAIT_POLL], 100);
	assert_null(threads_find(&s, 8));
	threads_fini(&s);
}

static void test_late_marks_are_sorted_in(void **state)
{
	static const uint64_t at[] = {500, 100, 900, 300, 200, 800, 700, 400, 600, 1000};
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	rig_thread(&s, 7, "w", 1);
	for (unsigned i = 0; i < 10; i++) {
		rig_read(&s, 7, at[i], at[i], 0);
		if (i == 5)
			threads_settle(&s);
	}
	threads_settle(&s);
	const struct thread *t = threads_find(&s, 7);
	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(thread_mark_at(t, thread_mark_after(t, i * 100 - 1))->conn, i * 100);
	threads_fini(&s);
}

static void test_marks_of_unknown_threads_make_no_thread(void **state)
{
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	rig_read(&s, 7, 100, 1, 0);
	rig_call(&s, 7, SYS_read, 10, 20);
	assert_null(threads_find(&s, 7));
	assert_int_equal(s.stats.threads, 0);
	threads_fini(&s);
}

static void test_bytes_are_bounded_and_loss_is_counted(void **state)
{
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 64 << 10), 0);
	rig_thread(&s, 7, "w", 1);
	for (uint64_t i = 1; i < 100000; i++) {
		RIG_OFF(&s, 7, i * 100, i * 100 + 10, i * 100 + 20, .syscall = SYS_epoll_wait);
		rig_read(&s, 7, i * 100 + 30, i, 0);
	}
	threads_settle(&s);
	threads_trim(&s, 0);
	const struct thread *t = threads_find(&s, 7);
	assert_true(s.budget.bytes <= 64 << 10);
	assert_true(s.stats.dropped > 190000);
	assert_int_equal(thread_off_at(t, t->off.end - 1)->in_ns, 99999 * 100 + 20);
	assert_true(t->known_ns > 9900000); /* it does not claim to know what it forgot */
	assert_true(thread_off_at(t, t->off.head)->out_ns >= t->known_ns - 100);
	threads_fini(&s);
}

static void test_age_trims_and_ended_threads_go(void **state)
{
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	rig_thread(&s, 7, "w", 1);
	rig_thread(&s, 8, "x", 1);
	for (uint64_t i = 1; i <= 1000; i++) {
		RIG_OFF(&s, 7, i * 100, i * 100 + 10, i * 100 + 20, .syscall = SYS_epoll_wait);
		rig_call(&s, 7, SYS_read, i * 100 + 30, i * 100 + 40);
		rig_read(&s, 7, i * 100 + 35, i, 0);
	}
	rig_thread_exit(&s, 8, 50000);
	threads_trim(&s, 90000);
	const struct thread *t = threads_find(&s, 7);
	assert_null(threads_find(&s, 8));
	assert_int_equal(t->off.end - t->off.head, 102);
	assert_true(t->known_ns <= 90000 && t->known_ns > 89000);
	assert_true(s.budget.bytes < 65000); /* of 1,024 items each before: 122,880 */
	assert_int_equal(s.stats.dropped, 0); /* of age is no loss */
	threads_fini(&s);
}

static void test_records_out_of_order_are_rejected(void **state)
{
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	RIG_OFF(&s, 7, 100, 150, 160, .syscall = SYS_futex);
	RIG_OFF(&s, 7, 120, 150, 170, .syscall = SYS_futex); /* begins within the one before */
	RIG_OFF(&s, 7, 300, 290, 310, .syscall = SYS_futex); /* woken up before it slept */
	rig_call(&s, 7, SYS_read, 50, 40);
	assert_int_equal(s.stats.rejected, 3);
	assert_int_equal(s.stats.periods, 1);
	assert_int_equal(threads_find(&s, 7)->known_ns, 100); /* its first record is its account's begin */
	threads_fini(&s);
}

static void test_waits_are_told_by_call_and_state(void **state)
{
	static const struct {
		uint16_t nr, flags;
		enum thread_wait wait;
	} rows[] = {
		{SYS_epoll_wait, 0, THREAD_WAIT_POLL},
		{SYS_io_uring_enter, WIRE_OFF_IOWAIT, THREAD_WAIT_POLL},
		{SYS_clock_nanosleep, 0, THREAD_WAIT_TIMER},
		{SYS_futex, 0, THREAD_WAIT_FUTEX},
		{SYS_fsync, WIRE_OFF_UNINTERRUPTIBLE, THREAD_WAIT_DISK},
		{SYS_read, WIRE_OFF_UNINTERRUPTIBLE | WIRE_OFF_IOWAIT, THREAD_WAIT_DISK},
		{SYS_write, WIRE_OFF_UNINTERRUPTIBLE, THREAD_WAIT_DISK},
		{SYS_read, 0, THREAD_WAIT_SOCKET},
		{WIRE_SYSCALL_NONE, WIRE_OFF_FAULT | WIRE_OFF_IOWAIT, THREAD_WAIT_PAGE_FAULT},
		{WIRE_SYSCALL_NONE, WIRE_OFF_FAULT | WIRE_OFF_MEMSTALL, THREAD_WAIT_SWAP},
		{SYS_wait4, 0, THREAD_WAIT_OTHER},
		{SYS_epoll_wait, WIRE_OFF_STOPPED, THREAD_WAIT_OTHER},
		{WIRE_SYSCALL_NONE, 0, THREAD_WAIT_OTHER},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct thread_off o = {.syscall = rows[i].nr, .flags = rows[i].flags};
		assert_int_equal(thread_off_wait(&o), rows[i].wait);
	}
}

static void test_threads_of_a_name_are_summed_up(void **state)
{
	struct thread_group group[THREAD_GROUPS];
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	for (uint32_t tid = 1; tid <= 3; tid++) {
		rig_thread(&s, tid, "worker", 100);
		RIG_OFF(&s, tid, 200, 300, 350, .syscall = SYS_futex);
	}
	rig_thread_exit(&s, 2, 400);
	threads_trim(&s, 500); /* an ended one is counted on */
	assert_null(threads_find(&s, 2));
	assert_int_equal(threads_groups(&s, group), 2); /* it took another name when it ended */
	uint64_t threads = 0, futex = 0;
	for (unsigned i = 0; i < 2; i++) {
		threads += group[i].threads;
		futex += group[i].totals.blocked_ns[THREAD_WAIT_FUTEX];
	}
	assert_int_equal(threads, 3);
	assert_int_equal(futex, 300);
	for (uint32_t tid = 100; tid < 300; tid++) {
		char name[16];
		snprintf(name, sizeof(name), "t%u", tid);
		rig_thread(&s, tid, name, 100);
	}
	assert_int_equal(threads_groups(&s, group), THREAD_GROUPS);
	assert_string_equal(group[THREAD_GROUPS - 1].comm, "");
	assert_string_equal(thread_purpose("V8Worker"), "V8 platform worker (GC, compiler)");
	assert_null(thread_purpose("nginx"));
	threads_fini(&s);
}

static void test_another_thread_of_the_same_number(void **state)
{
	struct threads s;

	(void)state;
	assert_int_equal(threads_init(&s, 1 << 20), 0);
	rig_thread(&s, 7, "old", 100);
	rig_thread_exit(&s, 7, 200);
	rig_thread(&s, 7, "new", 300);
	const struct thread *t = threads_find(&s, 7);
	assert_string_equal(t->comm, "new");
	assert_int_equal(t->known_ns, 300);
	assert_int_equal(t->exit_ns, 0);
	threads_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history_is_found_by_time),
		cmocka_unit_test(test_late_marks_are_sorted_in),
		cmocka_unit_test(test_marks_of_unknown_threads_make_no_thread),
		cmocka_unit_test(test_bytes_are_bounded_and_loss_is_counted),
		cmocka_unit_test(test_age_trims_and_ended_threads_go),
		cmocka_unit_test(test_records_out_of_order_are_rejected),
		cmocka_unit_test(test_waits_are_told_by_call_and_state),
		cmocka_unit_test(test_threads_of_a_name_are_summed_up),
		cmocka_unit_test(test_another_thread_of_the_same_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
