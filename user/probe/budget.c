// SPDX-License-Identifier: GPL-2.0-only
#include "probe/budget.h"

/* The account holds at most so much of the budget: an idle hour pays for no storm. */
#define ACCOUNT_SPAN_NS 1e9
/* All returns only while that needs no more than this part of the budget: no swinging between the two. */
#define FULL_WITHIN 0.8
/* So much of the gateway's CPU must have been seen before a cost is believed. */
#define BELIEVE_CPU_NS 2e7

const char *budget_mode_name(enum budget_mode mode)
{
	static const char *const name[] = {"full", "sampled", "windows"};

	return name[mode];
}

void budget_init(struct budget *b, double share, const struct budget_seen *start)
{
	*b = (struct budget){.share = share, .last = *start, .on = true, .sampled = true, .turned_ns = start->now_ns};
}

static double own_cpu(const struct budget_seen *s)
{
	double ns = s->gateway_cpu_ns - s->base_ns - s->spent_ns;

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

	if (b->on_cpu_ns < BELIEVE_CPU_NS)
		return;
	if (b->on_full_ns <= FULL_WITHIN * left * b->on_cpu_ns)
		sampled = false;
	else if (b->on_full_ns > left * b->on_cpu_ns)
		sampled = true;
	if (sampled && !b->limited_ns && b->share > 0)
		b->limited_ns = s->now_ns;
	b->sampled = sampled;
}

static void account_follow(struct budget *b, const struct budget_seen *s, double left)
{
	double own_ns = rise(own_cpu(s), own_cpu(&b->last));

	b->account_ns += left * own_ns - rise(s->spent_ns, b->last.spent_ns);
	if (b->account_ns > left * ACCOUNT_SPAN_NS)
		b->account_ns = left * ACCOUNT_SPAN_NS;
	if (!b->on)
		return;
	b->on_cpu_ns += own_ns;
	b->on_full_ns += rise(s->full_ns, b->last.full_ns);
	b->on_sampled_ns += rise(s->sampled_ns, b->last.sampled_ns);
}

void budget_tick(struct budget *b, const struct budget_seen *s)
{
	double left = b->share > 0 ? b->share - (own_cpu(s) > 0 ? s->base_ns / own_cpu(s) : 0) : BUDGET_RETURNS_SHARE;
	uint64_t since_ns = s->now_ns - b->turned_ns;

	if (left < 0)
		left = 0;
	account_follow(b, s, left);
	returns_choose(b, s, left);
	if (b->share > 0) {
		if (b->on && b->account_ns < 0 && since_ns >= BUDGET_WINDOW_NS) {
			double cost_ns = b->on_cpu_ns > 0 ? (b->sampled ? b->on_sampled_ns : b->on_full_ns) / b->on_cpu_ns : 0;

			/* as if the gateway kept one CPU busy; more or less only moves the windows */
			b->window_cost_ns = cost_ns * (double)BUDGET_WINDOW_NS;
			turn(b, false, s->now_ns);
		} else if (!b->on && (b->account_ns >= b->window_cost_ns || since_ns >= BUDGET_PAUSE_MAX_NS)) {
			turn(b, true, s->now_ns);
		}
	}
	b->last = *s;
}

enum budget_mode budget_mode(const struct budget *b)
{
	if (b->was_off)
		return BUDGET_WINDOWS;
	return b->sampled ? BUDGET_SAMPLED : BUDGET_FULL;
}
