/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: what the look-ups of metrics share. Each returns 0, -ENODATA with the reason, or LOOKUP_NOT_MINE. */
#ifndef TOLL_REPORT_LOOKUP_H
#define TOLL_REPORT_LOOKUP_H

#include "report/criteria_lookup.h"

/* A metric that is not of this kind: the next kind is asked. */
#define LOOKUP_NOT_MINE 1

int lookup_no_data(struct criteria_value *out, const char *reason);
int lookup_is(struct criteria_value *out, double value);
/* The rest of text behind prefix and a dot; NULL when it does not begin so. */
const char *lookup_behind(const char *text, const char *prefix);
/* stat: "p95"; empty: the reason when nothing is in h. */
int lookup_stat(const struct hist *h, const char *stat, const char *empty, struct criteria_value *out);

/* lookup_series.c: "gateway.fds.growth_rate" and what else is told from the run over time */
int lookup_series(const struct report_input *in, const char *metric, struct criteria_value *out);

/* "gateway.threads.began" */
int lookup_workers(const struct report_input *in, const char *metric, struct criteria_value *out);
/* lookup_pools.c: "peer.LABEL.open.max", "queue.unread.max"; set: a stage, or all. After lookup_series(), which has more of the queue */
int lookup_pools(const struct report_input *in, const struct report_set *set, const char *metric, struct criteria_value *out);

/* lookup_peers.c */
int lookup_peers(const struct report_input *in, const char *metric, struct criteria_value *out);

#endif
