// SPDX-License-Identifier: GPL-2.0-only
/* What a joined result lacks, each with its reason: not measured by any, or of a kind that cannot be joined exactly. */
#include <string.h>

#include "report/merge_parts.h"
#include "report/text.h"

/* Whose figures have no counts or histograms behind them from which those of all together could be made. */
static const struct {
	const char *key, *why;
} apart[] = {
	{"series", "a second's percentiles do not join, and clocks need not agree: blocks hold the joined run over time"},
	{"leak", "a trend is one process tree's: each gateway's verdict stands in hosts"},
	{"findings",
	 "they rank what the requests around each run's own p99 are made of: causes and phases are joined, and tell it of all"},
	{"toll_composition",
	 "which requests are around the p50 and p99 of all, no single run knows: causes and phases are joined"},
	{"interference", "it is told of the requests around each run's own p99"},
	{"busy_threads", "thread numbers are of one host: threads are joined by name"},
	{"lock_holders", "thread numbers are of one host: see each result"},
	{"growth", "slopes are medians of pairs of one run's requests: see each result"},
	{"planted", "truth and measurement are compared request by request, in the run that has both: see each result"},
	{"planted_causes", "truth and measurement are compared request by request, in the run that has both: see each result"},
	{"queue", "each gateway's is full at its own times: see each result"},
	{"exemplars.median", "which request is the median of all, no single run knows"},
	{"exemplars.p99", "which request is at the p99 of all, no single run knows"},
	{"traces", "each run kept a sample of its own, in which a request of a small one had a greater chance: see each result"},
	{"probes", "what probes cost is a share of one gateway's CPU: see each result"},
	{"gateway_log", "each gateway writes its own: see each result"},
	{"own_counters", "what a gateway counts itself is its own: see each result"},
	{"stacks", "each result keeps its heaviest stacks only, and the rest of one may be the heaviest of all: see each result"},
	{"allocator", "its latency is told by samples that each run took at its own rate: see each result"},
};

static const char *why_apart(const char *key)
{
	for (size_t i = 0; i < sizeof(apart) / sizeof(*apart); i++)
		if (!strcmp(key, apart[i].key))
			return apart[i].why;
	return "results that were joined do not have it: see each one";
}

static void absent_put(struct merge *m, const char *path, const char *why)
{
	if (!text_at(m->b.doc, path))
		build_put(&m->b, m->b.not_measured, path, json_string(why));
}

static void reasons_of(struct merge *m, const json_t *one)
{
	json_t *absent = json_object_get(one, "not_measured"), *why, *value;
	const char *key, *inner;

	json_object_foreach (absent, key, why) {
		if (!text_at(m->b.doc, key) && !json_object_get(m->b.not_measured, key))
			json_object_set(m->b.not_measured, key, why);
	}
	json_object_foreach ((json_t *)one, key, value) {
		if (strcmp(key, "not_measured"))
			absent_put(m, key, why_apart(key));
	}
	json_object_foreach (json_object_get(one, "exemplars"), inner, value) {
		char path[64];

		snprintf(path, sizeof(path), "exemplars.%s", inner);
		absent_put(m, path, why_apart(path));
	}
}

void merge_absent(struct merge *m)
{
	for (unsigned i = 0; i < m->docs; i++)
		reasons_of(m, m->doc[i]);
	build_put(&m->b, m->b.doc, "not_measured", json_incref(m->b.not_measured));
}
