// SPDX-License-Identifier: GPL-2.0-only
#include "leak/fit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Andrews (1993, table I, corrected 2003) for two parameters and 15 % trimming: 16.6 at 99 %. Gauges are no white noise, so a break
 * is believed only at several times that.
 */
#define BREAK_STATISTIC 60.0
#define CORRELATION_MAX 0.95
#define FAR_OUT 4.0 /* standard deviations */
#define FREEDOM_LEAST 3.0 /* with fewer the quantile is so large that nothing could ever be told */

/* The value that would stand at place k if they were sorted; those before it are no larger (Hoare 1961). */
static double select_place(double *value, unsigned count, unsigned k)
{
	unsigned from = 0, to = count - 1;

	while (from < to) {
		double pivot = value[from + (to - from) / 2];
		unsigned i = from, j = to;
		for (;;) {
			while (value[i] < pivot)
				i++;
			while (value[j] > pivot)
				j--;
			if (i >= j)
				break;
			double held = value[i];
			value[i++] = value[j];
			value[j--] = held;
		}
		if (k <= j)
			to = j;
		else
			from = j + 1;
	}
	return value[k];
}

double fit_median(double *value, unsigned count)
{
	double high = select_place(value, count, count / 2), low;

	if (count % 2)
		return high;
	low = value[0];
	for (unsigned i = 1; i < count / 2; i++)
		low = fmax(low, value[i]);
	return 0.5 * (low + high);
}

/* Upper tail of the normal distribution: Abramowitz and Stegun 26.2.23, then one step of Newton on erfc. */
static double normal_quantile(double tail)
{
	double t = sqrt(-2.0 * log(tail));
	double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
	double density = exp(-0.5 * z * z) / sqrt(2.0 * M_PI);

	return density > 0 ? z + (0.5 * erfc(z / M_SQRT2) - tail) / density : z;
}

double fit_t_quantile(double tail, double freedom)
{
	double z = normal_quantile(tail), z2 = z * z;

	if (freedom < 1.5)
		return 1.0 / tan(M_PI * tail); /* Cauchy */
	if (freedom < 2.5)
		return (1.0 - 2.0 * tail) * sqrt(2.0 / (4.0 * tail * (1.0 - tail)));
	/* Abramowitz and Stegun 26.7.5 */
	double g1 = z * (z2 + 1.0) / 4.0;
	double g2 = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
	double g3 = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
	double g4 = z * ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92160.0;
	return z + (g1 + (g2 + (g3 + g4 / freedom) / freedom) / freedom) / freedom;
}

static unsigned part_end(const struct fit_parts *parts, unsigned part, unsigned points)
{
	return part + 1 < parts->count ? parts->first[part + 1] : points;
}

static int theil_sen(const double *x, const double *y, unsigned points, const struct fit_parts *parts, double *out)
{
	double *slope = malloc(sizeof(*slope) * points * points / 2);
	unsigned slopes = 0;

	if (!slope)
		return -ENOMEM;
	for (unsigned part = 0; part < parts->count; part++) {
		unsigned end = part_end(parts, part, points);
		for (unsigned i = parts->first[part]; i < end; i++)
			for (unsigned k = i + 1; k < end; k++)
				if (x[k] > x[i])
					slope[slopes++] = (y[k] - y[i]) / (x[k] - x[i]);
	}
	if (slopes)
		*out = fit_median(slope, slopes);
	free(slope);
	return slopes ? 0 : -EINVAL;
}

/* What the slope leaves, part by part around its median; returns the sum of squares of x around each part's middle. */
static double residuals(const double *x, const double *y, unsigned points, const struct fit_parts *parts, struct fit_line *out,
			double *rest)
{
	double spread = 0, level = 0, sorted[FIT_POINTS_MAX] = {0};

	for (unsigned part = 0; part < parts->count; part++) {
		unsigned from = parts->first[part], end = part_end(parts, part, points);
		double n = end - from, mean_x = 0;
		for (unsigned i = from; i < end; i++) {
			rest[i] = sorted[i - from] = y[i] - out->slope * x[i];
			mean_x += x[i] / n;
		}
		double middle = fit_median(sorted, end - from);
		for (unsigned i = from; i < end; i++) {
			rest[i] -= middle;
			spread += (x[i] - mean_x) * (x[i] - mean_x);
		}
		out->jumps += part ? middle - level : 0;
		level = middle;
	}
	return spread;
}

/* What lies far out counts as if it lay at the bound: one start-up value must not hide a line of fifty. */
static void winsorize(double *rest, unsigned points)
{
	double size[FIT_POINTS_MAX] = {0};

	for (unsigned i = 0; i < points; i++)
		size[i] = fabs(rest[i]);
	double bound = FAR_OUT * 1.4826 * fit_median(size, points);
	for (unsigned i = 0; i < points && bound > 0; i++)
		rest[i] = fmin(fmax(rest[i], -bound), bound);
}

