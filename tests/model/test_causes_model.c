// rooms: base record/request_stats timeline/names timeline/ring timeline/threads timeline/thread_groups timeline/thread_windows timeline/wait attribution tests/support/thread_rig
// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split into causes against one that asks for every instant what the thread did, and whose work that was. Random threads: parked,
 * preempted, blocked, in system calls, reading and sending for this request and for others.
 */
#include <string.h>
#include <sys/syscall.h>

#include "attribution/cause.h"
#include "base/rng.h"
#include "tests/support/seed.h"
#include "tests/support/test.h"
#include "tests/support/thread_rig.h"

#define ROUNDS 4000
#define TID 7
#define OTHER_TID 8
#define OWN_CONN 11
#define BEGIN 1000u
#define STEPS 40

struct model {
	struct threads threads;
	struct rng rng;
	struct thread_off off[STEPS];
	struct wire_syscall call[STEPS];
	struct thread_mark mark[STEPS * 2];
	unsigned offs, calls, marks;
	uint64_t at_ns;
};

static uint64_t some(struct model *m, uint64_t most)
{
	return 1 + rng_below(&m->rng, most);
}

static void add_mark(struct model *m)
{
	static const uint64_t flags[] = {0, THREAD_MARK_OUT, THREAD_MARK_NEUTRAL, THREAD_MARK_OUT | THREAD_MARK_NEUTRAL};
	struct thread_mark *k = &m->mark[m->marks++];

	*k = (struct thread_mark){.time_ns = m->at_ns,
				  .conn = rng_below(&m->rng, 2) ? OWN_CONN : 20 + rng_below(&m->rng, 3),
				  .flags = flags[rng_below(&m->rng, rng_below(&m->rng, 3) ? 2 : 4)]};
}

static void add_off(struct model *m, uint16_t nr, uint16_t flags)
{
	struct thread_off *o = &m->off[m->offs++];
	bool preempted = flags & WIRE_OFF_PREEMPTED;

	*o = (struct thread_off){.out_ns = m->at_ns, .syscall = nr, .flags = flags};
	o->runnable_ns = o->out_ns + (preempted ? 0 : some(m, 30));
	o->in_ns = o->runnable_ns + some(m, 10);
	o->waker_tid = rng_below(&m->rng, 2) ? OTHER_TID : 0;
	m->at_ns = o->in_ns;
}

static void add_call(struct model *m)
{
	static const uint16_t nr[] = {SYS_epoll_wait, SYS_read, SYS_futex, SYS_fsync, SYS_clock_nanosleep, SYS_sendto};
	struct wire_syscall *c = &m->call[m->calls++];

	c->nr = nr[rng_below(&m->rng, 6)];
	c->enter_ns = m->at_ns;
	m->at_ns += some(m, 5);
	if (rng_below(&m->rng, 2))
		add_off(m, c->nr, c->nr == SYS_fsync ? WIRE_OFF_UNINTERRUPTIBLE : 0);
	else if (c->nr == SYS_read || c->nr == SYS_sendto)
		add_mark(m);
	m->at_ns += some(m, 5);
	c->exit_ns = m->at_ns;
}

static void random_thread(struct model *m, uint32_t tid, bool calls)
{
	m->offs = m->calls = m->marks = 0;
	m->at_ns = BEGIN;
	for (unsigned i = 0; i < STEPS; i++) {
		m->at_ns += some(m, 20);
		if (rng_below(&m->rng, 4) == 0)
			add_off(m, WIRE_SYSCALL_NONE, rng_below(&m->rng, 4) ? WIRE_OFF_PREEMPTED : WIRE_OFF_FAULT);
		else
			add_call(m);
	}
	rig_thread(&m->threads, tid, "t", BEGIN);
	for (unsigned i = 0; calls && i < m->calls; i++)
		rig_call(&m->threads, tid, m->call[i].nr, m->call[i].enter_ns, m->call[i].exit_ns);
	for (unsigned i = 0; i < m->offs; i++)
		RIG_OFF(&m->threads, tid, m->off[i].out_ns, m->off[i].runnable_ns, m->off[i].in_ns, .syscall = m->off[i].syscall,
			.flags = m->off[i].flags, .waker_tid = m->off[i].waker_tid);
	for (unsigned i = m->marks; i-- > 0;)
		threads_mark(&m->threads, tid, &m->mark[i]);
	if (!calls)
		m->calls = 0;
	threads_settle(&m->threads);
}

