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
	static const char *const name[] = {"full", "sampled", "windows", "left_out", "frees_in_windows"};

	return name[mode];
}

uint32_t budget_one_return_in(double calls_per_s)
{
	uint32_t one_in = BUDGET_ONE_RETURN_IN_LEAST;

	while (one_in < BUDGET_ONE_RETURN_IN_MOST && calls_per_s > BUDGET_RETURNS_PER_S * (double)one_in)
		one_in *= 2;
	return one_in;
}

void budget_init(struct budget *b, const struct budget_limit *limit, uint64_t window_ns)
{
	*b = (struct budget){.limit = *limit, .window_ns = window_ns, .on = true, .frees = true, .level = BUDGET_SOME_RETURNS};
}

void budget_begin(struct budget *b, const struct budget_seen *start)
{
	b->last = *start;
	b->start_ns = b->turned_ns = b->frees_turned_ns = b->busy_ns = start->now_ns;
}

void budget_measure(struct budget *b)
{
	b->was_off = !b->on;
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

/* How much is looked at, by what each level would have cost while it was on. Frees go into windows only if the rest then needs none. */
static void level_choose(struct budget *b, const struct budget_seen *s, double left)
{
	const double *cost = b->on_level_ns, can_ns = left * b->on_cpu_ns;
	bool limited = b->limit.share > 0;
	enum budget_level before = b->level;

	if (b->level == BUDGET_SOME_RETURNS && cost[BUDGET_SOME_RETURNS] >= cost[BUDGET_ALL_RETURNS]) /* there are none to save */
		b->level = BUDGET_ALL_RETURNS;
	if (b->on_cpu_ns < BELIEVE_CPU_NS)
		return;
	if (cost[BUDGET_SOME_RETURNS] < cost[BUDGET_ALL_RETURNS]) {
		if (b->level == BUDGET_ALL_RETURNS && cost[BUDGET_ALL_RETURNS] > can_ns)
			b->level = BUDGET_SOME_RETURNS;
		else if (b->level == BUDGET_SOME_RETURNS && cost[BUDGET_ALL_RETURNS] <= FULL_WITHIN * can_ns)
			b->level = BUDGET_ALL_RETURNS;
	}
	if (b->level == BUDGET_SOME_RETURNS && limited && cost[BUDGET_SOME_RETURNS] > can_ns &&
	    cost[BUDGET_FEW_FREES] <= FULL_WITHIN * can_ns)
		b->level = BUDGET_FEW_FREES;
	else if (b->level == BUDGET_FEW_FREES &&
		 (cost[BUDGET_FEW_FREES] > can_ns || cost[BUDGET_SOME_RETURNS] <= FULL_WITHIN * can_ns))
		b->level = BUDGET_SOME_RETURNS;
	if (b->level > before && !b->limited_ns && limited)
		b->limited_ns = s->now_ns;
}

/* While it was on, in ns for each of them. */
static double own_rate(const struct budget *b)
{
	return b->on_ns > 0 ? b->on_cpu_ns / b->on_ns : 0;
}

/* By how much a window with what gives back exceeds what flows in meanwhile; 0: there are no such windows. */
static double frees_excess(const struct budget *b, double left)
{
	if (b->level != BUDGET_FEW_FREES || !(b->on_cpu_ns > 0))
		return 0;
	return rise(b->on_level_ns[BUDGET_SOME_RETURNS] / b->on_cpu_ns, left) * own_rate(b) * (double)BUDGET_FREES_ON_NS;
}

static void account_follow(struct budget *b, const struct budget_seen *s, double left)
{
	double own_ns = rise(own_cpu(s), own_cpu(&b->last)),
	       most_ns = fmax(fmax(left * ACCOUNT_SPAN_NS, b->window_cost_ns), frees_excess(b, left));

	if (own_ns > IDLE_SHARE * (double)(s->now_ns - b->last.now_ns))
		b->busy_ns = s->now_ns;
	b->account_ns += left * own_ns - rise(s->spent_ns, b->last.spent_ns);
	if (b->account_ns > most_ns)
		b->account_ns = most_ns;
	if (!b->on)
		return;
	b->on_cpu_ns += own_ns;
	b->on_ns += (double)(s->now_ns - b->last.now_ns);
	for (unsigned i = 0; i < BUDGET_LEVELS; i++)
		b->on_level_ns[i] += rise(s->level_ns[i], b->last.level_ns[i]);
}

/* So far, while it was on, for each ns of the gateway's own CPU. */
static double cost_share(const struct budget *b)
{
	return b->on_cpu_ns > 0 ? b->on_level_ns[b->level] / b->on_cpu_ns : 0;
}

static void go_off(struct budget *b, double left, uint64_t now_ns)
{
	double cost = cost_share(b);

	b->left_out = left < BUDGET_ON_LEAST * cost;
	b->window_cost_ns = cost * own_rate(b) * (double)(b->left_out ? BUDGET_LOOK_NS : b->window_ns);
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
	bool idle = is_idle(b, now_ns), paused = now_ns - b->turned_ns >= BUDGET_PAUSE_MAX_NS;

	if (b->left_out && !paused)
		return false;
	return b->account_ns >= (idle ? -b->window_cost_ns : b->window_cost_ns) || (idle && paused);
}

/* Windows are paid for before they begin; what came before the level was found is paid for before the first. */
static void frees_choose(struct budget *b, enum budget_level before, double left, uint64_t now_ns)
{
	uint64_t since_ns = now_ns - b->frees_turned_ns;
	bool frees = b->frees;

	if (b->level != BUDGET_FEW_FREES)
		frees = true;
	else if (before != BUDGET_FEW_FREES)
		frees = false;
	else if (frees)
		frees = since_ns < BUDGET_FREES_ON_NS && (b->account_ns >= 0 || since_ns < BUDGET_WINDOW_NS);
	else
		frees = since_ns >= BUDGET_FREES_PERIOD_NS - BUDGET_FREES_ON_NS && b->account_ns >= frees_excess(b, left);
	if (frees != b->frees)
		b->frees_turned_ns = now_ns;
	b->frees = frees;
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

static void on_choose(struct budget *b, double left, uint64_t now_ns)
{
	uint64_t window_ns = b->left_out ? BUDGET_LOOK_NS : b->window_ns;

	if (!b->on && may_go_on(b, now_ns))
		turn(b, true, now_ns);
	else if (b->on && b->account_ns < -frees_excess(b, left) && now_ns - b->turned_ns >= window_ns && !is_idle(b, now_ns))
		go_off(b, left, now_ns);
	else if (b->on && b->left_out && now_ns - b->turned_ns >= BUDGET_BACK_NS)
		b->left_out = false;
}

void budget_tick(struct budget *b, const struct budget_seen *s)
{
	double left = left_of(b, s);
	enum budget_level before = b->level;

	account_follow(b, s, left);
	level_choose(b, s, left);
	frees_choose(b, before, left, s->now_ns);
	if (b->limit.share > 0)
		on_choose(b, left, s->now_ns);
	b->last = *s;
}

enum budget_mode budget_mode(const struct budget *b)
{
	if (b->left_out)
		return BUDGET_LEFT_OUT;
	if (b->was_off)
		return BUDGET_WINDOWS;
	if (b->level == BUDGET_FEW_FREES)
		return BUDGET_FREES_IN_WINDOWS;
	return b->level == BUDGET_SOME_RETURNS ? BUDGET_SAMPLED : BUDGET_FULL;
}
