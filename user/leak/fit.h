/* SPDX-License-Identifier: GPL-2.0-only */
/* Straight lines through short series whose errors hang together. Pure arithmetic; no memory is kept. */
#ifndef TOLL_LEAK_FIT_H
#define TOLL_LEAK_FIT_H

#include <stdbool.h>

#define FIT_POINTS_MAX 256

#define FIT_PARTS_MAX 8

/* Where the level jumps or the line bends: part i begins at point first[i]; first[0] is 0. */
struct fit_parts {
	unsigned count; /* 0 is taken as 1 */
	unsigned first[FIT_PARTS_MAX];
};

struct fit_line {
	unsigned points;
	double slope; /* median of the slopes of all pairs of a part (Theil 1950, Sen 1968): a third of the points may be anywhere */
	double low, high; /* confidence interval of the slope */
	double error; /* standard error that the interval is made of */
	double correlation; /* of an error with the next one, as used: 0 and above */
	double jumps; /* sum of what the level rose between the parts, beyond the slope */
};

/*
 * One slope through all parts, each with a level of its own: a step between two parts is no growth. x rises. The interval is Student's t
 * around the slope; the standard error is that of least squares, widened by the correlation rho of neighbouring errors: (1 + rho) / (1 -
 * rho) times the variance, with as many fewer degrees of freedom (Bayley and Hammersley 1946); rho is corrected for the bias that fitted
 * lines leave (Marriott and Pope 1954). -EINVAL: fewer than 4 points, more than FIT_POINTS_MAX, or no pair with different x; -ENOMEM.
 */
int fit_line(const double *x, const double *y, unsigned points, const struct fit_parts *parts, double confidence,
	     struct fit_line *out);

/*
 * Cuts where two lines fit better than one, by far and again and again, each part with at least `least` points (binary segmentation with
 * the F statistic of Andrews 1993). A line through a part may jump at its ends: a step is a cut too.
 */
void fit_cut(const double *x, const double *y, unsigned points, unsigned least, struct fit_parts *out);

/* Sorts in part. count above 0. */
double fit_median(double *value, unsigned count);

/* Student's t: the value that is exceeded with probability `tail` (0 < tail < 0.5). freedom >= 1. */
double fit_t_quantile(double tail, double freedom);

#endif
