/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside compare/ only: where each figure of a comparison comes from. */
#ifndef TOLL_COMPARE_FIGURES_H
#define TOLL_COMPARE_FIGURES_H

#include "compare/compare.h"

enum figure_from {
	FROM_TOLL_MEAN,
	FROM_TOLL_QUANTILE,
	FROM_LATENCY_MEAN,
	FROM_LATENCY_QUANTILE,
	FROM_THROUGHPUT,
	FROM_ERRORS,
	FROM_CPU,
	FROM_PART,
};

struct figure_source {
	enum figure_from from;
	unsigned index[2]; /* quantile; or the part in either sample, SAMPLE_PARTS_MAX: it has none */
};

struct figure_set {
	struct figure_source source[COMPARE_FIGURES_MAX];
};

/* Appends to c->figure[] what both samples have, each with its source at the same place. */
void figures_common(const struct sample *base, const struct sample *new_, struct figure_set *set, struct comparison *c);
/* NAN: nothing to divide by. side: 0 base, 1 new. */
double figure_value(const struct figure_source *s, unsigned side, const struct sample_total *t);

#endif
