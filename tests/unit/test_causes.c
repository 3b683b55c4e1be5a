// rooms: base record/request_stats timeline/names timeline/ring timeline/threads timeline/thread_groups timeline/thread_windows timeline/wait attribution tests/support/thread_rig
// SPDX-License-Identifier: GPL-2.0-only
/* Each cause and each rule of the split, on histories made by hand. */
#include <string.h>
#include <sys/syscall.h>

#include "attribution/cause.h"
#include "tests/support/test.h"
#include "tests/support/thread_rig.h"

/* The request is readable at 1000, read at 1100; sent at 2000; its answer is readable at 5000, read at 5100, and sent on at 6000. */
#define IN 11
#define UP 12
#define OTHER 21
#define A 7
#define B 8

struct scene {
	struct threads threads;
	struct whole_request w;
	struct cause_cut cut;
	uint32_t busy_tid, released_tid;
	uint64_t busy_ns, released_ns, call_ns[512];
	struct cause_stack stack[8];
	unsigned stacks;
};

static int setup(void **state)
{
	struct scene *s = test_calloc(1, sizeof(*s));

	assert_int_equal(threads_init(&s->threads, 1 << 20), 0);
	rig_thread(&s->threads, A, "loop", 1);
	rig_thread(&s->threads, B, "worker", 1);
	s->w = (struct whole_request){.driver = {.id = 1, .due_ns = 900, .http_status = 200},
				      .inbound_conn = IN,
				      .t1 = 950,
				      .t2 = 1000,
				      .t3 = 1100,
				      .t9 = 6000,
				      .t10 = 6100,
				      .t11 = 6100,
				      .reader_tid = A,
				      .sender_tid = A,
				      .upstreams = 1};
	s->w.upstream[0] = (struct whole_upstream){.conn = UP,
						   .t4 = 2000,
						   .t4_last = 2000,
						   .t5 = 2100,
						   .t5_last = 2100,
						   .t6 = 4900,
						   .t7 = 5000,
						   .t8 = 5100,
						   .t8_last = 5100,
						   .t4_tid = A,
						   .t8_tid = A,
						   .answered = true};
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	threads_fini(&s->threads);
	test_free(s);
	return 0;
}

static void own_marks(struct scene *s)
{
	const struct whole_request *w = &s->w;

	rig_read(&s->threads, w->reader_tid, w->t3, IN, 0);
	rig_sent(&s->threads, w->upstream[0].t4_tid, w->upstream[0].t4, UP, 0);
	rig_read(&s->threads, w->upstream[0].t8_tid, w->upstream[0].t8, UP, 0);
	rig_sent(&s->threads, w->sender_tid, w->t9, IN, 0);
}

static void see_busy(void *ctx, uint32_t tid, uint64_t ns)
{
	struct scene *s = ctx;

	s->busy_tid = tid;
	s->busy_ns += ns;
}

static void see_release(void *ctx, uint32_t tid, uint64_t ns)
{
	struct scene *s = ctx;

	s->released_tid = tid;
	s->released_ns += ns;
}

static void see_call(void *ctx, uint16_t nr, uint64_t ns)
{
	((struct scene *)ctx)->call_ns[nr] += ns;
}

static void see_stack(void *ctx, const struct cause_stack *stack)
{
	struct scene *s = ctx;

	assert_in_range(s->stacks, 0, 7);
	s->stack[s->stacks++] = *stack;
}

static const uint64_t *split(struct scene *s, enum phase phase)
{
	const struct cause_witness witness = {.ctx = s,
					      .other_work = see_busy,
					      .lock_released = see_release,
					      .in_call = see_call,
					      .stack = see_stack,
					      .stack_ctx = s};
	struct phase_segments segments = {0};
	struct cause_own own[CAUSE_OWNS_MAX];
	struct phase_cut cut;

	threads_settle(&s->threads);
	assert_int_equal(attribution_segments(&s->w, &cut, &segments), 0);
	const struct cause_question q = {segments.at, segments.count, segments.custody, own, cause_owns(&s->w, own), 0};
	cause_split(&s->threads, &q, &witness, &s->cut);
	for (unsigned i = 0; i < PHASES; i++) {
		uint64_t sum = 0;
		for (unsigned k = 0; k < CAUSES; k++)
			sum += s->cut.ns[i][k];
		assert_int_equal(sum, phase_is_gateway((enum phase)i) ? cut.ns[i] : 0);
	}
	segments_fini(&segments);
	return s->cut.ns[phase];
}

