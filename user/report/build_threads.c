// SPDX-License-Identifier: GPL-2.0-only
/* What the gateway's threads did with their time, by name. */
#include <stdlib.h>

#include "report/build.h"

static uint64_t weight(const struct thread_group *g)
{
	return g->totals.on_cpu_ns + g->totals.run_queue_ns + g->totals.throttled_ns;
}

static int by_weight(const void *a, const void *b)
{
	uint64_t x = weight(a), y = weight(b);

	return (x < y) - (x > y);
}

static void group_build(struct build *b, json_t *rows, const struct thread_group *g)
{
	static const char *const holders[WIRE_HOLDERS] = {"gateway", "toll", "other", "idle"};
	const struct thread_totals *t = &g->totals;
	const char *purpose = thread_purpose(g->comm);
	json_t *row = json_object();

	build_append(b, rows, row);
	build_put(b, row, "name", report_text(g->comm[0] ? g->comm : "others"));
	if (purpose)
		build_put(b, row, "purpose", json_string(purpose));
	build_put(b, row, "threads", build_u64(g->threads));
	build_put(b, row, "on_cpu_ns", build_u64(t->on_cpu_ns));
	build_put(b, row, "run_queue_ns", build_u64(t->run_queue_ns));
	json_t *held = build_object(b, row, "run_queue_held_by");
	for (unsigned i = 0; i < WIRE_HOLDERS; i++)
		build_put(b, held, holders[i], build_u64(t->held_ns[i]));
	build_put(b, row, "throttled_ns", build_u64(t->throttled_ns));
	json_t *blocked = build_object(b, row, "blocked_ns");
	for (unsigned i = 0; i < THREAD_WAITS; i++)
		if (t->blocked_ns[i])
			build_put(b, blocked, thread_wait_name((enum thread_wait)i), build_u64(t->blocked_ns[i]));
	build_put(b, row, "times_off_cpu", build_u64(t->periods));
}

void build_threads(struct build *b)
{
	struct thread_group group[THREAD_GROUPS];
	const char *why = build_no_probes(b->in);
	unsigned n = why || !b->in->threads ? 0 : threads_groups(b->in->threads, group);

	if (!n) {
		build_absent(b, "", "threads", why ? why : "no thread was watched: the probes of threads were off");
		return;
	}
	qsort(group, n, sizeof(*group), by_weight);
	json_t *rows = build_array(b, b->doc, "threads");
	for (unsigned i = 0; i < n; i++)
		group_build(b, rows, &group[i]);
}
