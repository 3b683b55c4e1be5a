// SPDX-License-Identifier: GPL-2.0-only
#include "session/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/blocks.h"
#include "attribution/series.h"
#include "attribution/sockets.h"
#include "base/clock.h"
#include "session/gaps.h"

#define EXPIRE_EVERY_NS (60 * NS_PER_S)

/* When the requests of a set were due and ended: its duration. */
struct span {
	uint64_t first_due_ns, last_end_ns;
};

struct pipeline {
	struct pipeline_config config;
	struct run_meta meta;
	bool open; /* meta is known, the parts below exist */
	struct timeline *timeline;
	struct attribution *attribution;
	struct series *series;
	struct sockets *sockets;
	struct gaps *gaps;
	struct request_stats total, warmup;
	struct request_stats class_[PLAN_CLASSES_MAX], stage[PLAN_STAGES_MAX];
	struct span span, stage_span[PLAN_STAGES_MAX];
	uint64_t warmup_requests;
	uint64_t counters[WIRE_COUNTERS];
	uint64_t first_tick_ns, last_tick_ns, next_expire_ns;
	int failed; /* first -ENOMEM of the whole callback, which cannot return it */
	const char *criterion[PLAN_CRITERIA_MAX];
	const char *note[RUN_META_NOTES_MAX + 1];
	char gaps_note[160];
	/* frames that come unaligned (out of a pipe, behind JSON in a file) are copied here before they are read as structs */
	_Alignas(8) unsigned char aligned[sizeof(struct record_events) + RECORD_EVENTS_BATCH_MAX * sizeof(struct record_event)];
};

/* The measured part begins where the warm-up ends; the session knows when that is before the first record. */
static struct blocks *blocks_of(const struct pipeline *p)
{
	struct blocks *b = attribution_blocks(p->attribution);

	blocks_start(b, p->meta.start_ns ? p->meta.start_ns + p->meta.warmup_ns : 0);
	return b;
}

static void on_whole(void *ctx, const struct whole_request *w)
{
	struct pipeline *p = ctx;
	blocks_of(p);
	int r = attribution_add(p->attribution, w);

	if (!r)
		r = series_whole(p->series, w);
	if (!r)
		r = sockets_whole(p->sockets, w);
	if (r && !p->failed)
		p->failed = r;
	if (p->config.whole)
		p->config.whole(p->config.ctx, w);
}

static int stats_init(struct pipeline *p)
{
	int r = request_stats_init(&p->total);

	if (!r)
		r = request_stats_init(&p->warmup);
	for (uint32_t i = 0; i < p->meta.classes && !r; i++)
		r = request_stats_init(&p->class_[i]);
	for (uint32_t i = 0; i < p->meta.stages && !r; i++)
		r = request_stats_init(&p->stage[i]);
	return r;
}

static int pipeline_open(struct pipeline *p)
{
	struct timeline_config timeline = {
		.attach = p->meta.attach,
		.provider_is_ours = p->meta.provider_is_ours,
		.whole = on_whole,
		.ctx = p,
	};
	struct attribution_config attribution = {.classes = p->meta.classes, .stages = p->meta.stages};

	p->open = true;
	p->timeline = timeline_new(&timeline);
	if (p->timeline)
		attribution.threads = timeline_threads(p->timeline);
	p->attribution = attribution_new(&attribution);
	p->series = series_new();
	p->sockets = sockets_new();
	p->gaps = gaps_new();
	if (!p->timeline || !p->attribution || !p->series || !p->sockets || !p->gaps)
		return -ENOMEM;
	return stats_init(p);
}

int pipeline_new(struct pipeline **out, const struct pipeline_config *config, struct err *err)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	*out = NULL;
	if (p) {
		p->config = *config;
		p->config.meta = NULL;
	}
	if (p && config->meta) {
		p->meta = *config->meta;
		json_incref(p->meta.configuration);
		r = pipeline_open(p);
		if (!r)
			r = pipeline_meta_write(p);
	}
	if (r) {
		pipeline_free(p);
		return err_set(err, r, "no memory to join and count the records");
	}
	*out = p;
	return 0;
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	timeline_free(p->timeline);
	attribution_free(p->attribution);
	series_free(p->series);
	sockets_free(p->sockets);
	gaps_free(p->gaps);
	request_stats_fini(&p->total);
	request_stats_fini(&p->warmup);
	for (uint32_t i = 0; i < p->meta.classes; i++)
		request_stats_fini(&p->class_[i]);
	for (uint32_t i = 0; i < p->meta.stages; i++)
		request_stats_fini(&p->stage[i]);
	run_meta_fini(&p->meta);
	free(p);
}

