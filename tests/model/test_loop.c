// SPDX-License-Identifier: GPL-2.0-only
// rooms: base http/loop
/* Timers and tasks of the loop: random sets, moves and cancels against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "http/loop.h"

#define TIMERS 300
#define STEPS 5000

struct model {
	struct loop *loop;
	struct rng rng;
	uint64_t start_ns;
	struct loop_timer timer[TIMERS];
	uint64_t want_ns[TIMERS]; /* 0: not set */
	unsigned fired, set;
	uint64_t last_ns;
};

static void model_fire(struct loop_timer *t)
{
	struct model *m = t->ctx;
	size_t i = (size_t)(t - m->timer);
	assert_int_not_equal(m->want_ns[i], 0);
	assert_true(clock_now_ns() >= m->want_ns[i]);
	assert_true(m->want_ns[i] >= m->last_ns); /* in the order of their times: none sets itself again here */
	m->last_ns = m->want_ns[i];
	m->want_ns[i] = 0;
	if (++m->fired == m->set)
		loop_stop(m->loop);
}

static void random_steps(struct model *m)
{
	for (unsigned step = 0; step < STEPS; step++) {
		size_t i = rng_below(&m->rng, TIMERS);
		if (rng_below(&m->rng, 3)) {
			m->want_ns[i] = m->start_ns + rng_below(&m->rng, 20 * NS_PER_MS);
			assert_int_equal(loop_timer_set(m->loop, &m->timer[i], m->want_ns[i]), 0);
		} else {
			m->want_ns[i] = 0;
			loop_timer_cancel(m->loop, &m->timer[i]);
		}
		assert_int_equal(m->timer[i].slot != 0, m->want_ns[i] != 0);
	}
}

static void timers_check(bool exact)
{
	struct model *m = calloc(1, sizeof(*m));
	uint64_t seed = clock_now_ns();
	print_message("seed %llu\n", (unsigned long long)seed);
	rng_init(&m->rng, seed, 0);
	assert_int_equal(loop_new(&m->loop), 0);
	if (exact)
		loop_set_exact(m->loop, 100 * NS_PER_US);
	m->start_ns = clock_now_ns() + 5 * NS_PER_MS;
	for (size_t i = 0; i < TIMERS; i++)
		m->timer[i] = (struct loop_timer){.fire = model_fire, .ctx = m};
	random_steps(m);
	for (size_t i = 0; i < TIMERS; i++)
		m->set += m->want_ns[i] != 0;
	assert_in_range(m->set, 1, TIMERS);
	assert_int_equal(loop_run(m->loop), 0);
	assert_int_equal(m->fired, m->set);
	loop_free(m->loop);
	free(m);
}

static void test_timers(void **state)
{
	(void)state;
	timers_check(false);
}

static void test_timers_exact(void **state)
{
	(void)state;
	timers_check(true);
}

/* --- removal while events are being handed out ------------------------------------------------------------------------------------ */

#define PIPES 8

struct removal {
	struct loop *loop;
	struct loop_watch *watch[PIPES];
	int write_fd[PIPES];
	unsigned ready;
	struct loop_task task;
	unsigned tasks;
};

/* The first one that is called removes and frees all others: none of them may be called any more. */
static void removal_ready(struct loop_watch *w, uint32_t events)
{
	struct removal *r = w->ctx;
	assert_true(events & EPOLLIN);
	r->ready++;
	for (unsigned i = 0; i < PIPES; i++) {
		loop_remove_fd(r->loop, r->watch[i]);
		close(r->watch[i]->fd);
		close(r->write_fd[i]);
		free(r->watch[i]);
	}
	loop_defer(r->loop, &r->task);
	loop_defer(r->loop, &r->task); /* once all the same */
}

static void removal_task(struct loop_task *t)
{
	struct removal *r = t->ctx;
	if (++r->tasks < 3)
		loop_defer(r->loop, t);
	else
		loop_stop(r->loop);
}

static void test_removal(void **state)
{
	(void)state;
	struct removal r = {0};
	r.task = (struct loop_task){.run = removal_task, .ctx = &r};
	assert_int_equal(loop_new(&r.loop), 0);
	for (unsigned i = 0; i < PIPES; i++) {
		int fd[2];
		assert_int_equal(pipe(fd), 0);
		assert_int_equal(write(fd[1], "x", 1), 1);
		r.write_fd[i] = fd[1];
		r.watch[i] = malloc(sizeof(*r.watch[i]));
		*r.watch[i] = (struct loop_watch){.fd = fd[0], .ready = removal_ready, .ctx = &r};
		assert_int_equal(loop_add_fd(r.loop, r.watch[i], EPOLLIN), 0);
	}
	assert_int_equal(loop_run(r.loop), 0);
	assert_int_equal(r.ready, 1);
	assert_int_equal(r.tasks, 3);
	loop_free(r.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_timers_exact),
		cmocka_unit_test(test_removal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
