// SPDX-License-Identifier: GPL-2.0-only
#include "session/pipeline_parts.h"

#include <errno.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define TEAR_DOWN_NS (100 * NS_PER_MS) /* after the load: what closes from then on may be our doing */

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
		r = resilience_add(p->resilience, w);
	if (!r)
		r = series_whole(p->series, w, attribution_newest_cut(p->attribution));
	sockets_whole(p->sockets, w);
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
	for (uint32_t i = 0; i < p->meta.tenants && !r; i++) {
		r = request_stats_init(&p->tenant[i]);
		if (!r)
			r = request_stats_init(&p->tenant_alone[i]);
	}
	return r;
}

static uint64_t stages_alone(const struct run_meta *m)
{
	uint64_t alone = 0;

	for (uint32_t i = 0; i < m->stages; i++)
		if (pipeline_is_alone(&m->stage[i]))
			alone |= UINT64_C(1) << i;
	return alone;
}

static struct recovery *recovery_of_meta(const struct run_meta *m)
{
	uint64_t duration_ns[PLAN_STAGES_MAX] = {0};

	for (uint32_t i = 0; i < m->stages; i++)
		duration_ns[i] = m->stage[i].duration_ns;
	return recovery_new(duration_ns, m->stages);
}

static int pipeline_open(struct pipeline *p)
{
	struct timeline_config timeline = {
		.attach = p->meta.attach,
		.provider_is_ours = p->meta.provider_is_ours,
		.whole = on_whole,
		.ctx = p,
	};
	struct attribution_config attribution = {
		.stacks = stacks_new(),
		.classes = p->meta.classes,
		.stages = p->meta.stages,
		.tenants = p->meta.tenants,
		.causes = p->config.causes,
		.ctx = p->config.ctx,
		.stages_alone = stages_alone(&p->meta),
	};

	p->open = true;
	p->timeline = timeline_new(&timeline);
	if (p->timeline)
		attribution.threads = timeline_threads(p->timeline);
	p->attribution = attribution_new(&attribution);
	p->series = series_new();
	p->sockets = sockets_new();
	p->pools = pools_new();
	p->disconnects = disconnects_new();
	p->calls = calls_new();
	p->stacks = attribution.stacks;
	p->gaps = gaps_new();
	p->resilience = resilience_new(p->meta.provider_is_ours ? p->meta.upstreams : 0);
	p->recovery = recovery_of_meta(&p->meta);
	p->leak = leak_watch_new(p->meta.classes);
	if (!p->timeline || !p->resilience || !p->recovery || !p->attribution || !p->series || !p->sockets || !p->pools ||
	    !p->disconnects || !p->calls || !p->stacks || !p->leak || !p->gaps)
		return -ENOMEM;
	return stats_init(p);
}

