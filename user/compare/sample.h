/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The blocks of one result as columns of numbers, ready to be drawn from again and again. Made once from the document; a draw says how often
 * each block is in it, and sample_total() adds the blocks up. Pure memory: no file, no clock.
 */
#ifndef TOLL_COMPARE_SAMPLE_H
#define TOLL_COMPARE_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SAMPLE_BLOCKS_MAX 256u
#define SAMPLE_PARTS_MAX 48u
#define SAMPLE_QUANTILES 3u
extern const double sample_quantile[SAMPLE_QUANTILES]; /* 50, 95, 99 */

/* A count in a block's histogram: which of the run's distinct values. */
struct sample_entry {
	uint32_t value, count;
};

/* The histograms of one distribution, block by block. Absent: values is NULL. */
struct sample_dist {
	uint64_t *value; /* distinct, ascending */
	unsigned values;
	struct sample_entry *entry;
	unsigned first[SAMPLE_BLOCKS_MAX + 1]; /* where block i's entries begin */
	double sum[SAMPLE_BLOCKS_MAX], count[SAMPLE_BLOCKS_MAX];
};

/* A share of the joined requests' time: a phase, or a cause inside the gateway. */
struct sample_part {
	char name[64]; /* "process_request", "cause.lock" */
	bool is_cause;
	double sum_ns[SAMPLE_BLOCKS_MAX];
};

struct sample {
	unsigned blocks;
	uint64_t width_ns;
	bool has_ends, has_joined, has_cpu; /* which columns below are there */
	double ok[SAMPLE_BLOCKS_MAX], failed[SAMPLE_BLOCKS_MAX], joined[SAMPLE_BLOCKS_MAX], cpu_ns[SAMPLE_BLOCKS_MAX];
	/* for rates: seconds, and requests that ended well in them; the last block with requests is not whole and has neither */
	double timed_s[SAMPLE_BLOCKS_MAX], timed_ok[SAMPLE_BLOCKS_MAX];
	struct sample_dist latency, toll;
	struct sample_part part[SAMPLE_PARTS_MAX];
	unsigned parts;
};

/* blocks: the member of a result (already checked against the schema). err names the column that is wrong. */
int sample_new(struct sample **out, const json_t *blocks, struct err *err);
void sample_free(struct sample *s);
/* Another sample, of the blocks that pick[] names, in that order. NULL: no memory. */
struct sample *sample_pick(const struct sample *s, const unsigned *pick, unsigned picks);

/* What a draw adds up to. Distributions of which nothing was drawn: count 0. */
struct sample_total {
	double ok, failed, joined, cpu_ns, timed_s, timed_ok;
	struct sample_total_dist {
		double count, sum;
		double quantile[SAMPLE_QUANTILES];
	} latency, toll;
	double part_ns[SAMPLE_PARTS_MAX];
};
/* times[i]: how often block i is drawn. scratch: room for the larger of both distributions' values. */
void sample_total(const struct sample *s, const unsigned *times, uint64_t *scratch, struct sample_total *out);
unsigned sample_scratch(const struct sample *s);

#endif
