/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A gauge's growth told apart by what drives it: requests of each class, and time. Least squares over the increments between windows,
 * reweighted so that a few jumps weigh little (Huber 1964). What always came in one proportion cannot be told apart, and is said so.
 */
#ifndef TOLL_LEAK_SPLIT_H
#define TOLL_LEAK_SPLIT_H

#include <stdbool.h>

#define SPLIT_DRIVERS_MAX 17
#define SPLIT_WINDOWS_MAX 512

struct split_point {
	double driver[SPLIT_DRIVERS_MAX];
	double value;
};

struct split {
	unsigned drivers;
	struct split_point *point; /* floors of windows */
	unsigned points;
	unsigned merged; /* samples in the window that fills */
	unsigned samples_per_window;
	double slope[SPLIT_DRIVERS_MAX], error[SPLIT_DRIVERS_MAX];
	bool told[SPLIT_DRIVERS_MAX];
	double quantile;
};

int split_init(struct split *s, unsigned drivers); /* -ENOMEM, -EINVAL: more than the maximum */
void split_fini(struct split *s);
/* Cumulative drivers and the gauge at one moment, in order of time. skip: it belongs to the warm-up. 0 */
int split_add(struct split *s, const double *driver, double value, bool skip);
int split_solve(struct split *s); /* 0 */
/* false: not told apart, or too little data. 99 % interval. */
bool split_slope(const struct split *s, unsigned driver, double *slope, double *low, double *high);

#endif