int pipeline_new(struct pipeline **out, const struct pipeline_config *config, struct err *err)
{
	struct pipeline *p = aligned_alloc(_Alignof(struct pipeline), sizeof(*p));
	int r = p ? 0 : -ENOMEM;

	*out = NULL;
	if (p) {
		memset(p, 0, sizeof(*p));
		p->config = *config;
		p->config.meta = NULL;
	}
	if (p && config->meta) {
		p->meta = *config->meta;
		json_incref(p->meta.configuration);
		json_incref(p->meta.probed);
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
	pools_free(p->pools);
	disconnects_free(p->disconnects);
	calls_free(p->calls);
	stacks_free(p->stacks);
	leak_watch_free(p->leak);
	gaps_free(p->gaps);
	request_stats_fini(&p->total);
	request_stats_fini(&p->warmup);
	for (uint32_t i = 0; i < p->meta.classes; i++)
		request_stats_fini(&p->class_[i]);
	for (uint32_t i = 0; i < p->meta.stages; i++)
		request_stats_fini(&p->stage[i]);
	for (uint32_t i = 0; i < p->meta.tenants; i++) {
		request_stats_fini(&p->tenant[i]);
		request_stats_fini(&p->tenant_alone[i]);
	}
	resilience_free(p->resilience);
	recovery_free(p->recovery);
	run_meta_fini(&p->meta);
	free(p);
}

static int frame_request(struct pipeline *p, const struct record_request *r)
{
	int ret = r->flags & RECORD_WARMUP ? 0 : blocks_request(blocks_of(p), r);

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
	return timeline_events(p->timeline, head, event);
}

static int frame_tick(struct pipeline *p, uint64_t now_ns)
{
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

	if (!r && p->open &&
	    (m->classes != p->meta.classes || m->stages != p->meta.stages || m->tenants != p->meta.tenants ||
	     m->attach != p->meta.attach))
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

static int frame_gauges(struct pipeline *p, const void *data, uint32_t bytes)
{
	struct record_gauges g;
	int r = record_gauges_read(data, bytes, &g);

	if (r)
		return r;
	r = blocks_gauges(blocks_of(p), &g);
	gauge_track_add(&p->gauges, &g);
	return r ? r : series_gauges(p->series, &g);
}

/* Of the measured part: from the end of the warm-up on. */
static int frame_sample(struct pipeline *p, const struct wire_sample *sample)
{
	bool measured = p->meta.start_ns && sample->h.time_ns >= p->meta.start_ns + p->meta.warmup_ns;

	return measured ? stacks_sampled(p->stacks, sample) : 0;
}

/* What the timeline has checked and rejected is counted there. */
static int frame_wire(struct pipeline *p, const void *data, uint32_t bytes)
{
	const struct wire_header *h = data;
	int r = timeline_wire(p->timeline, data, bytes);

	if (r)
		return r == -EPROTO ? PIPELINE_REJECTED : r;
	return h->kind == WIRE_KIND_SAMPLE ? frame_sample(p, data) : 0;
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
		return frame_gauges(p, data, bytes);
	case CAPTURE_STACK:
		return record_stack_check(data, bytes) ? -EPROTO : stacks_named(p->stacks, data);
	case CAPTURE_PART:
		return bytes == sizeof(struct record_part) ? 0 : -EPROTO;
	case CAPTURE_END:
		return 0;
	}
	return -EPROTO;
}

int pipeline_join(struct pipeline *p, enum capture_frame type, const void *data, uint32_t bytes)
{
	if (!p->open && type != CAPTURE_META)
		return -EPROTO;
	if (p->open && p->meta.start_ns)
		series_start(p->series, p->meta.start_ns);
	int r = frame_dispatch(p, type, data, bytes);
	if (!r)
		r = p->failed;
	p->failed = 0;
	return r;
}

int pipeline_frame(struct pipeline *p, enum capture_frame type, const void *data, uint32_t bytes)
{
	if (!p->open && type != CAPTURE_META)
		return -EPROTO;
	if (p->config.capture)
		capture_write(p->config.capture, type, data, bytes);
	if (((uintptr_t)data & 7) && bytes <= sizeof(p->aligned))
		data = memcpy(p->aligned, data, bytes);
	int r = pipeline_join(p, type, data, bytes);
	if (r)
		return r == PIPELINE_REJECTED ? 0 : r;
	return pipeline_ends(p, type, data, bytes);
}

int pipeline_tick(struct pipeline *p, uint64_t now_ns)
{
	return pipeline_frame(p, CAPTURE_TICK, &now_ns, sizeof(now_ns));
}

int pipeline_finish(struct pipeline *p)
{
	if (!p->open)
		return 0;
	p->ended = true;
	int r = timeline_finish(p->timeline);
	if (!r)
		r = sockets_finish(p->sockets);
	if (!r)
		r = pools_finish(p->pools);
	if (!r)
		r = disconnects_finish(p->disconnects, p->span.last_end_ns + TEAR_DOWN_NS);
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

const struct attribution *pipeline_attribution(const struct pipeline *p)
{
	return p->attribution;
}

const struct series *pipeline_series(const struct pipeline *p)
{
	return p->series;
}

const struct timeline *pipeline_timeline(const struct pipeline *p)
{
	return p->timeline;
}