static void test_own_work_on_one_thread(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	RIG_OFF(&s->threads, A, 500, 1001, 1010, .syscall = SYS_epoll_wait); /* woken by the request */
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_OWN_CPU], 900);
	c = s->cut.ns[PHASE_PICK_UP_REQUEST];
	assert_int_equal(c[CAUSE_IDLE], 1);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 9);
	assert_int_equal(c[CAUSE_OWN_CPU], 90); /* its wake-up is its own */
	assert_false(s->cut.calls_known);
}

static void test_another_request_first_is_other_work(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	RIG_OFF(&s->threads, A, 500, 600, 610, .syscall = SYS_epoll_wait);
	rig_read(&s->threads, A, 700, OTHER, 0);
	rig_sent(&s->threads, A, 1070, OTHER, 0);
	const uint64_t *c = split(s, PHASE_PICK_UP_REQUEST);
	assert_int_equal(c[CAUSE_OTHER_WORK], 100); /* without system calls the end of the other one is not seen */
	assert_int_equal(s->busy_tid, A);
	assert_int_equal(s->busy_ns, 100);
}

static void test_system_calls_bound_other_work(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	RIG_OFF(&s->threads, A, 500, 600, 610, .syscall = SYS_epoll_wait);
	rig_read(&s->threads, A, 700, OTHER, 0);
	rig_call(&s->threads, A, SYS_epoll_wait, 490, 612);
	rig_call(&s->threads, A, SYS_sendto, 1060, 1075);
	rig_sent(&s->threads, A, 1070, OTHER, 0);
	rig_call(&s->threads, A, SYS_epoll_wait, 1080, 1085);
	rig_call(&s->threads, A, SYS_recvfrom, 1090, 1105);
	rig_call(&s->threads, A, SYS_openat, 1500, 1600);
	rig_call(&s->threads, A, SYS_sendto, 1990, 2010);
	rig_call(&s->threads, A, SYS_recvfrom, 5090, 5110);
	rig_call(&s->threads, A, SYS_sendto, 5900, 6010);
	const uint64_t *c = split(s, PHASE_PICK_UP_REQUEST);
	assert_int_equal(c[CAUSE_OTHER_WORK], 85);
	assert_int_equal(c[CAUSE_OWN_KERNEL], 10);
	assert_int_equal(c[CAUSE_OWN_USER], 5);
	c = s->cut.ns[PHASE_PROCESS_REQUEST];
	assert_int_equal(c[CAUSE_OWN_KERNEL], 5 + 100 + 10);
	assert_int_equal(c[CAUSE_OWN_USER], 900 - 115);
	assert_int_equal(s->call_ns[SYS_openat], 100);
	assert_int_equal(s->call_ns[SYS_epoll_wait], 0); /* the other one's */
	assert_true(s->cut.calls_known);
}

static void test_run_queue_tells_who_held_the_cpu(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	RIG_OFF(&s->threads, A, 1200, 1200, 1600, .flags = WIRE_OFF_PREEMPTED, .held_ns = {100, 200, 60, 40});
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 400);
	assert_int_equal(c[CAUSE_OWN_CPU], 500);
	assert_int_equal(s->cut.held_ns[WIRE_HOLDER_GATEWAY], 100);
	assert_int_equal(s->cut.held_ns[WIRE_HOLDER_TOLL], 200);
	assert_int_equal(s->cut.held_ns[WIRE_HOLDER_OTHER], 60);
}

