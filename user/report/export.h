/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: the forms that other tools read, one file each (formats.h). All: 0 or -errno, -ENODATA as there. */
#ifndef TOLL_REPORT_EXPORT_H
#define TOLL_REPORT_EXPORT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "base/hist.h"

int export_junit(const json_t *doc, FILE *out); /* criteria as test cases */
int export_prometheus(const json_t *doc, FILE *out); /* text exposition, for node_exporter's textfile collector */
int export_remote_write(const json_t *doc, FILE *out); /* Prometheus remote write 1.0 */
int export_influx(const json_t *doc, FILE *out); /* line protocol: the figures once, the series point by point */
int export_csv(const json_t *doc, FILE *out); /* every figure, a row each */
int export_csv_series(const json_t *doc, FILE *out); /* the series, a row for each point */
int export_hdr(const json_t *doc, FILE *out); /* HdrHistogram log, V2 compressed */
int export_otlp(const json_t *doc, FILE *out); /* OpenTelemetry traces, as OTLP/HTTP carries them in JSON */
int export_pprof(const json_t *doc, FILE *out); /* gzip'd profile.proto */
int export_folded(const json_t *doc, FILE *out); /* "a;b;c 1200" lines */
int export_survivors(const json_t *doc, FILE *out); /* "a;b;c 1200" lines: bytes that are kept */
int export_speedscope(const json_t *doc, FILE *out);

/* export.c: what they share */
/* All requests, then each class: name "" for all of them. Stops at the first that is not 0 and returns it. */
int export_each_set(const json_t *doc, int (*visit)(void *ctx, const char *name, const json_t *set), void *ctx);
struct hist *export_hist(const json_t *dist); /* of a distribution; NULL: none, or no memory. Caller frees. */
uint64_t export_start_ns(const json_t *doc); /* Unix time of the load's start, 0: not known */
int export_end(FILE *out); /* flushes; what failed of all that was written */

#endif
