// SPDX-License-Identifier: GPL-2.0-only
#include "session/soaked.h"

#include "base/clock.h"

void soaked_window_open(struct soaked_windows *w, const struct soaked_now *now)
{
	w->open = *now;
	w->count++;
}

void soaked_window_close(struct soaked_windows *w, const struct soaked_now *now)
{
	w->on_ns += now->now_ns - w->open.now_ns;
	w->cpu_ns += now->cpu_ns - w->open.cpu_ns;
	for (unsigned i = 0; i < LEAK_CLASSES_MAX; i++)
		w->requests[i] += now->requests[i] - w->open.requests[i];
}

void soaked_windows_fill(const struct soaked_windows *w, const struct plan *plan, uint64_t start_ns, struct report_survivors *out)
{
	out->started_s = ((double)w->begun_ns - (double)start_ns) / (double)NS_PER_S;
	out->windows = w->count;
	out->on_s = (double)w->on_ns / (double)NS_PER_S;
	out->start_ns = start_ns;
	for (unsigned i = 0; i < plan->classes && i < LEAK_CLASSES_MAX; i++) {
		out->class_name[i] = plan->class_[i].name;
		out->requests[i] = (uint64_t)w->requests[i];
		out->classes = i + 1;
	}
}
