// SPDX-License-Identifier: GPL-2.0-only
/* Criteria on joined results: judged by the same rules as a run's, on as much of a report's input as they ask for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report/merge_parts.h"
#include "scenario/plan.h"

struct judge_set {
	struct request_stats stats;
	struct attribution_set inside;
};

struct judge {
	struct judge_set total, class_[16], stage[64];
	struct timeline_stats timeline;
	struct attribution *inside; /* empty: only that there was one */
	const char *criterion[PLAN_CRITERIA_MAX];
};

static uint64_t u64(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

static struct hist *hist_at(const json_t *object, const char *key)
{
	return merge_hist(json_object_get(object, key));
}

static void stats_read(struct request_stats *s, const json_t *set)
{
	const json_t *requests = json_object_get(set, "requests"), *streams = json_object_get(set, "streams");

	s->sent = u64(requests, "sent");
	s->completed = u64(requests, "completed");
	s->failed = u64(requests, "failed");
	s->outcome[RECORD_OK] = u64(requests, "ok");
	s->tokens = u64(requests, "tokens");
	s->latency = hist_at(set, "latency");
	s->service = hist_at(set, "service");
	s->lateness = hist_at(set, "lateness");
	s->ttft = hist_at(streams, "ttft");
	s->inter_token = hist_at(streams, "inter_token");
}

static void inside_read(struct attribution_set *a, const json_t *set)
{
	a->toll = hist_at(set, "toll");
	for (unsigned i = 0; i < PHASES; i++)
		a->phase[i] = hist_at(json_object_get(set, "phases"), phase_name((enum phase)i));
}

static void set_read(struct judge_set *j, struct report_set *out, const json_t *set, const char *name, double duration_s)
{
	json_t *checks = json_object_get(set, "checks");

	stats_read(&j->stats, set);
	inside_read(&j->inside, set);
	*out = (struct report_set){.name = name, .stats = &j->stats, .attribution = &j->inside, .duration_s = duration_s};
	out->stream = json_object_get(set, "streams");
	for (void *it = json_object_iter(checks); it && out->checks < REQUEST_STATS_CHECKS;
	     it = json_object_iter_next(checks, it)) {
		j->stats.check_passed[out->checks] = u64(json_object_iter_value(it), "passed");
		j->stats.check_failed[out->checks] = u64(json_object_iter_value(it), "failed");
		out->check_name[out->checks++] = json_object_iter_key(it);
	}
}

static void sets_read(struct merge *m, struct judge *j)
{
	double duration_s = json_number_value(json_object_get(m->b.doc, "duration_s"));
	json_t *classes = json_object_get(m->b.doc, "classes"), *stages = json_object_get(m->b.doc, "stages"), *stage;
	size_t k;

	set_read(&j->total, &m->in.total, m->b.doc, "all", duration_s);
	if (!json_object_get(m->b.doc, "requests"))
		m->in.total.stats = NULL;
	for (void *it = json_object_iter(classes); it && m->in.classes < 16; it = json_object_iter_next(classes, it)) {
		set_read(&j->class_[m->in.classes], &m->in.class_[m->in.classes], json_object_iter_value(it),
			 json_object_iter_key(it), duration_s);
		m->in.classes++;
	}
	json_array_foreach (stages, k, stage) {
		if (m->in.stages == 64)
			break;
		set_read(&j->stage[m->in.stages], &m->in.stage[m->in.stages], stage,
			 json_string_value(json_object_get(stage, "name")),
			 json_number_value(json_object_get(stage, "duration_s")));
		m->in.stages++;
	}
}

static void trust_read(struct merge *m, struct judge *j)
{
	const json_t *trust = json_object_get(m->b.doc, "trust"), *lost = json_object_get(trust, "lost");

	if (!json_object_get(trust, "joined")) {
		m->in.no_probes_because = "none of the results has figures from inside the gateway";
		return;
	}
	j->timeline.requests = u64(trust, "requests");
	j->timeline.whole = u64(trust, "joined");
	j->timeline.unmatched[TIMELINE_FAILED_REQUEST] = u64(json_object_get(trust, "unmatched"), "failed_request");
	j->timeline.order_violations = u64(trust, "order_violations");
	j->timeline.cache_hits = u64(trust, "cache_hits");
	/* which counter a loss stands in does not matter to criteria: their sum does */
	for (void *it = json_object_iter((json_t *)lost); it; it = json_object_iter_next((json_t *)lost, it))
		j->timeline.wire_rejected += u64(lost, json_object_iter_key(it));
	m->in.counters[WIRE_COUNT_RECORDS] = u64(json_object_get(trust, "counters"), "records");
	m->in.timeline = &j->timeline;
	m->in.attribution = j->inside;
}

static void gateway_read(struct merge *m)
{
	const json_t *gateway = json_object_get(m->b.doc, "gateway"), *cores = json_object_get(gateway, "cpu_cores"),
		     *memory = json_object_get(gateway, "memory_bytes");
	struct report_gateway *g = &m->in.gateway;

	g->cpu_measured = cores;
	g->cpu_cores_mean = json_number_value(json_object_get(cores, "mean"));
	g->cpu_cores_max = json_number_value(json_object_get(cores, "max"));
	g->cores_usable = json_number_value(json_object_get(cores, "usable"));
	g->memory_measured = memory;
	g->rss_initial_bytes = u64(memory, "initial");
	g->rss_mean_bytes = u64(memory, "mean");
	g->rss_peak_bytes = u64(memory, "peak");
	g->rss_final_bytes = u64(memory, "final");
}

/* Every criterion that any of the results was judged by. */
static void criteria_collect(struct merge *m, struct judge *j)
{
	json_t *row;
	size_t k;

	m->in.criterion = j->criterion;
	for (unsigned i = 0; i < m->docs; i++) {
		json_array_foreach (json_object_get(m->doc[i], "criteria"), k, row) {
			const char *text = json_string_value(json_object_get(row, "text"));
			bool known = m->in.criteria == PLAN_CRITERIA_MAX;

			for (unsigned n = 0; n < m->in.criteria && !known; n++)
				known = !strcmp(j->criterion[n], text);
			if (!known)
				j->criterion[m->in.criteria++] = text;
		}
	}
}

static void set_fini(struct judge_set *j)
{
	request_stats_fini(&j->stats);
	hist_free(j->inside.toll);
	for (unsigned i = 0; i < PHASES; i++)
		hist_free(j->inside.phase[i]);
}

int merge_judge(struct merge *m)
{
	struct judge *j = calloc(1, sizeof(*j));
	struct attribution_config none = {.classes = 0};

	if (!j)
		return -ENOMEM;
	j->inside = attribution_new(&none);
	if (!j->inside) {
		free(j);
		return -ENOMEM;
	}
	m->in.invalid_because = json_string_value(json_object_get(m->b.doc, "invalid"));
	sets_read(m, j);
	trust_read(m, j);
	gateway_read(m);
	criteria_collect(m, j);
	build_criteria(&m->b);
	set_fini(&j->total);
	for (unsigned i = 0; i < m->in.classes; i++)
		set_fini(&j->class_[i]);
	for (unsigned i = 0; i < m->in.stages; i++)
		set_fini(&j->stage[i]);
	attribution_free(j->inside);
	free(j);
	return 0;
}