static void test_blocked_by_kind(void **state)
{
	static const struct {
		uint16_t nr, flags;
		enum cause cause;
	} rows[] = {
		{SYS_futex, 0, CAUSE_LOCK},
		{SYS_fsync, WIRE_OFF_UNINTERRUPTIBLE, CAUSE_DISK},
		{WIRE_SYSCALL_NONE, WIRE_OFF_FAULT, CAUSE_PAGE_FAULT},
		{WIRE_SYSCALL_NONE, WIRE_OFF_MEMSTALL, CAUSE_SWAP},
		{SYS_clock_nanosleep, 0, CAUSE_IDLE},
		{SYS_epoll_wait, 0, CAUSE_IDLE},
		{SYS_read, 0, CAUSE_SOCKET},
		{SYS_wait4, 0, CAUSE_OTHER_BLOCKED},
	};
	struct scene *s = *state;

	own_marks(s);
	for (unsigned i = 0; i < 8; i++)
		RIG_OFF(&s->threads, A, 1100 + i * 100, 1150 + i * 100, 1155 + i * 100, .syscall = rows[i].nr,
			.flags = rows[i].flags, .waker_tid = 99);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(c[rows[i].cause], rows[i].cause == CAUSE_IDLE ? 100 : 50);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 40);
	assert_int_equal(c[CAUSE_OWN_CPU], 900 - 440);
	assert_int_equal(s->cut.timer_ns, 50);
	assert_int_equal(s->released_tid, 99);
	assert_int_equal(s->released_ns, 50);
	assert_int_equal(s->call_ns[SYS_fsync], 50);
}

static void test_throttled(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	RIG_OFF(&s->threads, A, 1200, 1200, 1700, .flags = WIRE_OFF_PREEMPTED | WIRE_OFF_THROTTLED, .held_ns = {0, 0, 500, 0});
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_THROTTLED], 500);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 0);
	assert_int_equal(s->cut.held_ns[WIRE_HOLDER_OTHER], 0);
}

static void test_steal_is_what_the_thread_did_not_run(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	s->w.t3 = 100000; /* long enough for the two clocks to be told apart */
	s->w.upstream[0].t4 = s->w.upstream[0].t4_last = 200000;
	s->w.upstream[0].t5_last = s->w.upstream[0].t6 = s->w.upstream[0].t7 = s->w.upstream[0].t8 = 200000;
	s->w.t9 = s->w.t10 = s->w.t11 = 200000;
	RIG_OFF(&s->threads, A, 500, 600, 100000, .syscall = SYS_epoll_wait, .exec_ns = 1000);
	RIG_OFF(&s->threads, A, 200000, 200100, 200200, .syscall = SYS_epoll_wait, .exec_ns = 1000 + 60000);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_STEAL], 40000);
	assert_int_equal(c[CAUSE_OWN_CPU], 60000);
}

static void test_a_lost_period_is_unknown(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	s->w.t3 = 100000;
	s->w.upstream[0].t4 = s->w.upstream[0].t4_last = 200000;
	s->w.upstream[0].t5_last = s->w.upstream[0].t6 = s->w.upstream[0].t7 = s->w.upstream[0].t8 = 200000;
	s->w.t9 = s->w.t10 = s->w.t11 = 200000;
	RIG_OFF(&s->threads, A, 500, 600, 100000, .syscall = SYS_epoll_wait, .exec_ns = 1000);
	RIG_OFF(&s->threads, A, 200000000, 200000100, 200000200, .syscall = SYS_epoll_wait, .exec_ns = 1000 + 60000);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_UNKNOWN], 100000);
	assert_int_equal(s->threads.stats.holes, 1);
}

static void test_event_loop_wait_in_the_middle(void **state)
{
	struct scene *s = *state;

	own_marks(s); /* read, waits for a timer; meanwhile the loop serves another one */
	RIG_OFF(&s->threads, A, 1200, 1400, 1405, .syscall = SYS_epoll_wait);
	rig_read(&s->threads, A, 1410, OTHER, 0);
	RIG_OFF(&s->threads, A, 1800, 1900, 1910, .syscall = SYS_epoll_wait);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_OWN_CPU], 100 + 90);
	assert_int_equal(c[CAUSE_IDLE], 200 + 100);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 5 + 10);
	assert_int_equal(c[CAUSE_OTHER_WORK], 395); /* from its wake-up on */
}

static void test_side_calls_keep_the_work_ones_own(void **state)
{
	const struct thread_mark call = {.time_ns = 1200, .conn = 99, .flags = THREAD_MARK_OUT | THREAD_MARK_NEUTRAL};
	struct scene *s = *state;

	own_marks(s);
	threads_mark(&s->threads, A, &call);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_OWN_CPU], 900);
}

