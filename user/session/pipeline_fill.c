// SPDX-License-Identifier: GPL-2.0-only
/* What a report needs of all that has gone through the pipeline. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "session/pipeline_parts.h"

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (double)(to_ns - from_ns) / (double)NS_PER_S : 0.0;
}

/* From the end of the warm-up to the last answer; an attached run from its first tick to its last. */
static double total_duration_s(const struct pipeline *p)
{
	uint64_t start_ns = p->meta.start_ns ? p->meta.start_ns + p->meta.warmup_ns : p->span.first_due_ns;

	if (p->meta.attach)
		return seconds(p->first_tick_ns, p->last_tick_ns);
	return seconds(start_ns, p->span.last_end_ns);
}

/* As planned, unless it took longer (answers after its end count too) or the run ended before. */
static double stage_duration_s(const struct pipeline *p, uint32_t i)
{
	const struct span *s = &p->stage_span[i];
	double planned_s = (double)p->meta.stage[i].duration_ns / (double)NS_PER_S;
	double seen_s = seconds(s->first_due_ns, s->last_end_ns);

	if (!s->first_due_ns)
		return 0.0;
	/* one of an until: group ended when the next began */
	if (i + 1 < p->meta.stages && p->stage_span[i + 1].first_due_ns)
		planned_s = fmin(planned_s, seconds(s->first_due_ns, p->stage_span[i + 1].first_due_ns));
	return planned_s > seen_s && seconds(s->first_due_ns, p->last_tick_ns) >= planned_s ? planned_s : seen_s;
}

/* Where the next one began, or its last request ended. */
static uint64_t stage_end_ns(const struct pipeline *p, unsigned i)
{
	for (unsigned k = i + 1; k < p->meta.stages; k++)
		if (p->stage_span[k].first_due_ns)
			return p->stage_span[k].first_due_ns;
	return p->stage_span[i].last_end_ns;
}

static void fill_peers(struct pipeline *p, struct report_input *in)
{
	in->pools = p->pools;
	in->workers = &p->workers;
	if (p->meta.provider_is_ours)
		in->disconnects = disconnects_stats(p->disconnects);
	in->peer = p->peer;
	for (uint32_t i = 0; i < p->meta.peers; i++) {
		p->peer[in->peers].label = p->meta.peer[i].label;
		p->peer[in->peers].process = p->meta.peer[i].process;
		in->peers += run_meta_peer_address(&p->meta.peer[i], p->peer[in->peers].addr, &p->peer[in->peers].port);
	}
}

static void fill_classes(const struct pipeline *p, struct report_input *in)
{
	in->classes = p->meta.classes;
	for (uint32_t i = 0; i < p->meta.classes; i++) {
		const struct run_meta_class *class_ = &p->meta.class_[i];
		struct report_set *set = &in->class_[i];
		*set = (struct report_set){
			.name = class_->name,
			.stream = class_->stream,
			.stats = &p->class_[i],
			.duration_s = in->total.duration_s,
			.attribution = attribution_class(p->attribution, i),
			.checks = class_->checks,
		};
		for (uint32_t k = 0; k < class_->checks; k++)
			set->check_name[k] = class_->check[k];
	}
}

/* The session takes a sample when it sees a stage begin: so much later at most. */
#define STAGE_SAMPLE_NS (40 * NS_PER_MS)

static void fill_stages(const struct pipeline *p, struct report_input *in)
{
	in->stages = p->meta.stages;
	for (uint32_t i = 0; i < p->meta.stages; i++) {
		in->stage[i] = (struct report_set){
			.from_s = seconds(p->meta.start_ns, p->stage_span[i].first_due_ns),
			.from_ns = p->stage_span[i].first_due_ns,
			.to_ns = stage_end_ns(p, i),
			.name = p->meta.stage[i].name,
			.stats = &p->stage[i],
			.duration_s = stage_duration_s(p, i),
			.attribution = attribution_stage(p->attribution, i),
		};
		if (in->stage[i].from_ns)
			gauge_track_span(&p->gauges, in->stage[i].from_ns, in->stage[i].to_ns + STAGE_SAMPLE_NS,
					 &in->stage[i].gateway);
	}
}

static void fill_tenants(const struct pipeline *p, struct report_input *in)
{
	in->tenants = p->meta.tenants;
	for (uint32_t i = 0; i < p->meta.tenants; i++) {
		in->tenant[i] = (struct report_set){
			.name = p->meta.tenant[i],
			.stats = &p->tenant[i],
			.duration_s = in->total.duration_s,
			.attribution = attribution_tenant(p->attribution, i),
		};
		in->tenant_alone[i] = (struct report_set){.name = p->meta.tenant[i], .stats = &p->tenant_alone[i]};
	}
}

static void fill_upstreams(const struct pipeline *p, struct report_input *in)
{
	if (!p->meta.provider_is_ours)
		return;
	in->resilience = resilience_stats(p->resilience, p->ended);
	in->upstreams = in->resilience->upstreams;
	for (uint32_t i = 0; i < in->upstreams; i++)
		in->upstream_label[i] = p->meta.upstream[i];
}

