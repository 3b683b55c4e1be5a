/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text that a Prometheus server scrapes (exposition format 0.0.4, and OpenMetrics as far as it is the same), line by line. Source:
 * prometheus.io/docs/instrumenting/exposition_formats.
 */
#ifndef TOLL_RECORD_EXPOSITION_H
#define TOLL_RECORD_EXPOSITION_H

#include <stddef.h>

enum exposition_type { EXPOSITION_UNTYPED, EXPOSITION_COUNTER, EXPOSITION_GAUGE, EXPOSITION_HISTOGRAM, EXPOSITION_SUMMARY };

/* One sample; the texts are not NUL-terminated and belong to the caller of exposition_parse(). */
struct exposition_sample {
	const char *name, *labels; /* labels: what stands between the braces, as it is */
	size_t name_bytes, labels_bytes;
	double value; /* may be NaN or infinite */
	enum exposition_type type; /* of its family: a histogram's _sum, _count and _bucket are its own */
};

typedef void (*exposition_fn)(void *ctx, const struct exposition_sample *s);

/* Calls fn for every sample. Lines that are none are passed over; returns how many were. */
size_t exposition_parse(const char *text, size_t bytes, exposition_fn fn, void *ctx);

#endif
