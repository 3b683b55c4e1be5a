// SPDX-License-Identifier: GPL-2.0-only
#include "probe/windows.h"

void windows_init(struct windows *w, const struct windows_seen *start)
{
	*w = (struct windows){.last = *start, .turned_ns = start->now_ns};
}

static void account_follow(struct windows *w, const struct windows_seen *s)
{
	double spent_ns = s->spent_ns - w->last.spent_ns, own_ns = s->gateway_cpu_ns - w->last.gateway_cpu_ns - spent_ns;

	w->account_ns += (own_ns > 0 ? s->share * own_ns : 0) - spent_ns;
	if (w->account_ns > s->share * WINDOWS_SAVED_CPU_NS)
		w->account_ns = s->share * WINDOWS_SAVED_CPU_NS;
}

static void turn(struct windows *w, const struct windows_seen *s, bool on)
{
	w->on = on;
	w->turned_ns = s->now_ns;
	w->turned_spent_ns = s->spent_ns;
	w->limited |= !on;
}

static bool may_open(const struct windows *w, const struct windows_seen *s)
{
	uint64_t enough_ns = s->now_ns - w->turned_ns >= WINDOWS_PAUSE_NS ? WINDOWS_LEAST_NS : WINDOWS_GOOD_NS;

	return s->share <= 0 || (w->account_ns > 0 && w->account_ns >= w->cost * (double)enough_ns);
}

void windows_tick(struct windows *w, const struct windows_seen *s, bool may_begin)
{
	account_follow(w, s);
	if (w->on) {
		uint64_t since_ns = s->now_ns - w->turned_ns;

		if (since_ns >= WINDOWS_LEAST_NS) {
			w->cost = (s->spent_ns - w->turned_spent_ns) / (double)since_ns;
			if (s->share > 0 && w->account_ns < 0)
				turn(w, s, false);
		}
	} else if (may_begin && may_open(w, s)) {
		turn(w, s, true);
	}
	w->last = *s;
}
