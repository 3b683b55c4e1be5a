// SPDX-License-Identifier: GPL-2.0-only
/*
 * The half of a pipeline that needs no joined request: what the records of the ends and of the sockets tell by themselves. It shares no
 * state but the head with the other half, so that a replay gives it to another thread.
 */
#include "base/clock.h"
#include "session/pipeline_parts.h"

#define EXPIRE_EVERY_NS (60 * NS_PER_S)

static void span_add(struct span *s, const struct record_request *r)
{
	if (!s->first_due_ns || r->due_ns < s->first_due_ns)
		s->first_due_ns = r->due_ns;
	if (r->end_ns > s->last_end_ns)
		s->last_end_ns = r->end_ns;
}

#define SETS_MAX 4

/* The statistics that a request belongs to, at most SETS_MAX; returns how many. */
static unsigned sets_of(struct pipeline *p, const struct record_request *r, struct request_stats *set[SETS_MAX])
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
	if (r->tenant && r->tenant <= p->meta.tenants)
		set[n++] = r->stage_index < p->meta.stages && pipeline_is_alone(&p->meta.stage[r->stage_index])
				   ? &p->tenant_alone[r->tenant - 1]
				   : &p->tenant[r->tenant - 1];
	return n;
}

static int frame_request(struct pipeline *p, const struct record_request *r)
{
	struct request_stats *set[SETS_MAX];
	unsigned n = sets_of(p, r, set);
	int ret = 0;

	if (r->flags & RECORD_WARMUP) {
		p->warmup_requests++;
	} else {
		span_add(&p->span, r);
		if (r->stage_index < p->meta.stages)
			span_add(&p->stage_span[r->stage_index], r);
		ret = disconnects_request(p->disconnects, r);
		if (!ret)
			ret = recovery_add(p->recovery, r);
	}
	for (unsigned i = 0; i < n && !ret; i++)
		ret = request_stats_add(set[i], r);
	if (!ret)
		ret = gaps_take(p->gaps, r->id, set, n);
	leak_watch_requests(p->leak, r->class_index, 1);
	return ret;
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
	return pools_tick(p->pools, now_ns);
}

static int frame_wire(struct pipeline *p, const void *data)
{
	const struct wire_header *h = data;
	uint64_t measured_ns = p->meta.start_ns ? p->meta.start_ns + p->meta.warmup_ns : 0;
	int r = 0;

	if (h->kind == WIRE_KIND_SAMPLE)
		return 0;
	if (h->kind == WIRE_KIND_SYSCALLS)
		r = calls_add(p->calls, data, measured_ns);
	sockets_start(p->sockets, measured_ns);
	pools_start(p->pools, measured_ns);
	if (!r)
		r = sockets_wire(p->sockets, data);
	if (!r)
		r = pools_wire(p->pools, data);
	workers_wire(&p->workers, data, measured_ns);
	return r || h->kind != WIRE_KIND_CLOSE ? r : disconnects_close(p->disconnects, data);
}

static int frame_events(struct pipeline *p, const struct record_events *head)
{
	return head->from_driver ? gaps_events(p->gaps, head, (const struct record_event *)(head + 1)) : 0;
}

int pipeline_ends(struct pipeline *p, enum capture_frame type, const void *data, uint32_t bytes)
{
	struct record_gauges gauges;

	if (!p->open)
		return 0;
	switch (type) {
	case CAPTURE_WIRE:
		return frame_wire(p, data);
	case CAPTURE_REQUEST:
		return frame_request(p, data);
	case CAPTURE_PROVIDER:
		return disconnects_provider(p->disconnects, data);
	case CAPTURE_EVENTS:
		return frame_events(p, data);
	case CAPTURE_TICK:
		return frame_tick(p, *(const uint64_t *)data);
	case CAPTURE_GAUGES:
		return p->meta.soak && !record_gauges_read(data, bytes, &gauges) ? leak_watch_gauges(p->leak, &gauges) : 0;
	case CAPTURE_PART:
		return p->meta.soak ? leak_watch_part(p->leak, data) : 0;
	default:
		return 0;
	}
}
