/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * May a soak end before its time? Looks are few and planned beforehand, and a verdict counts that three looks in a row agree upon.
 *
 * The first look is when whatever fills up is full (`fills_s`: until then a cache is a leak to any statistics), each later one after 1.25
 * times as long. Every look judges with intervals of confidence 1 - 0.005 / looks, so that all of them together err as often as one
 * judgement at the end (Bonferroni). A leak is certain when three looks in a row found the same gauge to leak, by amounts whose intervals
 * overlap; that there is none, when three looks in a row found none, of any gauge. Pure.
 */
#ifndef TOLL_LEAK_SURE_H
#define TOLL_LEAK_SURE_H

#include <stdbool.h>

#include "leak/watch.h"

#define SURE_IN_A_ROW 3

struct sure {
	double next_s; /* of the next look; above the last one's time: none */
	double planned_s;
	unsigned looks; /* in all, if none is certain */
	unsigned agree; /* looks in a row, up to the last one */
	enum leak_verdict verdict; /* of those */
	enum leak_gauge gauge;
	double low, high; /* growth that all of those allow for */
};

/* Both in seconds from the first sample on; fills_s 0: 0.4 of the planned time. */
void sure_init(struct sure *s, double planned_s, double fills_s);
bool sure_is_due(const struct sure *s, double now_s);
double sure_confidence(const struct sure *s); /* that a look judges with */
/* What a look at now_s found; true: that is certain. */
bool sure_look(struct sure *s, double now_s, const struct leak_result *found);

#endif
