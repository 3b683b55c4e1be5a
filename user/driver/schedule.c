/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/schedule.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

#define NEVER UINT64_MAX
/* A virtual user whose connection was refused tries again after this long: without it a dead gateway makes a busy loop. */
#define BACKOFF_NS (100 * NS_PER_MS)
#define USER_STREAM (UINT64_C(1) << 32) /* random streams of virtual users: clear of those of the arrivals */
#define TENANT_STREAM (UINT64_C(1) << 33) /* ... and of the tenants, one for each thread */

static void make_due(struct schedule *s, struct order_ring *ring, struct order *order)
{
	order->tenant = s->plan->tenants ? arrival_tenant(s->plan, order->stage, &s->tenants) + 1 : 0;
	if (order_ring_push(ring, order)) {
		s->error = -ENOMEM;
		return;
	}
	s->outstanding[order->stage]++;
	s->outstanding_all++;
	s->due += order->due_ns >= s->run_start_ns + s->plan->warmup_ns;
}

/* --- stages ------------------------------------------------------------------------------------------------------------------ */

static const struct plan_stage *current(const struct schedule *s)
{
	return s->stage < s->plan->stages ? &s->plan->stage[s->stage] : NULL;
}

static uint64_t shard_of_requests(const struct schedule *s, uint64_t requests)
{
	uint64_t shards = s->shards / s->threads; /* hosts; its threads share one count */
	uint64_t host = s->shard % shards;

	return requests / shards + (host < requests % shards);
}

static bool runs_closed(const struct schedule *s)
{
	return s->entered && !s->part_done && s->stage < s->plan->stages && s->plan->stage[s->stage].loop == PLAN_CLOSED;
}

static uint32_t user_number(const struct schedule *s, uint32_t user)
{
	return user * s->shards + s->shard;
}

/* Time from the stage's start at which user number n is wanted first. */
static uint64_t user_offset_ns(const struct plan_stage *stage, uint32_t n)
{
	double want = (double)n + 0.5;

	if (stage->from >= want)
		return 0;
	if (stage->to < want || !stage->duration_ns)
		return NEVER;
	return (uint64_t)ceil((double)stage->duration_ns * (want - stage->from) / (stage->to - stage->from));
}

static uint64_t next_user_ns(const struct schedule *s)
{
	uint64_t offset_ns;

	if (!runs_closed(s) || s->next_user >= s->users)
		return NEVER;
	offset_ns = user_offset_ns(current(s), user_number(s, s->next_user));
	return offset_ns == NEVER ? NEVER : s->stage_start_ns + offset_ns;
}

/* Are all requests of a counted closed-loop stage handed out? */
static bool is_exhausted(const struct schedule *s)
{
	const struct plan_stage *stage = current(s);

	return stage->requests && atomic_load(&s->clock->taken[s->stage]) >= shard_of_requests(s, stage->requests);
}

static bool take_ticket(struct schedule *s)
{
	uint64_t all = shard_of_requests(s, current(s)->requests), taken;

	if (!current(s)->requests)
		return true;
	taken = atomic_fetch_add(&s->clock->taken[s->stage], 1);
	if (taken + 1 == all)
		stage_clock_wake(s->clock); /* those whose users all think would learn of it late */
	return taken < all;
}

static bool user_is_wanted(const struct schedule *s, uint32_t user, uint64_t when_ns)
{
	const struct plan_stage *stage = current(s);
	uint64_t since_ns = when_ns > s->stage_start_ns ? when_ns - s->stage_start_ns : 0;

	if (!runs_closed(s) || (stage->duration_ns && since_ns >= stage->duration_ns))
		return false;
	return user_number(s, user) < arrival_users(stage, since_ns);
}

/* The next question of its conversation, where the stage goes on with it; else a class is drawn. */
static void user_prompt(struct schedule *s, uint32_t user, struct order *order)
{
	struct user *u = &s->user[user];
	uint32_t mask = current(s)->classes;

	if (u->talk.running && (!mask || (mask & (1u << u->talk.class_index)))) {
		order->class_index = u->talk.class_index;
		order->number = u->talk.number;
		return;
	}
	order->class_index = arrival_class(s->plan, s->stage, &u->mix);
	order->number = user_number(s, user) + u->prompts++ * s->users_all;
	if (s->plan->class_[order->class_index].turns > 1)
		talk_begin(&u->talk, order->class_index, order->number);
}