/* Of a residual with the next, without the bias of fitted lines. */
static double correlation_of(const double *rest, unsigned points, const struct fit_parts *parts)
{
	double square = 0, product = 0, fitted = 2.0 + 2.0 * parts->count;

	for (unsigned part = 0; part < parts->count; part++) {
		for (unsigned i = parts->first[part]; i < part_end(parts, part, points); i++) {
			square += rest[i] * rest[i];
			if (i > parts->first[part])
				product += rest[i] * rest[i - 1];
		}
	}
	if (square <= 0)
		return 0;
	double rho = (points * product / square + parts->count) / fmax(points - fitted, 1.0);
	return fmin(fmax(rho, 0.0), CORRELATION_MAX);
}

int fit_line(const double *x, const double *y, unsigned points, const struct fit_parts *parts, double confidence,
	     struct fit_line *out)
{
	static const struct fit_parts whole = {.count = 1};
	double rest[FIT_POINTS_MAX] = {0}, square = 0;

	memset(out, 0, sizeof(*out));
	if (points < 4 || points > FIT_POINTS_MAX)
		return -EINVAL;
	parts = parts && parts->count ? parts : &whole;
	int rc = theil_sen(x, y, points, parts, &out->slope);
	if (rc)
		return rc;
	double spread = residuals(x, y, points, parts, out, rest);
	winsorize(rest, points);
	for (unsigned i = 0; i < points; i++)
		square += rest[i] * rest[i];
	out->points = points;
	out->correlation = correlation_of(rest, points, parts);
	double widen = (1.0 + out->correlation) / (1.0 - out->correlation), fitted = parts->count + 1.0;
	out->error = sqrt(square / fmax(points - fitted, 1.0) / spread * widen);
	double half = out->error * fit_t_quantile((1.0 - confidence) / 2.0, fmax(points / widen - fitted, FREEDOM_LEAST));
	out->low = out->slope - half;
	out->high = out->slope + half;
	return 0;
}

/* Sums of a stretch of points, relative to the first point of all: large offsets would cost the differences their digits. */
struct sums {
	double n, x, y, xx, xy, yy;
};

static void sums_add(struct sums *s, double x, double y)
{
	s->n += 1;
	s->x += x;
	s->y += y;
	s->xx += x * x;
	s->xy += x * y;
	s->yy += y * y;
}

/* Squares that the best line through them leaves. */
static double sums_rest(const struct sums *s)
{
	double xx = s->xx - s->x * s->x / s->n, xy = s->xy - s->x * s->y / s->n, yy = s->yy - s->y * s->y / s->n;

	return fmax(xx > 0 ? yy - xy * xy / xx : yy, 0.0);
}

/* The first point of the second part, such that two lines fit best; 0: one line does as well. *strength: by how much they do. */
static unsigned cut_find(const double *x, const double *y, unsigned points, unsigned least, double *strength)
{
	struct sums left[FIT_POINTS_MAX + 1] = {{0}}, right = {0};
	double best = INFINITY;
	unsigned at = 0;

	*strength = 0;
	if (points > FIT_POINTS_MAX || points < 2 * least || least < 3)
		return 0;
	for (unsigned i = 0; i < points; i++) {
		left[i + 1] = left[i];
		sums_add(&left[i + 1], x[i] - x[0], y[i] - y[0]);
	}
	for (unsigned i = points - 1; i >= least; i--) {
		sums_add(&right, x[i] - x[0], y[i] - y[0]);
		if (points - i < least)
			continue;
		double rest = sums_rest(&left[i]) + sums_rest(&right);
		if (rest < best) {
			best = rest;
			at = i;
		}
	}
	double one = sums_rest(&left[points]), scale = fabs(left[points].yy) * 1e-12;
	if (one <= scale)
		return 0;
	*strength = (one - best) / (fmax(best, scale) / (points - 4.0));
	return *strength > BREAK_STATISTIC ? at : 0;
}

void fit_cut(const double *x, const double *y, unsigned points, unsigned least, struct fit_parts *out)
{
	*out = (struct fit_parts){.count = 1};
	while (out->count < FIT_PARTS_MAX) {
		unsigned cut = 0, behind = 0;
		double best = 0;
		for (unsigned part = 0; part < out->count; part++) {
			unsigned from = out->first[part];
			double strength;
			unsigned at = cut_find(x + from, y + from, part_end(out, part, points) - from, least, &strength);
			if (at && strength > best) {
				best = strength;
				cut = from + at;
				behind = part;
			}
		}
		if (!cut)
			return;
		memmove(&out->first[behind + 2], &out->first[behind + 1], (out->count - behind - 1) * sizeof(out->first[0]));
		out->first[behind + 1] = cut;
		out->count++;
	}
}