static void fill_recovery(const struct pipeline *p, struct report_input *in)
{
	for (uint32_t i = 0; i < p->meta.stages; i++)
		in->stage[i].recovery_known = recovery_of(p->recovery, i, &in->stage[i].recovery_ns, &in->stage[i].recovered);
}

static void fill_head(const struct pipeline *p, struct report_input *in)
{
	const struct run_meta *m = &p->meta;

	in->command = m->command;
	in->scenario = m->scenario;
	in->complete = m->complete;
	in->cut_short_because = m->complete               ? NULL
				: m->cut_short_because[0] ? m->cut_short_because
							  : "the run did not come to its end";
	in->invalid_because = m->invalid_because[0] ? m->invalid_because : NULL;
	in->no_probes_because = m->no_probes_because[0] ? m->no_probes_because : NULL;
	in->start_unix_s = m->start_unix_s;
	in->start_ns = m->start_ns;
	in->machine = m->machine;
	in->configuration = m->configuration;
	in->probed = m->probed;
	in->gateway = m->gateway;
	in->probe_paths = m->probe_paths[0] ? m->probe_paths : NULL;
	in->probe_cpu_known = m->probe_cpu_known;
	in->probe_cpu_share = m->probe_cpu_share;
	in->open_loop = m->open_loop;
	in->due = m->due;
	in->queue_max = m->queue_max;
	in->in_flight_max = m->in_flight_max;
	in->connections = m->connections;
	in->driver_cpu_ns = m->driver_cpu_ns;
	in->driver_threads = m->driver_threads;
	memcpy(in->plant, m->plant, sizeof(in->plant));
	in->plants = m->plants;
	memcpy(in->plant_cause, m->plant_cause, sizeof(in->plant_cause));
	in->plant_causes = m->plant_causes;
}

static void fill_lists(struct pipeline *p, struct report_input *in)
{
	const struct run_meta *m = &p->meta;

	for (uint32_t i = 0; i < m->criteria; i++)
		p->criterion[i] = m->criterion[i];
	in->criterion = p->criterion;
	in->criteria = m->criteria;
	in->notes = 0;
	for (uint32_t i = 0; i < m->notes; i++)
		p->note[in->notes++] = m->note[i];
	if (gaps_dropped(p->gaps)) {
		snprintf(p->gaps_note, sizeof(p->gaps_note),
			 "%llu gaps between tokens are not in the figures (too many streams open at once)",
			 (unsigned long long)gaps_dropped(p->gaps));
		p->note[in->notes++] = p->gaps_note;
	}
	in->note = p->note;
}

void pipeline_leaks_end(struct pipeline *p, double confidence)
{
	leak_watch_end(p->leak, confidence);
}

int pipeline_leaks_at(const struct pipeline *p, double confidence, struct leak_result *out)
{
	return p->open ? leak_watch_judge_at(p->leak, confidence, (double)p->meta.memory_limit_bytes, out) : -ENODATA;
}

int pipeline_leaks(const struct pipeline *p, struct leak_result *out)
{
	return pipeline_leaks_at(p, 0, out);
}

void pipeline_requests(const struct pipeline *p, double ended[LEAK_CLASSES_MAX])
{
	leak_watch_done(p->leak, ended);
}

void pipeline_fill_report(struct pipeline *p, struct report_input *in)
{
	memset(in, 0, sizeof(*in));
	if (!p->open)
		return;
	fill_head(p, in);
	fill_lists(p, in);
	in->duration_s = total_duration_s(p);
	in->timeline = timeline_stats(p->timeline);
	in->attribution = p->attribution;
	in->series = p->series;
	in->sockets = sockets_count_requests(p->sockets) ? NULL : p->sockets;
	fill_peers(p, in);
	in->calls = p->calls;
	in->threads = timeline_threads(p->timeline);
	in->stacks = p->stacks;
	in->no_stacks_because = p->meta.no_stacks_because[0] ? p->meta.no_stacks_because : NULL;
	if (p->meta.soak && !pipeline_leaks(p, &p->leaks)) {
		in->leak = &p->leaks;
		in->leak_parts = leak_watch_parts(p->leak);
	}
	in->warmup_s = (double)p->meta.warmup_ns / (double)NS_PER_S;
	memcpy(in->counters, p->counters, sizeof(in->counters));
	in->warmup_requests = p->warmup_requests;
	in->total = (struct report_set){
		.name = "all",
		.stats = p->meta.attach ? NULL : &p->total,
		.duration_s = in->duration_s,
		.to_ns = p->meta.attach ? 0 : p->span.last_end_ns,
		.attribution = attribution_total(p->attribution),
	};
	in->warmup_stats = p->meta.attach ? NULL : &p->warmup;
	if (p->meta.attach)
		return;
	fill_classes(p, in);
	fill_stages(p, in);
	fill_recovery(p, in);
	fill_tenants(p, in);
	fill_upstreams(p, in);
}