static void test_upstream_connection_is_own_only_in_its_turn(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	rig_read(&s->threads, A, 1300, UP, 0); /* the answer to the request that had the connection before */
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_OWN_CPU], 200);
	assert_int_equal(c[CAUSE_OTHER_WORK], 700);
}

static void test_allocator_is_taken_out_of_own_work(void **state)
{
	struct scene *s = *state;

	rig_read(&s->threads, A, 1100, IN, 1000);
	rig_sent(&s->threads, A, 2000, UP, 1250);
	rig_read(&s->threads, A, 5100, UP, 1300);
	rig_sent(&s->threads, A, 6000, IN, 9000); /* says more than there was: bounded by own work */
	RIG_OFF(&s->threads, A, 1200, 1300, 1300, .syscall = SYS_fsync);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_ALLOCATOR], 250);
	assert_int_equal(c[CAUSE_OWN_CPU], 800 - 250);
	assert_int_equal(c[CAUSE_DISK], 100);
	assert_int_equal(s->cut.ns[PHASE_PROCESS_RESPONSE][CAUSE_ALLOCATOR], 900);
	assert_int_equal(s->cut.ns[PHASE_PROCESS_RESPONSE][CAUSE_OWN_CPU], 0);
}

static void test_hand_off_by_waking_the_other_up(void **state)
{
	struct scene *s = *state;

	s->w.upstream[0].t4_tid = B;
	own_marks(s);
	RIG_OFF(&s->threads, A, 1500, 4000, 4010, .syscall = SYS_epoll_wait);
	RIG_OFF(&s->threads, B, 100, 1450, 1480, .syscall = SYS_futex, .waker_tid = A);
	RIG_OFF(&s->threads, B, 1600, 1700, 1710, .syscall = SYS_fsync);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_OWN_CPU], 350 + 120 + 290);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 30 + 10);
	assert_int_equal(c[CAUSE_DISK], 100);
	assert_int_equal(c[CAUSE_HAND_OFF], 0);
}

static void test_hand_off_with_a_queue_between(void **state)
{
	struct scene *s = *state;

	s->w.upstream[0].t4_tid = B;
	own_marks(s);
	RIG_OFF(&s->threads, A, 1300, 4000, 4010, .syscall = SYS_epoll_wait);
	RIG_OFF(&s->threads, B, 100, 900, 910, .syscall = SYS_futex, .waker_tid = 55);
	rig_sent(&s->threads, B, 1800, OTHER, 0); /* busy with another one until then */
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_OWN_CPU], 200 + 200);
	assert_int_equal(c[CAUSE_HAND_OFF], 500);
}

static void test_first_thread_that_never_came_back(void **state)
{
	struct scene *s = *state;

	/* A still sleeps: there is no record of it yet */
	s->w.upstream[0].t4_tid = s->w.upstream[0].t8_tid = s->w.sender_tid = B;
	own_marks(s);
	RIG_OFF(&s->threads, B, 100, 1600, 1610, .syscall = SYS_epoll_wait);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_HAND_OFF], 500);
	assert_int_equal(c[CAUSE_OWN_CPU], 390);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 10);
}

static void test_work_done_by_another_thread_meanwhile(void **state)
{
	struct scene *s = *state;

	own_marks(s); /* A gives it to B and sleeps until B is done */
	RIG_OFF(&s->threads, B, 100, 1150, 1160, .syscall = SYS_futex, .waker_tid = A);
	RIG_OFF(&s->threads, A, 1200, 1800, 1810, .syscall = SYS_futex, .waker_tid = B);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_OWN_CPU], 100 + 600 + 190);
	assert_int_equal(c[CAUSE_HAND_OFF], 0);
	assert_int_equal(c[CAUSE_LOCK], 0);
}

/* What the other one waits for is what the request waits for; while it is parked, the work lies in its queue. */
static void test_waits_of_another_thread_meanwhile(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	RIG_OFF(&s->threads, A, 1200, 1800, 1810, .syscall = SYS_epoll_wait, .waker_tid = B);
	RIG_OFF(&s->threads, B, 100, 1250, 1260, .syscall = SYS_epoll_wait, .waker_tid = A);
	RIG_OFF(&s->threads, B, 1300, 1400, 1405, .syscall = SYS_epoll_wait);
	RIG_OFF(&s->threads, B, 1500, 1650, 1660, .syscall = SYS_fsync);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_HAND_OFF], 50 + 100);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 10 + 5 + 10 + 10);
	assert_int_equal(c[CAUSE_DISK], 150);
	assert_int_equal(c[CAUSE_OWN_CPU], 100 + 40 + 95 + 140 + 190);
	assert_int_equal(c[CAUSE_IDLE], 0);
}

