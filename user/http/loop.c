/* SPDX-License-Identifier: GPL-2.0-only */
#include "http/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

#define LOOP_BATCH 64

struct loop {
	int epoll_fd;
	int timer_fd;
	int stop_fd;
	bool stopped;
	uint64_t spin_max_ns; /* 0: timers wake us when they are due */
	uint64_t lead_ns; /* how much earlier we want to be woken */
	uint64_t armed_ns; /* what timer_fd waits for; 0: it has fired or was never set */
	struct loop_timer **heap; /* binary min-heap by when_ns, first entry at 1 */
	size_t timers;
	size_t heap_size;
	struct loop_task tasks; /* head of a ring */
	struct loop_task turn_end; /* in it while they run */
	struct epoll_event batch[LOOP_BATCH]; /* events being handed out: [batch_at, batch_end) are still to come */
	int batch_at, batch_end;
};

static void tasks_clear(struct loop_task *ring)
{
	ring->next = ring;
	ring->prev = ring;
}

static int loop_open(struct loop *l)
{
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll_fd < 0 || l->timer_fd < 0 || l->stop_fd < 0)
		return -errno;
	/* Edge-triggered: timerfd_settime() resets the count, so that the timer never has to be read. */
	struct epoll_event timer = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
	struct epoll_event stop = {.events = EPOLLIN, .data.ptr = l};
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &timer) ||
	    epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->stop_fd, &stop))
		return -errno;
	return 0;
}

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	tasks_clear(&l->tasks);
	int ret = loop_open(l);
	if (ret) {
		loop_free(l);
		return ret;
	}
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	int fds[] = {l->epoll_fd, l->timer_fd, l->stop_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(l->heap);
	free(l);
}

void loop_stop(struct loop *l)
{
	int saved = errno; /* a signal handler may call this */
	uint64_t one = 1;
	ssize_t written = write(l->stop_fd, &one, sizeof(one));
	(void)written; /* fails only when the count is full: then it is set */
	errno = saved;
}

/* --- descriptors ------------------------------------------------------------------------------------------------------------ */

static int watch_control(struct loop *l, int op, struct loop_watch *w, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = w};
	return epoll_ctl(l->epoll_fd, op, w->fd, &e) ? -errno : 0;
}

int loop_add_fd(struct loop *l, struct loop_watch *w, uint32_t events)
{
	return watch_control(l, EPOLL_CTL_ADD, w, events);
}

int loop_change_fd(struct loop *l, struct loop_watch *w, uint32_t events)
{
	return watch_control(l, EPOLL_CTL_MOD, w, events);
}

void loop_remove_fd(struct loop *l, struct loop_watch *w)
{
	watch_control(l, EPOLL_CTL_DEL, w, 0);
	for (int i = l->batch_at; i < l->batch_end; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

/* --- timers ----------------------------------------------------------------------------------------------------------------- */

static void heap_place(struct loop *l, size_t slot, struct loop_timer *t)
{
	l->heap[slot] = t;
	t->slot = slot;
}

static void heap_up(struct loop *l, size_t slot, struct loop_timer *t)
{
	for (; slot > 1 && l->heap[slot / 2]->when_ns > t->when_ns; slot /= 2)
		heap_place(l, slot, l->heap[slot / 2]);
	heap_place(l, slot, t);
}

static void heap_down(struct loop *l, size_t slot, struct loop_timer *t)
{
	for (;;) {
		size_t child = 2 * slot;
		if (child > l->timers)
			break;
		if (child < l->timers && l->heap[child + 1]->when_ns < l->heap[child]->when_ns)
			child++;
		if (l->heap[child]->when_ns >= t->when_ns)
			break;
		heap_place(l, slot, l->heap[child]);
		slot = child;
	}
	heap_place(l, slot, t);
}

static void heap_settle(struct loop *l, size_t slot, struct loop_timer *t)
{
	if (slot > 1 && l->heap[slot / 2]->when_ns > t->when_ns)
		heap_up(l, slot, t);
	else
		heap_down(l, slot, t);
}

static int heap_grow(struct loop *l)
{
	if (l->timers + 1 < l->heap_size)
		return 0;
	size_t size = l->heap_size ? 2 * l->heap_size : 64;
	struct loop_timer **heap = realloc(l->heap, size * sizeof(struct loop_timer *));
	if (!heap)
		return -ENOMEM;
	l->heap = heap;
	l->heap_size = size;
	return 0;
}

int loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t when_ns)
{
	if (t->slot) {
		t->when_ns = when_ns;
		heap_settle(l, t->slot, t);
		return 0;
	}
	int ret = heap_grow(l);
	if (ret)
		return ret;
	t->when_ns = when_ns;
	heap_up(l, ++l->timers, t);
	return 0;
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
	size_t slot = t->slot;
	if (!slot)
		return;
	t->slot = 0;
	struct loop_timer *last = l->heap[l->timers--];
	if (last != t)
		heap_settle(l, slot, last);
}

/* At most as many as are set now: a timer that sets itself to a past time does not starve the descriptors. */
static void timers_fire(struct loop *l)
{
	size_t left = l->timers;
	uint64_t now_ns = left ? clock_now_ns() : 0;
	for (; left && l->timers && l->heap[1]->when_ns <= now_ns; left--) {
		struct loop_timer *t = l->heap[1];
		loop_timer_cancel(l, t);
		t->fire(t);
	}
}

/* A timer that was cancelled leaves timer_fd armed too early: one idle wake-up is cheaper than a syscall for every cancel. */
static void timers_arm(struct loop *l)
{
	if (!l->timers)
		return;
	uint64_t when_ns = l->heap[1]->when_ns > l->lead_ns ? l->heap[1]->when_ns - l->lead_ns : 1;
	if (l->armed_ns && l->armed_ns <= when_ns)
		return;
	struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(when_ns / NS_PER_S), .tv_nsec = (long)(when_ns % NS_PER_S)}};
	if (!timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL))
		l->armed_ns = when_ns;
}

