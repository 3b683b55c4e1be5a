// SPDX-License-Identifier: GPL-2.0-only
#include "session/overhead.h"

#include <unistd.h>

#include "base/clock.h"

#define WINDOW_NS (500 * NS_PER_MS)
#define PERIOD_NS (10 * NS_PER_S)

void overhead_init(struct overhead *o, uint64_t first_ns)
{
	*o = (struct overhead){.stats_fd = -1, .next_ns = first_ns};
}

void overhead_fini(struct overhead *o)
{
	if (o->stats_fd >= 0)
		close(o->stats_fd);
	o->stats_fd = -1;
}

static double marks_ns(const struct probe_costs *from, const struct probe_costs *to)
{
	double ns = 0;

	for (int lane = 0; lane < WIRE_LANES; lane++) {
		uint64_t runs = to->runs[lane] - from->runs[lane];

		if (runs)
			ns += (double)(to->run_ns[lane] - from->run_ns[lane]) / (double)runs *
			      (double)(to->gateway_marks[lane] - from->gateway_marks[lane]);
	}
	return ns;
}

static void window_close(struct overhead *o, const struct probe *p, const struct gauges *g)
{
	uint64_t cpu_ns = discover_cpu_ns(g->pid, g->pids);
	struct probe_costs now;

	if (!probe_costs(p, &now) && cpu_ns > o->cpu_start_ns) {
		o->marks_ns += marks_ns(&o->start, &now);
		o->cpu_ns += cpu_ns - o->cpu_start_ns;
	}
	overhead_fini(o);
}

void overhead_tick(struct overhead *o, const struct probe *p, const struct gauges *g, uint64_t now_ns)
{
	if (now_ns < o->next_ns)
		return;
	if (o->stats_fd >= 0) {
		window_close(o, p, g);
		o->next_ns = now_ns + PERIOD_NS - WINDOW_NS;
		return;
	}
	o->stats_fd = probe_stats_enable();
	o->next_ns = now_ns + (o->stats_fd >= 0 ? WINDOW_NS : PERIOD_NS);
	o->cpu_start_ns = discover_cpu_ns(g->pid, g->pids);
	if (probe_costs(p, &o->start))
		overhead_fini(o);
}

bool overhead_share(const struct overhead *o, double *share)
{
	if (!o->cpu_ns)
		return false;
	*share = o->marks_ns / (double)o->cpu_ns;
	return true;
}