/* The user's next request is due at due_ns, if the stage still wants the user then. */
static void user_go(struct schedule *s, uint32_t user, uint64_t due_ns)
{
	struct order order = {.due_ns = due_ns, .stage = s->stage, .user = user};

	s->user[user].busy = runs_closed(s) && take_ticket(s);
	if (!s->user[user].busy)
		return;
	user_prompt(s, user, &order);
	make_due(s, &s->ready, &order);
}

static void start_users(struct schedule *s, uint64_t now_ns)
{
	for (;;) {
		uint64_t when_ns = next_user_ns(s);
		uint32_t user = s->next_user;

		if (when_ns > now_ns)
			return;
		s->next_user++;
		if (!s->user[user].busy)
			user_go(s, user, when_ns);
	}
}

static void wake_users_of(struct schedule *s, struct deadline_list *list, uint64_t now_ns)
{
	struct deadline *d;

	while ((d = deadline_expired(list, now_ns))) {
		struct user *user = (struct user *)d; /* its first member */
		uint32_t index = (uint32_t)(user - s->user);

		user->busy = false;
		if (user_is_wanted(s, index, d->when_ns > s->stage_start_ns ? d->when_ns : s->stage_start_ns))
			user_go(s, index, d->when_ns > s->stage_start_ns ? d->when_ns : s->stage_start_ns);
	}
}

static void wake_users(struct schedule *s, uint64_t now_ns)
{
	for (uint32_t i = 0; i < s->plan->stages && i <= s->stage; i++)
		wake_users_of(s, &s->think[i], now_ns);
	wake_users_of(s, &s->backoff, now_ns);
}

static void arrivals(struct schedule *s, uint64_t now_ns)
{
	while (s->has_next && s->run_start_ns + s->next.due_ns <= now_ns) {
		struct order order = {
			.due_ns = s->run_start_ns + s->next.due_ns,
			.class_index = s->next.class_index,
			.stage = s->next.stage,
			.user = ORDER_NO_USER,
			.trace_row = s->next.trace_row,
			.number = s->next.index,
		};

		if (order.due_ns >= s->run_start_ns + s->plan->warmup_ns)
			hist_record(s->lag, now_ns - order.due_ns);
		make_due(s, &s->queue, &order);
		s->has_next = arrival_walk_next(&s->walk, &s->next);
	}
}

static void enter_stage(struct schedule *s, uint64_t start_ns)
{
	s->entered = true;
	s->part_done = false;
	s->stage_start_ns = start_ns;
	s->next_user = 0;
	s->has_next = false;
	if (current(s)->loop == PLAN_CLOSED)
		return;
	arrival_walk_init(&s->walk, s->plan, s->stage, start_ns - s->run_start_ns, s->shard, s->shards);
	s->has_next = arrival_walk_next(&s->walk, &s->next);
}

static void leave_stage(struct schedule *s)
{
	s->entered = s->drained = false;
	s->stage++;
}

/* Has this thread no more to do for a stage that ends with its requests? */
static bool part_is_done(const struct schedule *s)
{
	if (s->outstanding[s->stage])
		return false;
	if (current(s)->loop == PLAN_OPEN)
		return !s->has_next;
	return is_exhausted(s) || !s->users || user_offset_ns(current(s), user_number(s, 0)) == NEVER;
}

/* The next one starts now, or when what is to be done before it is done. */
static void stage_ended(struct schedule *s, uint64_t at_ns)
{
	uint32_t next = s->stage + 1;

	if (next == s->plan->stages || !s->plan->stage[next].befores)
		atomic_store(&s->clock->start_ns[next], at_ns);
}

static bool waits_drained(const struct schedule *s)
{
	return s->stage < s->plan->stages && s->plan->stage[s->stage].befores && !s->entered && !s->drained &&
	       !s->outstanding_all;
}