static void span_add(struct span *s, const struct record_request *r)
{
	if (!s->first_due_ns || r->due_ns < s->first_due_ns)
		s->first_due_ns = r->due_ns;
	if (r->end_ns > s->last_end_ns)
		s->last_end_ns = r->end_ns;
}

/* The statistics that a request belongs to, at most three; returns how many. */
static unsigned sets_of(struct pipeline *p, const struct record_request *r, struct request_stats *set[3])
{
	unsigned n = 0;

	if (r->flags & RECORD_WARMUP) {
		set[n++] = &p->warmup;
		return n;
	}
	set[n++] = &p->total;
	if (r->class_index < p->meta.classes)
		set[n++] = &p->class_[r->class_index];
	if (r->stage_index < p->meta.stages)
		set[n++] = &p->stage[r->stage_index];
	return n;
}

static int frame_request(struct pipeline *p, const struct record_request *r)
{
	struct request_stats *set[3];
	unsigned n = sets_of(p, r, set);
	int ret = 0;

	if (r->flags & RECORD_WARMUP) {
		p->warmup_requests++;
	} else {
		span_add(&p->span, r);
		if (r->stage_index < p->meta.stages)
			span_add(&p->stage_span[r->stage_index], r);
		ret = blocks_request(blocks_of(p), r);
	}
	for (unsigned i = 0; i < n && !ret; i++)
		ret = request_stats_add(set[i], r);
	if (!ret)
		ret = gaps_take(p->gaps, r->id, set, n);
	if (!ret)
		ret = series_request(p->series, r);
	return ret ? ret : timeline_request(p->timeline, r);
}

static int frame_events(struct pipeline *p, const void *data, uint32_t bytes)
{
	const struct record_events *head = data;
	const struct record_event *event = (const void *)((const char *)data + sizeof(*head));

	if (bytes < sizeof(*head) || head->count > RECORD_EVENTS_BATCH_MAX ||
	    bytes != sizeof(*head) + head->count * sizeof(*event))
		return -EPROTO;
	int r = head->from_driver ? gaps_events(p->gaps, head, event) : 0;
	return r ? r : timeline_events(p->timeline, head, event);
}

static int frame_tick(struct pipeline *p, uint64_t now_ns)
{
	if (!p->first_tick_ns)
		p->first_tick_ns = now_ns;
	if (now_ns > p->last_tick_ns)
		p->last_tick_ns = now_ns;
	if (now_ns >= p->next_expire_ns) {
		gaps_expire(p->gaps, now_ns);
		p->next_expire_ns = now_ns + EXPIRE_EVERY_NS;
	}
	int r = series_tick(p->series, now_ns);
	if (!r)
		r = timeline_tick(p->timeline, now_ns);
	return r ? r : attribution_tick(p->attribution, now_ns);
}

/* A later head may tell more of the same run, but not turn it into another one: the statistics are laid out by the first. */
static int frame_meta(struct pipeline *p, const char *text, uint32_t bytes)
{
	struct run_meta *m = calloc(1, sizeof(*m));
	int r = m ? run_meta_decode(text, bytes, m, NULL) : -ENOMEM;

	if (!r && p->open && (m->classes != p->meta.classes || m->stages != p->meta.stages || m->attach != p->meta.attach))
		r = -EPROTO;
	if (!r) {
		run_meta_fini(&p->meta);
		p->meta = *m;
		if (!p->open)
			r = pipeline_open(p);
	} else if (m) {
		run_meta_fini(m);
	}
	free(m);
	return r;
}

static int frame_gauges(struct pipeline *p, const struct record_gauges *g)
{
	int r = blocks_gauges(blocks_of(p), g);

	return r ? r : series_gauges(p->series, g);
}

/* What the timeline has checked and rejected is counted there. */
static int frame_wire(struct pipeline *p, const void *data, uint32_t bytes)
{
	int r = timeline_wire(p->timeline, data, bytes);

	if (r)
		return r == -EPROTO ? 0 : r;
	sockets_start(p->sockets, p->meta.start_ns ? p->meta.start_ns + p->meta.warmup_ns : 0);
	return sockets_wire(p->sockets, data);
}

