// SPDX-License-Identifier: GPL-2.0-only
#include "probe/budget.h"

#include <math.h>

/* The account holds at most so much of the budget, or what a window costs: an idle hour pays for no storm. */
#define ACCOUNT_SPAN_NS 1e9
/* All returns only while that needs no more than this part of the budget: no swinging between the two. */
#define FULL_WITHIN 0.8
/* So much of the gateway's CPU must have been seen before a cost is believed. */
#define BELIEVE_CPU_NS 2e7
#define IDLE_SHARE 0.01
/* A group that was left out and has been within its budget for so long is back. */
#define BUDGET_BACK_NS UINT64_C(5000000000)

const char *budget_mode_name(enum budget_mode mode)
{
	static const char *const name[] = {"full", "sampled", "windows", "left_out"};

	return name[mode];
}

void budget_init(struct budget *b, const struct budget_limit *limit, uint64_t window_ns)
{
	*b = (struct budget){.limit = *limit, .window_ns = window_ns, .on = true, .sampled = true};
}

void budget_begin(struct budget *b, const struct budget_seen *start)
{
	b->last = *start;
	b->start_ns = b->turned_ns = b->busy_ns = start->now_ns;
}

static double own_cpu(const struct budget_seen *s)
{
	double ns = s->gateway_cpu_ns - s->base_ns - s->spent_ns - s->after_ns;

	return ns > 0 ? ns : 0;
}

static double rise(double to, double from)
{
	return to > from ? to - from : 0;
}

static void turn(struct budget *b, bool on, uint64_t now_ns)
{
	if (b->on && !on) {
		b->was_off = true;
		if (!b->limited_ns)
			b->limited_ns = now_ns;
	}
	b->on = on;
	b->turned_ns = now_ns;
}

/* With all returns or with some? By what both would have cost while it was on. */
static void returns_choose(struct budget *b, const struct budget_seen *s, double left)
{
	bool sampled = b->sampled;

	if (b->on_sampled_ns >= b->on_full_ns) /* there are none to save */
		b->sampled = false;
	if (b->on_cpu_ns < BELIEVE_CPU_NS || b->on_sampled_ns >= b->on_full_ns)
		return;
	if (b->on_full_ns <= FULL_WITHIN * left * b->on_cpu_ns)
		sampled = false;
	else if (b->on_full_ns > left * b->on_cpu_ns)
		sampled = true;
	if (sampled && !b->limited_ns && b->limit.share > 0)
		b->limited_ns = s->now_ns;
	b->sampled = sampled;
}

static void account_follow(struct budget *b, const struct budget_seen *s, double left)
{
	double own_ns = rise(own_cpu(s), own_cpu(&b->last)), most_ns = fmax(left * ACCOUNT_SPAN_NS, b->window_cost_ns);

	if (own_ns > IDLE_SHARE * (double)(s->now_ns - b->last.now_ns))
		b->busy_ns = s->now_ns;
	b->account_ns += left * own_ns - rise(s->spent_ns, b->last.spent_ns);
	if (b->account_ns > most_ns)
		b->account_ns = most_ns;
	if (!b->on)
		return;
	b->on_cpu_ns += own_ns;
	b->on_ns += (double)(s->now_ns - b->last.now_ns);
	b->on_full_ns += rise(s->full_ns, b->last.full_ns);
	b->on_sampled_ns += rise(s->sampled_ns, b->last.sampled_ns);
}

/* So far, while it was on, for each ns of the gateway's own CPU. */
static double cost_share(const struct budget *b)
{
	return b->on_cpu_ns > 0 ? (b->sampled ? b->on_sampled_ns : b->on_full_ns) / b->on_cpu_ns : 0;
}

static void go_off(struct budget *b, double left, uint64_t now_ns)
{
	double cost = cost_share(b);

	b->window_cost_ns = b->on_ns > 0 ? cost * b->on_cpu_ns / b->on_ns * (double)b->window_ns : 0;
	b->left_out = left < BUDGET_ON_LEAST * cost;
	turn(b, false, now_ns);
}

/* It makes no hits: being on costs nothing. */
static bool is_idle(const struct budget *b, uint64_t now_ns)
{
	return now_ns - b->busy_ns >= BUDGET_IDLE_NS;
}

/* What a window may cost too much when an idle gateway wakes up is paid before the next. */
static bool may_go_on(const struct budget *b, uint64_t now_ns)
{
	bool free = is_idle(b, now_ns) && b->account_ns >= -b->window_cost_ns;

	return now_ns - b->turned_ns >= BUDGET_PAUSE_MAX_NS || (!b->left_out && (free || b->account_ns >= b->window_cost_ns));
}

/* Of the gateway's own CPU, after what the groups before this one take. */
static double left_of(const struct budget *b, const struct budget_seen *s)
{
	double own_ns = own_cpu(s), share = b->limit.share, least_ns = b->limit.least * (double)(s->now_ns - b->start_ns);

	if (!(share > 0))
		return BUDGET_RETURNS_SHARE;
	if (!(own_ns > 0))
		return share;
	if (least_ns > share * own_ns)
		share = least_ns / own_ns;
	return share > s->base_ns / own_ns ? share - s->base_ns / own_ns : 0;
}

void budget_tick(struct budget *b, const struct budget_seen *s)
{
	double left = left_of(b, s);

	account_follow(b, s, left);
	returns_choose(b, s, left);
	if (b->limit.share > 0) {
		uint64_t window_ns = b->left_out ? BUDGET_WINDOW_NS : b->window_ns;

		if (b->on && b->account_ns < 0 && s->now_ns - b->turned_ns >= window_ns && !is_idle(b, s->now_ns))
			go_off(b, left, s->now_ns);
		else if (!b->on && may_go_on(b, s->now_ns))
			turn(b, true, s->now_ns);
		else if (b->on && b->left_out && s->now_ns - b->turned_ns >= BUDGET_BACK_NS)
			b->left_out = false;
	}
	b->last = *s;
}

enum budget_mode budget_mode(const struct budget *b)
{
	if (b->left_out)
		return BUDGET_LEFT_OUT;
	if (b->was_off)
		return BUDGET_WINDOWS;
	return b->sampled ? BUDGET_SAMPLED : BUDGET_FULL;
}