/* This thread has nothing under way before a stage with actions; the last such one says so. */
static void tell_drained(struct schedule *s)
{
	struct stage_clock *c = s->clock;

	s->drained = true;
	if (atomic_fetch_sub(&c->threads_waiting[s->stage], 1) == 1 && c->before)
		c->before(c->ctx, s->stage);
}

static void end_part(struct schedule *s, uint64_t now_ns)
{
	struct stage_clock *c = s->clock;

	s->part_done = true;
	if (atomic_fetch_sub(&c->threads_left[s->stage], 1) == 1) {
		stage_ended(s, now_ns);
		stage_clock_wake(c);
	}
}

static bool is_skipped(const struct schedule *s)
{
	return s->stage < atomic_load(&s->clock->skip_to);
}

/* Its start may lie ahead of the skip by a moment: then that is its end. */
static void skip_stage(struct schedule *s)
{
	uint64_t start_ns = atomic_load(&s->clock->start_ns[s->stage]), skip_ns = atomic_load(&s->clock->skip_ns);

	stage_ended(s, start_ns > skip_ns ? start_ns : skip_ns);
	leave_stage(s);
}

/* Moves to the next stage where this one is over; true: look again. */
static bool stage_over(struct schedule *s, uint64_t now_ns)
{
	const struct plan_stage *stage = current(s);

	if (!stage->duration_ns) {
		if (!s->part_done && !part_is_done(s))
			return false;
		if (!s->part_done)
			end_part(s, now_ns);
	} else if (now_ns < s->stage_start_ns + stage->duration_ns) {
		return false;
	} else {
		stage_ended(s, s->stage_start_ns + stage->duration_ns);
	}
	leave_stage(s);
	return true;
}

void schedule_tick(struct schedule *s, uint64_t now_ns)
{
	while (s->stage < s->plan->stages) {
		if (is_skipped(s)) {
			skip_stage(s);
			continue;
		}
		if (!s->entered) {
			uint64_t start_ns = atomic_load(&s->clock->start_ns[s->stage]);

			if (waits_drained(s))
				tell_drained(s);
			if (!start_ns || start_ns > now_ns)
				break;
			enter_stage(s, start_ns);
		}
		arrivals(s, now_ns);
		start_users(s, now_ns);
		wake_users(s, now_ns);
		if (!stage_over(s, now_ns))
			break;
	}
}

/* --- orders ------------------------------------------------------------------------------------------------------------------ */

static uint64_t in_flight_limit(const struct schedule *s, uint32_t stage)
{
	uint64_t limit = s->plan->stage[stage].in_flight_max;
	uint64_t part = limit / s->threads + (s->shard / (s->shards / s->threads) < limit % s->threads);

	if (!limit)
		return NEVER;
	return part ? part : 1;
}

static bool has_place(const struct schedule *s, uint64_t in_flight)
{
	return order_ring_count(&s->queue) &&
	       in_flight < in_flight_limit(s, s->queue.order[s->queue.head & (s->queue.size - 1)].stage);
}

bool schedule_can_take(const struct schedule *s, uint64_t in_flight)
{
	return order_ring_count(&s->ready) || has_place(s, in_flight);
}

bool schedule_take(struct schedule *s, uint64_t in_flight, struct order *out)
{
	if (order_ring_pop(&s->ready, out))
		return true;
	if (has_place(s, in_flight))
		return order_ring_pop(&s->queue, out);
	if (order_ring_count(&s->queue) > s->queue_max)
		s->queue_max = order_ring_count(&s->queue);
	return false;
}

void schedule_close(struct schedule *s)
{
	s->entered = false;
	s->stage = s->plan->stages;
}

bool schedule_drop(struct schedule *s, struct order *out)
{
	return order_ring_pop(&s->ready, out) || order_ring_pop(&s->queue, out);
}

