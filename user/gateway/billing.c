// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/billing.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define QUEUE 1000
#define AT_ONCE 8
#define TRIES 3
#define AGAIN_NS (100 * NS_PER_MS)
#define STALL_NS (20 * NS_PER_MS)

/* One record on its way. */
struct slot {
	struct billing *billing;
	struct upstream_turn *up; /* NULL: free, or it waits for its next try */
	struct billing_usage usage;
	struct buf head, body;
	struct loop_timer again;
	bool taken;
	unsigned tries;
};

struct billing {
	struct loop *loop;
	struct billing_config config;
	struct upstream_pool *pool;
	struct slot slot[AT_ONCE];
	struct billing_usage *queue;
	unsigned first, count, at_once;
	struct loop_task task; /* takes from the queue */
	struct loop_timer stall;
	bool stalled;
	uint64_t dropped;
};

static void post(struct slot *s);

static void slot_done(struct slot *s)
{
	struct billing *b = s->billing;

	s->taken = false;
	if (b->config.stalling) {
		b->stalled = true;
		loop_timer_set(b->loop, &b->stall, clock_now_ns() + STALL_NS);
	}
	loop_defer(b->loop, &b->task);
}

static void refused(struct slot *s)
{
	struct billing *b = s->billing;

	if (++s->tries < TRIES && !loop_timer_set(b->loop, &s->again, clock_now_ns() + AGAIN_NS))
		return;
	b->dropped++;
	slot_done(s);
}

static void on_again(struct loop_timer *timer)
{
	post(timer->ctx);
}

static void turn_end(struct slot *s)
{
	upstream_end(s->up);
	s->up = NULL;
}

static void on_data(void *ctx)
{
	struct slot *s = ctx;

	upstream_body(s->up)->used = 0; /* what it says is of no interest */
	if (!upstream_complete(s->up)) {
		upstream_continue(s->up);
		return;
	}
	bool taken = upstream_status(s->up) / 100 == 2;
	turn_end(s);
	if (taken)
		slot_done(s);
	else
		refused(s);
}

static void on_failed(void *ctx, enum upstream_failure failure, int code)
{
	struct slot *s = ctx;

	(void)failure;
	(void)code;
	turn_end(s);
	refused(s);
}

/* A tenant's name is somebody else's text. */
static void json_word(char *out, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text && used + 1 < size; text++)
		out[used++] = *text < ' ' || *text > '~' || *text == '"' || *text == '\\' ? '_' : *text;
	out[used] = '\0';
}

static int post_build(struct slot *s)
{
	const struct billing_usage *u = &s->usage;
	char tenant[sizeof(u->tenant)];
	int ret;

	json_word(tenant, sizeof(tenant), u->tenant);
	s->head.used = s->body.used = 0;
	ret = buf_printf(&s->body, "{\"tenant\":\"%s\",\"status\":%u,\"request_bytes\":%llu,\"answer_bytes\":%llu}", tenant,
			 u->status, (unsigned long long)u->request_bytes, (unsigned long long)u->answer_bytes);
	if (ret)
		return ret;
	return buf_printf(&s->head,
			  "POST /v1/usage HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			  s->billing->config.target->authority, s->body.used);
}

static void post(struct slot *s)
{
	static const struct upstream_callbacks callbacks = {.data = on_data, .failed = on_failed};
	struct upstream_request request = {0};
	int ret = post_build(s);

	request.head = s->head.data;
	request.head_bytes = s->head.used;
	request.body = s->body.data;
	request.body_bytes = s->body.used;
	if (!ret)
		ret = upstream_start(s->billing->pool, &request, &callbacks, s, &s->up);
	if (ret) {
		s->up = NULL;
		refused(s);
	}
}

static void take(struct loop_task *task)
{
	struct billing *b = task->ctx;

	for (unsigned i = 0; i < b->at_once && b->count && !b->stalled; i++) {
		struct slot *s = &b->slot[i];

		if (s->taken)
			continue;
		s->usage = b->queue[b->first];
		b->first = (b->first + 1) % b->config.queue;
		b->count--;
		s->taken = true;
		s->tries = 0;
		post(s);
	}
}

static void on_stall_over(struct loop_timer *timer)
{
	struct billing *b = timer->ctx;

	b->stalled = false;
	loop_defer(b->loop, &b->task);
}

bool billing_add(struct billing *b, const struct billing_usage *usage)
{
	if (b->count == b->config.queue) {
		b->dropped++;
		return false;
	}
	b->queue[(b->first + b->count++) % b->config.queue] = *usage;
	loop_defer(b->loop, &b->task);
	return true;
}

uint64_t billing_dropped(const struct billing *b)
{
	return b->dropped;
}

unsigned billing_waiting(const struct billing *b)
{
	unsigned waiting = b->count;

	for (unsigned i = 0; i < AT_ONCE; i++)
		waiting += b->slot[i].taken;
	return waiting;
}

int billing_new(struct billing **out, struct loop *loop, const struct billing_config *config)
{
	struct billing *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->loop = loop;
	b->config = *config;
	if (!b->config.queue)
		b->config.queue = QUEUE;
	b->at_once = config->stalling ? 1 : AT_ONCE;
	b->task = (struct loop_task){.run = take, .ctx = b};
	b->stall = (struct loop_timer){.fire = on_stall_over, .ctx = b};
	for (unsigned i = 0; i < AT_ONCE; i++) {
		b->slot[i].billing = b;
		b->slot[i].again = (struct loop_timer){.fire = on_again, .ctx = &b->slot[i]};
	}
	b->queue = calloc(b->config.queue, sizeof(*b->queue));
	if (!b->queue || upstream_pool_new(&b->pool, loop, config->target)) {
		billing_free(b);
		return -ENOMEM;
	}
	*out = b;
	return 0;
}

void billing_free(struct billing *b)
{
	if (!b)
		return;
	loop_task_cancel(b->loop, &b->task);
	loop_timer_cancel(b->loop, &b->stall);
	for (unsigned i = 0; i < AT_ONCE; i++) {
		loop_timer_cancel(b->loop, &b->slot[i].again);
		if (b->slot[i].up)
			turn_end(&b->slot[i]);
		buf_fini(&b->slot[i].head);
		buf_fini(&b->slot[i].body);
	}
	upstream_pool_free(b->pool);
	free(b->queue);
	free(b);
}
