// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The sample must not change from run to run over one capture. */
#define TREND_SEED 2
#define GROUPS 16
#define GROUP_POINTS_MIN 8
/* A rise counts from three standard deviations on, and if it is a fifth of the cost and 5 µs at least. */
#define Z_MIN 3
#define RISE_SHARE_MIN 0.2
#define RISE_MIN 5000

void trend_init(struct trend *t)
{
	t->seen = 0;
	rng_init(&t->rng, TREND_SEED, 0);
}

void trend_add(struct trend *t, uint64_t x, uint64_t y)
{
	uint64_t slot = t->seen < TREND_SAMPLE ? t->seen : rng_below(&t->rng, t->seen + 1);

	t->seen++;
	if (slot < TREND_SAMPLE)
		t->at[slot] = (struct trend_point){x, y};
}

static int by_x(const void *a, const void *b)
{
	uint64_t x = ((const struct trend_point *)a)->x, y = ((const struct trend_point *)b)->x;

	return (x > y) - (x < y);
}

static int by_y(const void *a, const void *b)
{
	uint64_t x = ((const struct trend_point *)a)->y, y = ((const struct trend_point *)b)->y;

	return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Medians of groups of one size, in order of x; points of one x stay together. Returns how many groups. */
static unsigned groups_make(struct trend_point *p, unsigned n, struct trend_point group[GROUPS])
{
	unsigned groups = 0, size = (n + GROUPS - 1) / GROUPS;

	size = size < GROUP_POINTS_MIN ? GROUP_POINTS_MIN : size;
	qsort(p, n, sizeof(*p), by_x);
	for (unsigned from = 0; from < n && groups < GROUPS;) {
		unsigned to = from + size < n ? from + size : n;
		while (to < n && p[to].x == p[to - 1].x)
			to++;
		if (n - to < size / 2)
			to = n;
		uint64_t x = p[from + (to - from) / 2].x;
		qsort(p + from, to - from, sizeof(*p), by_y);
		group[groups++] = (struct trend_point){x, p[from + (to - from) / 2].y};
		from = to;
	}
	return groups;
}

static void slope_find(const struct trend_point *g, unsigned n, struct trend_judgement *out)
{
	double slope[GROUPS * GROUPS / 2] = {0}, s = 0;
	unsigned pairs = 0;

	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = i + 1; k < n; k++) {
			double dx = (double)g[k].x - (double)g[i].x, dy = (double)g[k].y - (double)g[i].y;
			s += (dy > 0) - (dy < 0);
			if (dx > 0)
				slope[pairs++] = dy / dx;
		}
	}
	double variance = (double)n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
	out->z = s > 0 ? (s - 1) / sqrt(variance) : s < 0 ? (s + 1) / sqrt(variance) : 0;
	qsort(slope, pairs, sizeof(*slope), by_value);
	out->slope = pairs ? slope[pairs / 2] : 0;
}

bool trend_judge(const struct trend *t, struct trend_judgement *out)
{
	unsigned n = t->seen < TREND_SAMPLE ? (unsigned)t->seen : TREND_SAMPLE;
	struct trend_point *p = malloc((n ? n : 1) * sizeof(*p)), group[GROUPS] = {{0}};

	*out = (struct trend_judgement){0};
	if (!p)
		return false;
	memcpy(p, t->at, n * sizeof(*p));
	unsigned groups = groups_make(p, n, group);
	free(p);
	/* fewer can not be told from chance at that many deviations */
	if (groups < GROUPS / 2 || group[0].x == group[groups - 1].x)
		return false;
	slope_find(group, groups, out);
	out->low = group[0];
	out->high = group[groups - 1];
	double rise = out->slope * ((double)out->high.x - (double)out->low.x);
	out->grows = out->z >= Z_MIN && rise >= RISE_MIN && rise >= RISE_SHARE_MIN * (double)out->low.y;
	return true;
}