static void test_result_of_a_thread_that_was_sent_nothing(void **state)
{
	struct scene *s = *state;

	own_marks(s); /* B was busy when A gave it something: nobody can tell what of its work that was */
	RIG_OFF(&s->threads, A, 1200, 1800, 1810, .syscall = SYS_epoll_wait, .waker_tid = B);
	RIG_OFF(&s->threads, B, 100, 900, 910, .syscall = SYS_epoll_wait, .waker_tid = 55);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_HAND_OFF], 600);
	assert_int_equal(c[CAUSE_OWN_CPU], 100 + 190);
}

static void test_parked_worker_waits_for_its_dispatcher(void **state)
{
	struct scene *s = *state;

	own_marks(s); /* B sees the socket readable and wakes A up */
	rig_sent(&s->threads, A, 300, OTHER, 0);
	RIG_OFF(&s->threads, A, 400, 1060, 1070, .syscall = SYS_futex, .waker_tid = B);
	const uint64_t *c = split(s, PHASE_PICK_UP_REQUEST);
	assert_int_equal(c[CAUSE_HAND_OFF], 60);
	assert_int_equal(c[CAUSE_RUN_QUEUE], 10);
	assert_int_equal(c[CAUSE_OWN_CPU], 30);
}

static void test_lock_of_another_request_delays_the_pick_up(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	rig_read(&s->threads, A, 300, OTHER, 0);
	RIG_OFF(&s->threads, A, 400, 1060, 1070, .syscall = SYS_futex, .waker_tid = B);
	const uint64_t *c = split(s, PHASE_PICK_UP_REQUEST);
	assert_int_equal(c[CAUSE_LOCK], 60);
	assert_int_equal(c[CAUSE_OTHER_WORK], 30);
	assert_int_equal(s->released_tid, B);
}

static void test_unknown_where_there_is_no_account(void **state)
{
	struct scene *s = *state;

	s->w.reader_tid = 0;
	s->w.upstream[0].t4_tid = 77; /* of no thread that is known */
	s->w.upstream[0].t8_tid = B;
	s->threads.first->known_ns = 5050; /* B: forgotten before */
	own_marks(s);
	const uint64_t *c = split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(c[CAUSE_UNKNOWN], 900);
	assert_int_equal(s->cut.ns[PHASE_PICK_UP_REQUEST][CAUSE_UNKNOWN], 100);
	assert_int_equal(s->cut.ns[PHASE_PICK_UP_RESPONSE][CAUSE_UNKNOWN], 50);
	assert_int_equal(s->cut.ns[PHASE_PICK_UP_RESPONSE][CAUSE_OTHER_WORK] + s->cut.ns[PHASE_PICK_UP_RESPONSE][CAUSE_OWN_CPU],
			 50);
}

static void test_told_apart_phases_are_split_too(void **state)
{
	struct scene *s = *state;

	s->w.upstream[0].dns = (struct timeline_gap){1200, 1400};
	s->w.upstream[0].syn_ns = 1400;
	s->w.upstream[0].established_ns = 1500;
	own_marks(s);
	RIG_OFF(&s->threads, A, 1210, 1390, 1395, .syscall = SYS_poll);
	RIG_OFF(&s->threads, A, 1410, 1490, 1495, .syscall = SYS_epoll_wait);
	const uint64_t *c = split(s, PHASE_UPSTREAM_DNS);
	assert_int_equal(c[CAUSE_IDLE], 180);
	assert_int_equal(s->cut.ns[PHASE_UPSTREAM_CONNECT][CAUSE_IDLE], 80);
	assert_int_equal(s->cut.ns[PHASE_PROCESS_REQUEST][CAUSE_OWN_CPU], 100 + 500);
	assert_int_equal(s->cut.timer_ns, 0);
}