/* --- what one instant was ------------------------------------------------------------------------------------------------- */

static const struct thread_mark *mark_before(const struct model *m, uint64_t at_ns)
{
	const struct thread_mark *found = NULL;

	for (unsigned i = 0; i < m->marks; i++)
		if (m->mark[i].time_ns <= at_ns)
			found = &m->mark[i];
	return found;
}

static bool holds_work(const struct model *m, uint64_t at_ns)
{
	const struct thread_mark *k = mark_before(m, at_ns);

	return k && !(k->flags & THREAD_MARK_OUT);
}

static bool parks(const struct model *m, const struct thread_off *o)
{
	if (o->runnable_ns == o->out_ns)
		return false;
	return o->syscall == SYS_epoll_wait || o->syscall == SYS_clock_nanosleep ||
	       (o->syscall == SYS_futex && !holds_work(m, o->out_ns));
}

/* When the thread last began another errand in (after_ns, until_ns]; 0: it did not. */
static uint64_t new_errand(const struct model *m, uint64_t after_ns, uint64_t until_ns)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < m->offs; i++)
		if (m->off[i].in_ns > after_ns && m->off[i].in_ns <= until_ns && parks(m, &m->off[i]))
			last = m->off[i].in_ns;
	for (unsigned i = 0; i < m->calls; i++)
		if (m->call[i].nr == SYS_epoll_wait && m->call[i].enter_ns >= after_ns && m->call[i].exit_ns <= until_ns &&
		    m->call[i].exit_ns > last)
			last = m->call[i].exit_ns;
	return last;
}

static bool is_own(const struct model *m, uint64_t at_ns, bool custody)
{
	const struct thread_mark *last = NULL;

	for (unsigned i = 0; i < m->marks && m->mark[i].time_ns <= at_ns; i++)
		if (!(m->mark[i].flags & THREAD_MARK_NEUTRAL))
			last = &m->mark[i];
	uint64_t begin_ns = new_errand(m, last ? last->time_ns : 0, at_ns);
	if (last && !begin_ns)
		return last->conn == OWN_CONN;
	for (unsigned i = 0; i < m->marks; i++) {
		const struct thread_mark *k = &m->mark[i];
		if (k->time_ns < begin_ns || k->flags & THREAD_MARK_NEUTRAL)
			continue;
		return new_errand(m, begin_ns, k->time_ns) ? custody : k->conn == OWN_CONN;
	}
	return custody;
}

static enum cause blocked_cause(const struct model *m, const struct thread_off *o, bool custody)
{
	bool woken = o->waker_tid == OTHER_TID;

	switch (o->syscall) {
	case SYS_epoll_wait:
		return woken ? CAUSE_HAND_OFF : CAUSE_IDLE;
	case SYS_clock_nanosleep:
		return CAUSE_IDLE;
	case SYS_futex:
		if (holds_work(m, o->out_ns))
			return CAUSE_LOCK;
		return woken ? CAUSE_HAND_OFF : CAUSE_IDLE;
	case SYS_fsync:
		return CAUSE_DISK;
	case WIRE_SYSCALL_NONE:
		return CAUSE_PAGE_FAULT;
	default:
		return custody ? CAUSE_SOCKET : woken ? CAUSE_HAND_OFF : CAUSE_IDLE;
	}
}

/* Calls are known from the first on, to the last one's end or to the last time that the thread left its CPU outside of any. */
static bool told(const struct model *m, uint64_t at_ns)
{
	uint64_t end_ns = m->calls ? m->call[m->calls - 1].exit_ns : 0;

	for (unsigned i = 0; i < m->offs; i++)
		if (m->off[i].syscall == WIRE_SYSCALL_NONE && m->off[i].out_ns > end_ns)
			end_ns = m->off[i].out_ns;
	return m->calls && at_ns >= m->call[0].enter_ns && at_ns < end_ns;
}