void loop_set_exact(struct loop *l, uint64_t spin_max_ns)
{
	l->spin_max_ns = spin_max_ns;
	l->lead_ns = spin_max_ns / 2;
}

/* Moves the lead towards a quarter above what waking up took; a wake-up that took longer than a spin may is somebody else's load. */
static void lead_learn(struct loop *l, uint64_t late_ns)
{
	uint64_t want_ns = late_ns + late_ns / 4;
	if (want_ns > l->spin_max_ns)
		return;
	l->lead_ns = (15 * l->lead_ns + want_ns) / 16;
}

static bool timer_is_near(const struct loop *l)
{
	return l->lead_ns && l->timers && l->heap[1]->when_ns <= clock_now_ns() + l->lead_ns;
}

static void spin_until(uint64_t when_ns)
{
	while (clock_now_ns() < when_ns)
		;
}

/* --- tasks ------------------------------------------------------------------------------------------------------------------ */

void loop_defer(struct loop *l, struct loop_task *t)
{
	if (t->next)
		return;
	t->prev = l->tasks.prev;
	t->next = &l->tasks;
	t->prev->next = t;
	l->tasks.prev = t;
}

static void task_unlink(struct loop_task *t)
{
	t->prev->next = t->next;
	t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

void loop_task_cancel(struct loop *l, struct loop_task *t)
{
	(void)l; /* the ring knows its head */
	if (t->next)
		task_unlink(t);
}

/* Tasks that are deferred by these run on the next turn: a marker in the ring shows where this turn's end. */
static void tasks_run(struct loop *l)
{
	if (l->tasks.next == &l->tasks)
		return;
	struct loop_task *marker = &l->turn_end;
	loop_defer(l, marker);
	while (l->tasks.next != marker) {
		struct loop_task *t = l->tasks.next;
		task_unlink(t);
		t->run(t);
	}
	task_unlink(marker);
}

/* --- the loop --------------------------------------------------------------------------------------------------------------- */

static void event_hand_out(struct loop *l, const struct epoll_event *e)
{
	if (!e->data.ptr) {
		return; /* the timer, or a watch that was removed meanwhile */
	} else if (e->data.ptr == l) {
		l->stopped = true;
	} else {
		struct loop_watch *w = e->data.ptr;
		w->ready(w, e->events);
	}
}

/* The timer's expiry has been seen: it has to be set again. */
static void timer_note(struct loop *l, int n, bool slept)
{
	uint64_t now_ns = clock_now_ns();
	if (!l->armed_ns || l->armed_ns > now_ns)
		return;
	if (l->spin_max_ns && slept && n == 1 && !l->batch[0].data.ptr)
		lead_learn(l, now_ns - l->armed_ns);
	l->armed_ns = 0;
}

static int loop_turn(struct loop *l)
{
	bool near = timer_is_near(l);
	bool sleep = !near && l->tasks.next == &l->tasks;
	if (!near)
		timers_arm(l);
	int n = epoll_wait(l->epoll_fd, l->batch, LOOP_BATCH, sleep ? -1 : 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (near && !n && l->tasks.next == &l->tasks)
		spin_until(l->heap[1]->when_ns);
	timer_note(l, n, sleep);
	l->batch_end = n;
	for (l->batch_at = 0; l->batch_at < n; l->batch_at++) {
		timers_fire(l); /* a due answer does not wait for the rest of the batch; it may remove this very watch */
		event_hand_out(l, &l->batch[l->batch_at]);
	}
	l->batch_end = 0;
	timers_fire(l);
	tasks_run(l);
	return 0;
}

int loop_run(struct loop *l)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	int ret = 0;
	while (!l->stopped && !ret)
		ret = loop_turn(l);
	return ret;
}
