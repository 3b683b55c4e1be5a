// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "record/request_stats.h"

/* A year: a time beyond it is a defect of a capture, not a long run. */
#define SPAN_MAX_NS (UINT64_C(366) * 86400 * NS_PER_S)

struct series {
	struct series_point *point;
	unsigned points, size;
	uint64_t start_ns, end_ns, step_ns;
	uint64_t dropped;
	uint64_t cpu_ns, cpu_time_ns; /* the sample before; cpu_time_ns 0: none */
};

struct series *series_new(void)
{
	struct series *s = calloc(1, sizeof(*s));

	if (s)
		s->step_ns = NS_PER_S;
	return s;
}

static void point_fini(struct series_point *p)
{
	sketch_fini(&p->latency);
	sketch_fini(&p->toll);
	sketch_fini(&p->driver_lag);
}

void series_free(struct series *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->points; i++)
		point_fini(&s->point[i]);
	free(s->point);
	free(s);
}

void series_start(struct series *s, uint64_t start_ns)
{
	if (!s->start_ns)
		s->start_ns = s->end_ns = start_ns;
}

static int point_merge(struct series_point *into, struct series_point *from)
{
	int rc = sketch_merge(&into->latency, &from->latency);

	rc |= sketch_merge(&into->toll, &from->toll);
	rc |= sketch_merge(&into->driver_lag, &from->driver_lag);
	into->sent += from->sent;
	into->ended += from->ended;
	into->failed += from->failed;
	into->joined += from->joined;
	for (unsigned i = 0; i < SERIES_GAUGES; i++) {
		into->gauge[i].sum += from->gauge[i].sum;
		into->gauge[i].samples += from->gauge[i].samples;
	}
	point_fini(from);
	return rc ? -ENOMEM : 0;
}

static int halve(struct series *s)
{
	unsigned half = (s->points + 1) / 2;
	int rc = 0;

	for (unsigned i = 0; i < half; i++) {
		struct series_point pair = s->point[2 * i];
		if (2 * i + 1 < s->points)
			rc |= point_merge(&pair, &s->point[2 * i + 1]);
		s->point[i] = pair;
	}
	s->points = half;
	s->step_ns *= 2;
	return rc;
}

static int grow(struct series *s, unsigned points)
{
	unsigned size = s->size ? s->size : 64;

	while (size < points)
		size *= 2;
	if (size > s->size) {
		struct series_point *point = realloc(s->point, size * sizeof(*point));
		if (!point)
			return -ENOMEM;
		s->point = point;
		s->size = size;
	}
	memset(s->point + s->points, 0, (points - s->points) * sizeof(*s->point));
	s->points = points;
	return 0;
}

/* The point of a time; *out NULL: it has none. */
static int point_at(struct series *s, uint64_t time_ns, struct series_point **out)
{
	int rc = 0;

	*out = NULL;
	if (!s->start_ns || time_ns < s->start_ns)
		return 0;
	if (time_ns - s->start_ns > SPAN_MAX_NS) {
		s->dropped++;
		return 0;
	}
	while ((time_ns - s->start_ns) / s->step_ns >= SERIES_POINTS_MAX)
		rc |= halve(s);
	unsigned i = (unsigned)((time_ns - s->start_ns) / s->step_ns);
	if (i >= s->points)
		rc |= grow(s, i + 1);
	if (rc)
		return -ENOMEM;
	if (time_ns > s->end_ns)
		s->end_ns = time_ns;
	*out = &s->point[i];
	return 0;
}

int series_tick(struct series *s, uint64_t now_ns)
{
	struct series_point *p;

	return point_at(s, now_ns, &p);
}

int series_request(struct series *s, const struct record_request *r)
{
	uint64_t end_ns = request_last_known_ns(r);
	struct series_point *p;
	int rc = r->sent_ns ? point_at(s, r->sent_ns, &p) : 0;

	if (rc)
		return rc;
	if (r->sent_ns && p)
		p->sent++;
	if (r->sent_ns && p)
		rc = sketch_record(&p->driver_lag, request_lateness_ns(r));
	/* last: a later time may move the points */
	int rc2 = point_at(s, end_ns, &p);
	if (rc2 || !p)
		return rc2;
	/* one that never left the driver's queue was never in flight */
	p->ended += r->sent_ns != 0;
	p->failed += record_outcome_is_failure((enum record_outcome)r->outcome);
	rc2 = sketch_record(&p->latency, end_ns > r->due_ns ? end_ns - r->due_ns : 0);
	return rc ? rc : rc2;
}

int series_whole(struct series *s, const struct whole_request *w, const struct phase_cut *cut)
{
	struct series_point *p;

	if (!cut)
		return 0;
	int rc = point_at(s, w->t11, &p);
	if (rc || !p)
		return rc;
	p->joined++;
	return sketch_record(&p->toll, cut->toll_ns);
}

static void gauge_add(struct series_point *p, enum series_gauge_kind kind, double value)
{
	p->gauge[kind].sum += value;
	p->gauge[kind].samples++;
}

int series_gauges(struct series *s, const struct record_gauges *g)
{
	struct series_point *p;
	int rc = point_at(s, g->time_ns, &p);

	if (rc || !p)
		return rc;
	/* a tree that shrank has less CPU on its account than before: that span cannot be told */
	if (s->cpu_time_ns && g->time_ns > s->cpu_time_ns && g->cpu_ns >= s->cpu_ns)
		gauge_add(p, SERIES_CPU_CORES, (double)(g->cpu_ns - s->cpu_ns) / (double)(g->time_ns - s->cpu_time_ns));
	s->cpu_ns = g->cpu_ns;
	s->cpu_time_ns = g->time_ns;
	if (!(g->missing & RECORD_GAUGES_NO_STATUS)) {
		gauge_add(p, SERIES_RSS_BYTES, (double)g->rss_bytes);
		gauge_add(p, SERIES_SWAP_BYTES, (double)g->swap_bytes);
	}
	gauge_add(p, SERIES_PROCESSES, g->processes);
	gauge_add(p, SERIES_THREADS, g->threads);
	if (!(g->missing & RECORD_GAUGES_NO_DESCRIPTORS)) {
		gauge_add(p, SERIES_FDS, g->fds);
		gauge_add(p, SERIES_UNREAD_BYTES, (double)g->unread_bytes);
		gauge_add(p, SERIES_ACCEPT_QUEUE, g->accept_queue);
	}
	return 0;
}

unsigned series_points(const struct series *s)
{
	return s->points;
}

const struct series_point *series_point(const struct series *s, unsigned i)
{
	return &s->point[i];
}

uint64_t series_step_ns(const struct series *s)
{
	return s->step_ns;
}

uint64_t series_last_covered_ns(const struct series *s)
{
	return s->points ? s->end_ns - s->start_ns - (s->points - 1) * s->step_ns : 0;
}

uint64_t series_dropped(const struct series *s)
{
	return s->dropped;
}