static void sample(struct scene *s, uint64_t ns, uint64_t stack, uint32_t flags)
{
	threads_sample(&s->threads,
		       &(struct wire_sample){.h = {.time_ns = ns}, .tid = A, .stack = stack, .period_ns = 10000, .flags = flags});
}

static void stack_is(const struct cause_stack *is, enum phase phase, enum cause cause, uint64_t stack, uint64_t ns)
{
	assert_int_equal(is->phase, phase);
	assert_int_equal(is->cause, cause);
	assert_int_equal(is->stack, stack);
	assert_int_equal(is->ns, ns);
}

static void test_samples_and_waits_tell_their_stacks(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	sample(s, 999, 1, 0); /* before it was there */
	sample(s, 1500, 2, 0);
	sample(s, 1700, 3, WIRE_SAMPLE_KERNEL);
	sample(s, 2500, 4, 0); /* the provider's time */
	threads_off(
		&s->threads,
		&(struct wire_off_cpu){
			.h = {.time_ns = 1650}, .tid = A, .out_ns = 1600, .runnable_ns = 1640, .syscall = SYS_futex, .stack = 5});
	split(s, PHASE_PROCESS_REQUEST);
	assert_int_equal(s->stacks, 3);
	stack_is(&s->stack[0], PHASE_PROCESS_REQUEST, CAUSE_OWN_USER, 2, 10000);
	stack_is(&s->stack[1], PHASE_PROCESS_REQUEST, CAUSE_LOCK, 5, 40);
	stack_is(&s->stack[2], PHASE_PROCESS_REQUEST, CAUSE_OWN_KERNEL, 3, 10000);
	assert_true(s->stack[0].first);
	assert_true(s->stack[1].waited);
	assert_false(s->stack[1].first);
	s->stacks = 0;
	split(s, PHASE_PROCESS_REQUEST); /* another request that was there too */
	assert_false(s->stack[0].first);
}

static void test_samples_of_other_work(void **state)
{
	struct scene *s = *state;

	own_marks(s);
	RIG_OFF(&s->threads, A, 500, 600, 610, .syscall = SYS_epoll_wait);
	rig_read(&s->threads, A, 700, OTHER, 0);
	rig_sent(&s->threads, A, 1070, OTHER, 0);
	sample(s, 1050, 6, 0);
	split(s, PHASE_PICK_UP_REQUEST);
	assert_int_equal(s->stacks, 1);
	stack_is(&s->stack[0], PHASE_PICK_UP_REQUEST, CAUSE_OTHER_WORK, 6, 10000);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(cause_name(CAUSE_RUN_QUEUE), "run_queue");
	assert_string_equal(cause_name(CAUSES), "unknown");
	for (unsigned i = 0; i < CAUSES; i++) {
		assert_non_null(cause_name((enum cause)i));
		assert_non_null(cause_title((enum cause)i));
		assert_non_null(cause_meaning((enum cause)i));
	}
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_own_work_on_one_thread),
		SCENE(test_another_request_first_is_other_work),
		SCENE(test_system_calls_bound_other_work),
		SCENE(test_run_queue_tells_who_held_the_cpu),
		SCENE(test_blocked_by_kind),
		SCENE(test_throttled),
		SCENE(test_steal_is_what_the_thread_did_not_run),
		SCENE(test_a_lost_period_is_unknown),
		SCENE(test_event_loop_wait_in_the_middle),
		SCENE(test_side_calls_keep_the_work_ones_own),
		SCENE(test_upstream_connection_is_own_only_in_its_turn),
		SCENE(test_allocator_is_taken_out_of_own_work),
		SCENE(test_hand_off_by_waking_the_other_up),
		SCENE(test_hand_off_with_a_queue_between),
		SCENE(test_first_thread_that_never_came_back),
		SCENE(test_work_done_by_another_thread_meanwhile),
		SCENE(test_waits_of_another_thread_meanwhile),
		SCENE(test_result_of_a_thread_that_was_sent_nothing),
		SCENE(test_parked_worker_waits_for_its_dispatcher),
		SCENE(test_lock_of_another_request_delays_the_pick_up),
		SCENE(test_unknown_where_there_is_no_account),
		SCENE(test_told_apart_phases_are_split_too),
		SCENE(test_samples_and_waits_tell_their_stacks),
		SCENE(test_samples_of_other_work),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
