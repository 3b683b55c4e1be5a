/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log-linear histogram of ns (or bytes, or counts): 128 linear buckets per power of two, so that a value read back
 * (the middle of its bucket) is at most 1/256 = 0.4 % off; exact below 256. Values to 2^48-1 (3.2 days in ns), larger ones
 * are clamped and counted. Buckets are allocated per power of two on first use. min, max and sum are exact. Merging two
 * histograms is exact: the merge equals the histogram of all values (tests/model).
 *
 * A request that timed out is known only as "at least": hist_record_at_least() counts it at its lower bound and
 * percentiles at or above the lowest such bound say so (hist_is_lower_bound).
 */
#ifndef TOLL_BASE_HIST_H
#define TOLL_BASE_HIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hist; /* opaque */

struct hist *hist_new(void); /* NULL: no memory */
void hist_free(struct hist *h);
void hist_reset(struct hist *h);
/* Returns 0 or -ENOMEM (value then counted as lost). */
int hist_record(struct hist *h, uint64_t value);
int hist_record_n(struct hist *h, uint64_t value, uint64_t n);
int hist_record_at_least(struct hist *h, uint64_t lower_bound);
int hist_merge(struct hist *into, const struct hist *from);

uint64_t hist_count(const struct hist *h);
uint64_t hist_count_at_least(const struct hist *h); /* how many of them are lower bounds */
uint64_t hist_lost(const struct hist *h); /* values that no memory was left for */
uint64_t hist_min(const struct hist *h); /* 0 when empty */
uint64_t hist_max(const struct hist *h);
uint64_t hist_sum(const struct hist *h); /* saturates */
double hist_mean(const struct hist *h);
/* q in [0, 100]; nearest-rank: the smallest recorded value with at least q % of values at or below it; 100 gives max. */
uint64_t hist_percentile(const struct hist *h, double q);
bool hist_is_lower_bound(const struct hist *h, double q);
/* Values strictly above limit (bucket resolution). */
uint64_t hist_count_above(const struct hist *h, uint64_t limit);

/* Its used buckets, in the order of their values: the first at or after `from`, or HIST_BUCKETS when there is none. */
#define HIST_BUCKETS 5376u
unsigned hist_next(const struct hist *h, unsigned from, uint64_t *count);
uint64_t hist_bucket_value(unsigned index); /* the middle of the bucket */

/*
 * Text form, mergeable: "toll.hist/1;min;max;sum;at_least;lowest_at_least;index:count,index:count,..." (decimal), or, about half as long,
 * "toll.hist/2;(the same head);step,stepxcount,...": how far each used bucket is from the one before, and its count unless it is 1.
 * hist_encode and hist_encode_short return a malloc'd string (caller frees) or NULL; hist_decode reads both and checks everything,
 * -EINVAL on any defect.
 */
char *hist_encode(const struct hist *h);
char *hist_encode_short(const struct hist *h);
int hist_decode(const char *text, struct hist **out);

#endif