static enum cause cause_at(const struct model *m, uint64_t at_ns, bool custody)
{
	for (unsigned i = 0; i < m->offs; i++) {
		const struct thread_off *o = &m->off[i];
		if (at_ns >= o->out_ns && at_ns < o->runnable_ns)
			return blocked_cause(m, o, custody);
		if (at_ns >= o->runnable_ns && at_ns < o->in_ns)
			return CAUSE_RUN_QUEUE;
	}
	if (!is_own(m, at_ns, custody))
		return CAUSE_OTHER_WORK;
	if (!told(m, at_ns))
		return CAUSE_OWN_CPU;
	for (unsigned i = 0; i < m->calls; i++)
		if (at_ns >= m->call[i].enter_ns && at_ns < m->call[i].exit_ns)
			return CAUSE_OWN_KERNEL;
	return CAUSE_OWN_USER;
}

/* --- the comparison --------------------------------------------------------------------------------------------------------- */

static void ask(const struct model *m, const struct custody *c, struct cause_cut *out)
{
	const struct phase_segment s = {c->from_ns, c->to_ns, c->picks_up ? PHASE_PICK_UP_REQUEST : PHASE_PROCESS_REQUEST, 0};
	const struct cause_own own = {OWN_CONN, 0, UINT64_MAX};
	const struct cause_question q = {&s, 1, c, &own, 1, 0};

	cause_split(&m->threads, &q, NULL, out);
}

static struct custody random_custody(struct model *m, uint32_t from_tid, uint32_t to_tid, bool picks_up)
{
	/* calls are told to the end of the last one */
	uint64_t length = m->at_ns - BEGIN - 1, a = BEGIN + rng_below(&m->rng, length), b = BEGIN + rng_below(&m->rng, length);

	return (struct custody){a < b ? a : b, a < b ? b : a, picks_up ? 0 : from_tid, to_tid, picks_up};
}

static void test_split_is_the_instants(void **state)
{
	static struct model m;

	(void)state;
	rng_init(&m.rng, test_seed(), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		assert_int_equal(threads_init(&m.threads, 1 << 20), 0);
		bool calls = rng_below(&m.rng, 2), picks_up = rng_below(&m.rng, 2);
		random_thread(&m, TID, calls);
		rig_thread(&m.threads, OTHER_TID, "waker", BEGIN);
		const struct custody c = random_custody(&m, TID, TID, picks_up);
		struct cause_cut cut;
		ask(&m, &c, &cut);
		uint64_t wanted[CAUSES] = {0};
		for (uint64_t at = c.from_ns; at < c.to_ns; at++)
			wanted[cause_at(&m, at, !picks_up)]++;
		for (unsigned i = 0; i < CAUSES; i++)
			if (cut.ns[picks_up ? PHASE_PICK_UP_REQUEST : PHASE_PROCESS_REQUEST][i] != wanted[i])
				fail_msg("round %u: %s of [%llu, %llu) is %llu, the instants say %llu", round,
					 cause_name((enum cause)i), (unsigned long long)c.from_ns, (unsigned long long)c.to_ns,
					 (unsigned long long)cut.ns[picks_up ? PHASE_PICK_UP_REQUEST : PHASE_PROCESS_REQUEST][i],
					 (unsigned long long)wanted[i]);
		threads_fini(&m.threads);
	}
}

static void test_between_two_threads_the_sum_is_exact(void **state)
{
	static struct model m;

	(void)state;
	rng_init(&m.rng, test_seed(), 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		assert_int_equal(threads_init(&m.threads, 1 << 20), 0);
		random_thread(&m, TID, rng_below(&m.rng, 2));
		random_thread(&m, OTHER_TID, rng_below(&m.rng, 2));
		static const uint32_t tids[] = {0, TID, OTHER_TID, 99};
		const struct custody c =
			random_custody(&m, tids[rng_below(&m.rng, 4)], tids[rng_below(&m.rng, 4)], rng_below(&m.rng, 4) == 0);
		struct cause_cut cut;
		uint64_t sum = 0;
		ask(&m, &c, &cut);
		for (unsigned i = 0; i < CAUSES; i++)
			sum += cut.ns[c.picks_up ? PHASE_PICK_UP_REQUEST : PHASE_PROCESS_REQUEST][i];
		assert_int_equal(sum, c.to_ns - c.from_ns);
		threads_fini(&m.threads);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_is_the_instants),
		cmocka_unit_test(test_between_two_threads_the_sum_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
