// SPDX-License-Identifier: GPL-2.0-only
#include "session/ab.h"

#include <math.h>

static void window_begin(struct ab *ab, uint64_t now_ns)
{
	bool with_first = ab->pairs % 2 == 0;

	ab->with = ab->windows == 0 ? with_first : !with_first;
	ab->begun_ns = now_ns;
	ab->counting = false;
}

static void window_end(struct ab *ab, uint64_t requests, uint64_t gateway_cpu_ns)
{
	uint64_t done = requests - ab->requests_from;

	if (done < AB_REQUESTS_MIN || gateway_cpu_ns < ab->cpu_from_ns) {
		ab->windows = 0; /* the pair begins anew */
		return;
	}
	ab->value[ab->with] = (double)(gateway_cpu_ns - ab->cpu_from_ns) / (double)done;
	if (++ab->windows < 2)
		return;
	ab->windows = 0;
	if (ab->pairs == AB_PAIRS_MAX)
		return;
	ab->without_ns[ab->pairs] = ab->value[0];
	ab->with_ns[ab->pairs] = ab->value[1];
	ab->pairs++;
}

void ab_tick(struct ab *ab, uint64_t now_ns, uint64_t requests, uint64_t gateway_cpu_ns)
{
	if (!ab->begun_ns) {
		window_begin(ab, now_ns);
	} else if (!ab->counting && now_ns >= ab->begun_ns + AB_SETTLE_NS) {
		ab->counting = true;
		ab->requests_from = requests;
		ab->cpu_from_ns = gateway_cpu_ns;
	} else if (ab->counting && now_ns >= ab->begun_ns + AB_SETTLE_NS + AB_WINDOW_NS) {
		window_end(ab, requests, gateway_cpu_ns);
		window_begin(ab, now_ns);
	}
}

/* 97.5 % quantile of Student's t; from 30 degrees of freedom on the approximation of Cornish and Fisher. */
static double student_t(unsigned degrees)
{
	static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
				       2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
				       2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045};
	const double z = 1.959964;

	if (degrees <= sizeof(table) / sizeof(*table))
		return table[degrees - 1];
	return z + (z * z * z + z) / (4.0 * degrees);
}

bool ab_result(const struct ab *ab, struct ab_result *out)
{
	double mean = 0, squares = 0, half;

	*out = (struct ab_result){.pairs = ab->pairs};
	if (ab->pairs < 3)
		return false;
	for (unsigned i = 0; i < ab->pairs; i++) {
		out->with_ns += ab->with_ns[i] / ab->pairs;
		out->without_ns += ab->without_ns[i] / ab->pairs;
	}
	if (!(out->without_ns > 0))
		return false;
	mean = out->with_ns - out->without_ns;
	for (unsigned i = 0; i < ab->pairs; i++) {
		double off = ab->with_ns[i] - ab->without_ns[i] - mean;

		squares += off * off;
	}
	half = student_t(ab->pairs - 1) * sqrt(squares / (ab->pairs - 1) / ab->pairs);
	out->difference_ns = mean;
	out->difference_share = mean / out->without_ns;
	out->interval_share[0] = (mean - half) / out->without_ns;
	out->interval_share[1] = (mean + half) / out->without_ns;
	return true;
}
