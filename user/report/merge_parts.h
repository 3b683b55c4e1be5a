/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside report/ only: the pieces of report_merge(). */
#ifndef TOLL_REPORT_MERGE_PARTS_H
#define TOLL_REPORT_MERGE_PARTS_H

#include "report/build.h"
#include "report/merge.h"

struct merge {
	const json_t *const *doc;
	const char *const *name;
	unsigned docs;
	bool one_after_another;
	struct build b; /* the document in the making */
	struct report_input in; /* what criteria ask for */
};

/* merge_value.c: one value of all documents (NULL: it has none). Counts add up, distributions are joined. NULL: it cannot be joined. */
json_t *merge_values(struct merge *m, const char *key, const json_t *const *value, unsigned n);
/* The same key of each document. */
json_t *merge_key(struct merge *m, const json_t *const *object, unsigned n, const char *key);
/* The histogram of a distribution in a document, or NULL. Caller frees. */
struct hist *merge_hist(const json_t *dist);

/* merge_sets.c: ratios of a set (all, a class, a stage) made again from what was joined. */
void merge_set_finish(struct merge *m, json_t *set, const json_t *const *part, unsigned n, double duration_s);

/* merge_blocks.c */
json_t *merge_blocks(struct merge *m);

/* merge_kernel.c: gateway: the results of gateways that are not the same one. After the sets. */
void merge_kernel(struct merge *m, const json_t *const *gateway, unsigned gateways);

/* merge_absent.c: what the joined document lacks, and why. Last. */
void merge_absent(struct merge *m);

/* merge_judge.c: criteria and verdict on the joined document. */
int merge_judge(struct merge *m);

#endif