static int frame_dispatch(struct pipeline *p, enum capture_frame type, const void *data, uint32_t bytes)
{
	uint64_t now_ns;

	switch (type) {
	case CAPTURE_META:
		return frame_meta(p, data, bytes);
	case CAPTURE_WIRE:
		return frame_wire(p, data, bytes);
	case CAPTURE_REQUEST:
		return bytes == sizeof(struct record_request) ? frame_request(p, data) : -EPROTO;
	case CAPTURE_PROVIDER:
		return bytes == sizeof(struct record_provider) ? timeline_provider(p->timeline, data) : -EPROTO;
	case CAPTURE_EVENTS:
		return frame_events(p, data, bytes);
	case CAPTURE_COUNTERS:
		if (bytes != sizeof(p->counters))
			return -EPROTO;
		memcpy(p->counters, data, sizeof(p->counters));
		timeline_counters(p->timeline, p->counters);
		return 0;
	case CAPTURE_TICK:
		if (bytes != sizeof(now_ns))
			return -EPROTO;
		memcpy(&now_ns, data, sizeof(now_ns));
		return frame_tick(p, now_ns);
	case CAPTURE_GAUGES:
		return bytes == sizeof(struct record_gauges) ? frame_gauges(p, data) : -EPROTO;
	case CAPTURE_END:
		return 0;
	}
	return -EPROTO;
}

int pipeline_frame(struct pipeline *p, enum capture_frame type, const void *data, uint32_t bytes)
{
	if (!p->open && type != CAPTURE_META)
		return -EPROTO;
	if (p->config.capture)
		capture_write(p->config.capture, type, data, bytes);
	if (((uintptr_t)data & 7) && bytes <= sizeof(p->aligned))
		data = memcpy(p->aligned, data, bytes);
	if (p->open && p->meta.start_ns)
		series_start(p->series, p->meta.start_ns);
	int r = frame_dispatch(p, type, data, bytes);
	if (!r)
		r = p->failed;
	p->failed = 0;
	return r;
}

int pipeline_tick(struct pipeline *p, uint64_t now_ns)
{
	return pipeline_frame(p, CAPTURE_TICK, &now_ns, sizeof(now_ns));
}

int pipeline_finish(struct pipeline *p)
{
	if (!p->open)
		return 0;
	int r = timeline_finish(p->timeline);
	if (!r)
		r = sockets_finish(p->sockets);
	if (!r)
		r = attribution_finish(p->attribution);
	return r ? r : p->failed;
}

struct run_meta *pipeline_meta(struct pipeline *p)
{
	return p->open ? &p->meta : NULL;
}

int pipeline_meta_write(struct pipeline *p)
{
	if (!p->config.capture)
		return 0;
	char *text = run_meta_encode(&p->meta);
	if (!text)
		return -ENOMEM;
	capture_write(p->config.capture, CAPTURE_META, text, (uint32_t)strlen(text));
	free(text);
	return 0;
}

const struct timeline *pipeline_timeline(const struct pipeline *p)
{
	return p->timeline;
}

/* --- what the report needs -------------------------------------------------------------------------------------------------- */

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
	return planned_s > seen_s && seconds(s->first_due_ns, p->last_tick_ns) >= planned_s ? planned_s : seen_s;
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

static void fill_stages(const struct pipeline *p, struct report_input *in)
{
	in->stages = p->meta.stages;
	for (uint32_t i = 0; i < p->meta.stages; i++)
		in->stage[i] = (struct report_set){
			.from_s = seconds(p->meta.start_ns, p->stage_span[i].first_due_ns),
			.name = p->meta.stage[i].name,
			.stats = &p->stage[i],
			.duration_s = stage_duration_s(p, i),
			.attribution = attribution_stage(p->attribution, i),
		};
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
	in->machine = m->machine;
	in->configuration = m->configuration;
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
	in->sockets = p->sockets;
	in->start_ns = p->meta.start_ns;
	in->warmup_s = (double)p->meta.warmup_ns / (double)NS_PER_S;
	memcpy(in->counters, p->counters, sizeof(in->counters));
	in->warmup_requests = p->warmup_requests;
	in->total = (struct report_set){
		.name = "all",
		.stats = p->meta.attach ? NULL : &p->total,
		.duration_s = in->duration_s,
		.attribution = attribution_total(p->attribution),
	};
	in->warmup_stats = p->meta.attach ? NULL : &p->warmup;
	if (p->meta.attach)
		return;
	fill_classes(p, in);
	fill_stages(p, in);
}
