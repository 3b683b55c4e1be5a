// SPDX-License-Identifier: GPL-2.0-only
#include "leak/split.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "leak/fit.h"

#define ROUNDS 12
#define HUBER 1.345 /* 95 % efficient at the normal distribution */
#define PIVOT_LEAST 1e-3 /* of the driver's own square: the rest is explained by the others */
#define TAIL 0.005

struct normal {
	double a[SPLIT_DRIVERS_MAX][SPLIT_DRIVERS_MAX];
	double b[SPLIT_DRIVERS_MAX];
};

int split_init(struct split *s, unsigned drivers)
{
	*s = (struct split){.drivers = drivers, .samples_per_window = 1};
	if (!drivers || drivers > SPLIT_DRIVERS_MAX)
		return -EINVAL;
	s->point = calloc(SPLIT_WINDOWS_MAX, sizeof(*s->point));
	return s->point ? 0 : -ENOMEM;
}

void split_fini(struct split *s)
{
	free(s->point);
	s->point = NULL;
}

static void halve(struct split *s)
{
	for (unsigned i = 0; i < s->points / 2; i++)
		s->point[i] = s->point[2 * i].value <= s->point[2 * i + 1].value ? s->point[2 * i] : s->point[2 * i + 1];
	s->points /= 2;
	s->samples_per_window *= 2;
}

int split_add(struct split *s, const double *driver, double value, bool skip)
{
	if (skip)
		return 0;
	if (s->points && s->merged < s->samples_per_window) {
		s->merged++;
		if (value >= s->point[s->points - 1].value)
			return 0;
	} else {
		if (s->points == SPLIT_WINDOWS_MAX)
			halve(s);
		s->points++;
		s->merged = 1;
	}
	memcpy(s->point[s->points - 1].driver, driver, s->drivers * sizeof(*driver));
	s->point[s->points - 1].value = value;
	return 0;
}

static double residual(const struct split *s, unsigned i)
{
	double rest = s->point[i].value - s->point[i - 1].value;

	for (unsigned k = 0; k < s->drivers; k++)
		rest -= s->slope[k] * (s->point[i].driver[k] - s->point[i - 1].driver[k]);
	return rest;
}

/* Median of the absolute residuals, as a standard deviation. */
static double scale_of(const struct split *s)
{
	double rest[SPLIT_WINDOWS_MAX] = {0};

	for (unsigned i = 1; i < s->points; i++)
		rest[i - 1] = fabs(residual(s, i));
	return 1.4826 * fit_median(rest, s->points - 1);
}

static void normal_make(const struct split *s, double scale, struct normal *n)
{
	memset(n, 0, sizeof(*n));
	for (unsigned i = 1; i < s->points; i++) {
		double rest = fabs(residual(s, i)), weight = rest > HUBER * scale && scale > 0 ? HUBER * scale / rest : 1.0;
		for (unsigned k = 0; k < s->drivers; k++) {
			double x = s->point[i].driver[k] - s->point[i - 1].driver[k];
			n->b[k] += weight * x * (s->point[i].value - s->point[i - 1].value);
			for (unsigned m = 0; m < s->drivers; m++)
				n->a[k][m] += weight * x * (s->point[i].driver[m] - s->point[i - 1].driver[m]);
		}
	}
}

/* Gauss and Jordan, the largest pivot first; drivers whose pivot is lost in the others' are left at 0. inverse[k]: of the diagonal. */
static void normal_solve(struct split *s, struct normal *n, double inverse[SPLIT_DRIVERS_MAX])
{
	double own[SPLIT_DRIVERS_MAX] = {0}, unit[SPLIT_DRIVERS_MAX][SPLIT_DRIVERS_MAX] = {{0}};
	bool done[SPLIT_DRIVERS_MAX] = {false};

	for (unsigned k = 0; k < s->drivers; k++) {
		own[k] = n->a[k][k];
		unit[k][k] = 1;
		s->slope[k] = 0;
		s->told[k] = false;
	}
	for (unsigned step = 0; step < s->drivers; step++) {
		unsigned p = s->drivers;
		for (unsigned k = 0; k < s->drivers; k++)
			if (!done[k] && own[k] > 0 && (p == s->drivers || n->a[k][k] / own[k] > n->a[p][p] / own[p]))
				p = k;
		if (p == s->drivers || n->a[p][p] < PIVOT_LEAST * own[p])
			break;
		done[p] = s->told[p] = true;
		double pivot = n->a[p][p];
		for (unsigned m = 0; m < s->drivers; m++) {
			n->a[p][m] /= pivot;
			unit[p][m] /= pivot;
		}
		n->b[p] /= pivot;
		for (unsigned k = 0; k < s->drivers; k++) {
			double factor = n->a[k][p];
			if (k == p)
				continue;
			for (unsigned m = 0; m < s->drivers; m++) {
				n->a[k][m] -= factor * n->a[p][m];
				unit[k][m] -= factor * unit[p][m];
			}
			n->b[k] -= factor * n->b[p];
		}
	}
	for (unsigned k = 0; k < s->drivers; k++) {
		s->slope[k] = done[k] ? n->b[k] : 0;
		inverse[k] = unit[k][k];
		/* a driver that was left out may hide in this one */
		for (unsigned m = 0; m < s->drivers; m++)
			if (done[k] && !done[m] && own[m] > 0 && fabs(n->a[k][m]) > PIVOT_LEAST)
				s->told[k] = false;
	}
}

int split_solve(struct split *s)
{
	double inverse[SPLIT_DRIVERS_MAX] = {0}, square = 0, scale = 0;
	struct normal n;

	memset(s->slope, 0, sizeof(s->slope));
	if (s->points < 3 * s->drivers + 4) {
		memset(s->told, 0, sizeof(s->told));
		return 0;
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		normal_make(s, scale, &n);
		normal_solve(s, &n, inverse);
		scale = scale_of(s);
	}
	for (unsigned i = 1; i < s->points; i++) {
		double rest = fmin(fabs(residual(s, i)), 3.0 * scale);
		square += rest * rest;
	}
	double freedom = s->points - 1.0 - s->drivers;
	s->quantile = fit_t_quantile(TAIL, freedom);
	for (unsigned k = 0; k < s->drivers; k++)
		s->error[k] = sqrt(fmax(inverse[k], 0) * square / freedom);
	return 0;
}

bool split_slope(const struct split *s, unsigned driver, double *slope, double *low, double *high)
{
	if (driver >= s->drivers || !s->told[driver])
		return false;
	*slope = s->slope[driver];
	*low = *slope - s->quantile * s->error[driver];
	*high = *slope + s->quantile * s->error[driver];
	return true;
}