static void user_done(struct schedule *s, const struct order *order, uint64_t end_ns, bool connected)
{
	uint64_t think_ns = s->plan->stage[order->stage].think_ns;
	struct user *user = &s->user[order->user];

	if (!connected && think_ns < BACKOFF_NS)
		deadline_add(&s->backoff, &user->think, end_ns + BACKOFF_NS);
	else if (think_ns)
		deadline_add(&s->think[order->stage], &user->think, end_ns + think_ns);
	else if (user_is_wanted(s, order->user, end_ns))
		user_go(s, order->user, end_ns);
	else
		user->busy = false;
}

void schedule_done(struct schedule *s, const struct order *order, uint64_t end_ns, bool connected)
{
	s->outstanding[order->stage]--;
	s->outstanding_all--;
	if (order->user != ORDER_NO_USER)
		user_done(s, order, end_ns, connected);
}

static uint64_t min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t stage_next_ns(const struct schedule *s)
{
	const struct plan_stage *stage = current(s);
	uint64_t start_ns;

	if (!stage)
		return NEVER;
	if (is_skipped(s))
		return 0;
	if (waits_drained(s))
		return 0;
	if (!s->entered) {
		start_ns = atomic_load(&s->clock->start_ns[s->stage]);
		return start_ns ? start_ns : NEVER;
	}
	if (stage->duration_ns)
		return s->stage_start_ns + stage->duration_ns;
	return part_is_done(s) ? 0 : NEVER;
}

uint64_t schedule_next_ns(const struct schedule *s)
{
	uint64_t next_ns = min_ns(stage_next_ns(s), next_user_ns(s));

	if (s->has_next)
		next_ns = min_ns(next_ns, s->run_start_ns + s->next.due_ns);
	if (!s->entered) /* users that think wait for the next stage */
		return next_ns;
	for (uint32_t i = 0; s->users && i <= s->stage; i++)
		next_ns = min_ns(next_ns, deadline_first_ns(&s->think[i]));
	return min_ns(next_ns, deadline_first_ns(&s->backoff));
}

uint64_t schedule_queued(const struct schedule *s)
{
	return order_ring_count(&s->queue) + order_ring_count(&s->ready);
}

bool schedule_finished(const struct schedule *s)
{
	return s->stage == s->plan->stages && !s->outstanding_all;
}

/* --- life -------------------------------------------------------------------------------------------------------------------- */

static uint64_t users_most(const struct plan *plan)
{
	double most = 0;

	for (uint32_t i = 0; i < plan->stages; i++) {
		const struct plan_stage *stage = &plan->stage[i];

		if (stage->loop == PLAN_CLOSED)
			most = fmax(most, fmax(stage->from, stage->to));
	}
	return (uint64_t)floor(most + 0.5);
}

static uint32_t users_needed(const struct schedule *s)
{
	return s->users_all <= s->shard ? 0 : (uint32_t)((s->users_all - s->shard - 1) / s->shards) + 1;
}

int schedule_init(struct schedule *s, const struct schedule_config *config)
{
	uint32_t hosts = config->shards ? config->shards : 1;

	*s = (struct schedule){.plan = config->plan, .clock = config->clock, .threads = config->threads};
	s->shards = hosts * config->threads;
	s->shard = config->shard + hosts * config->thread;
	s->run_start_ns = config->start_ns;
	for (unsigned i = 0; i < PLAN_STAGES_MAX; i++)
		deadline_list_init(&s->think[i]);
	deadline_list_init(&s->backoff);
	s->users_all = users_most(s->plan);
	s->users = users_needed(s);
	s->user = calloc(s->users ? s->users : 1, sizeof(*s->user));
	s->lag = hist_new();
	if (!s->user || !s->lag)
		return -ENOMEM;
	rng_init(&s->tenants, s->plan->seed, TENANT_STREAM | s->shard);
	for (uint32_t i = 0; i < s->users; i++)
		rng_init(&s->user[i].mix, s->plan->seed, USER_STREAM | user_number(s, i));
	return 0;
}

void schedule_fini(struct schedule *s)
{
	hist_free(s->lag);
	for (uint32_t i = 0; s->user && i < s->users; i++)
		talk_fini(&s->user[i].talk);
	free(s->user);
	free(s->ready.order);
	free(s->queue.order);
	*s = (struct schedule){0};
}
