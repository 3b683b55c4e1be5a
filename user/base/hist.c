// SPDX-License-Identifier: GPL-2.0-only
#include "base/hist.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/*
 * Bucket i of group g: groups 0 and 1 hold 0..127 and 128..255 one by one, group g > 1 holds [2^(g+6), 2^(g+7)) in 128
 * steps of 2^(g-1). An index is group * 128 + bucket, so indices are in the order of values.
 */
#define HIST_STEPS_BITS 7
#define HIST_STEPS (1u << HIST_STEPS_BITS)
#define HIST_VALUE_BITS 48
#define HIST_VALUE_MAX ((UINT64_C(1) << HIST_VALUE_BITS) - 1)
#define HIST_TEXT_HEAD "toll.hist/1;"
#define HIST_SHORT_HEAD "toll.hist/2;"
#define HIST_GROUPS (HIST_VALUE_BITS - HIST_STEPS_BITS + 1)

_Static_assert(HIST_GROUPS *HIST_STEPS == HIST_BUCKETS, "hist.h says how many buckets there are");

struct hist {
	uint64_t *group[HIST_GROUPS]; /* HIST_STEPS counts, NULL until used */
	uint64_t count;
	uint64_t min;
	uint64_t max;
	uint64_t sum;
	uint64_t at_least;
	uint64_t lowest_at_least;
	uint64_t lost;
};

static unsigned bucket_of(uint64_t value)
{
	unsigned top;

	if (value > HIST_VALUE_MAX)
		value = HIST_VALUE_MAX;
	if (value < HIST_STEPS)
		return (unsigned)value;
	top = 63u - (unsigned)__builtin_clzll(value);
	return (top - HIST_STEPS_BITS + 1) * HIST_STEPS + (unsigned)(value >> (top - HIST_STEPS_BITS)) - HIST_STEPS;
}

static unsigned bucket_shift(unsigned index)
{
	unsigned group = index / HIST_STEPS;

	return group > 1 ? group - 1 : 0;
}

static uint64_t bucket_low(unsigned index)
{
	if (index < HIST_STEPS)
		return index;
	return (uint64_t)(HIST_STEPS + index % HIST_STEPS) << bucket_shift(index);
}

static uint64_t bucket_high(unsigned index)
{
	return bucket_low(index) + (UINT64_C(1) << bucket_shift(index)) - 1;
}

static uint64_t bucket_middle(unsigned index)
{
	return bucket_low(index) + (UINT64_C(1) << bucket_shift(index)) / 2;
}

static uint64_t bucket_count(const struct hist *h, unsigned index)
{
	const uint64_t *group = h->group[index / HIST_STEPS];

	return group ? group[index % HIST_STEPS] : 0;
}

struct hist *hist_new(void)
{
	return calloc(1, sizeof(struct hist));
}

static void free_groups(struct hist *h)
{
	unsigned g;

	for (g = 0; g < HIST_GROUPS; g++)
		free(h->group[g]);
}

void hist_free(struct hist *h)
{
	if (!h)
		return;
	free_groups(h);
	free(h);
}

void hist_reset(struct hist *h)
{
	free_groups(h);
	*h = (struct hist){0};
}

static int group_ensure(struct hist *h, unsigned g)
{
	if (!h->group[g])
		h->group[g] = calloc(HIST_STEPS, sizeof(*h->group[g]));
	return h->group[g] ? 0 : -ENOMEM;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t multiply_saturated(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* min and max of two sets, either of which may be empty */
static void widen(struct hist *h, uint64_t min, uint64_t max)
{
	if (!h->count || min < h->min)
		h->min = min;
	if (!h->count || max > h->max)
		h->max = max;
}

int hist_record_n(struct hist *h, uint64_t value, uint64_t n)
{
	unsigned index = bucket_of(value);

	if (!n)
		return 0;
	if (value > HIST_VALUE_MAX)
		value = HIST_VALUE_MAX;
	if (group_ensure(h, index / HIST_STEPS)) {
		h->lost += n;
		return -ENOMEM;
	}
	widen(h, value, value);
	h->group[index / HIST_STEPS][index % HIST_STEPS] += n;
	h->count += n;
	h->sum = add_saturated(h->sum, multiply_saturated(value, n));
	return 0;
}

int hist_record(struct hist *h, uint64_t value)
{
	return hist_record_n(h, value, 1);
}

static void note_at_least(struct hist *h, uint64_t lowest, uint64_t n)
{
	if (!n)
		return;
	if (!h->at_least || lowest < h->lowest_at_least)
		h->lowest_at_least = lowest;
	h->at_least += n;
}

int hist_record_at_least(struct hist *h, uint64_t lower_bound)
{
	int rc = hist_record_n(h, lower_bound, 1);

	if (!rc)
		note_at_least(h, lower_bound < HIST_VALUE_MAX ? lower_bound : HIST_VALUE_MAX, 1);
	return rc;
}

int hist_merge(struct hist *into, const struct hist *from)
{
	unsigned g, i;

	/* all memory first: a merge that fails has changed nothing */
	for (g = 0; g < HIST_GROUPS; g++) {
		if (from->group[g] && group_ensure(into, g))
			return -ENOMEM;
	}
	into->lost += from->lost;
	if (!from->count)
		return 0;
	for (g = 0; g < HIST_GROUPS; g++) {
		for (i = 0; from->group[g] && i < HIST_STEPS; i++)
			into->group[g][i] += from->group[g][i];
	}
	widen(into, from->min, from->max);
	into->count += from->count;
	into->sum = add_saturated(into->sum, from->sum);
	note_at_least(into, from->lowest_at_least, from->at_least);
	return 0;
}

uint64_t hist_count(const struct hist *h)
{
	return h->count;
}

uint64_t hist_count_at_least(const struct hist *h)
{
	return h->at_least;
}

uint64_t hist_lost(const struct hist *h)
{
	return h->lost;
}

uint64_t hist_min(const struct hist *h)
{
	return h->min;
}

uint64_t hist_max(const struct hist *h)
{
	return h->max;
}

uint64_t hist_sum(const struct hist *h)
{
	return h->sum;
}

double hist_mean(const struct hist *h)
{
	return h->count ? (double)h->sum / (double)h->count : 0.0;
}

/* 1 .. count */
static uint64_t rank_of(const struct hist *h, double q)
{
	double rank = ceil(q / 100.0 * (double)h->count);

	if (!(rank > 1.0))
		return 1;
	return rank >= (double)h->count ? h->count : (uint64_t)rank;
}

/* The index of the bucket that holds the value of this rank; count must not be 0. */
static unsigned bucket_at_rank(const struct hist *h, uint64_t rank)
{
	unsigned index = bucket_of(h->min), last = bucket_of(h->max);
	uint64_t seen = 0;

	for (; index < last; index++) {
		seen += bucket_count(h, index);
		if (seen >= rank)
			break;
	}
	return index;
}

uint64_t hist_percentile(const struct hist *h, double q)
{
	uint64_t rank, value;

	if (!h->count)
		return 0;
	rank = rank_of(h, q);
	if (rank == h->count)
		return h->max;
	if (rank == 1)
		return h->min;
	value = bucket_middle(bucket_at_rank(h, rank));
	if (value > h->max)
		return h->max;
	return value < h->min ? h->min : value;
}

bool hist_is_lower_bound(const struct hist *h, double q)
{
	if (!h->at_least)
		return false;
	return bucket_at_rank(h, rank_of(h, q)) >= bucket_of(h->lowest_at_least);
}

uint64_t hist_count_above(const struct hist *h, uint64_t limit)
{
	uint64_t above = 0;
	unsigned index, last;

	if (!h->count || limit >= h->max)
		return 0;
	last = bucket_of(h->max);
	for (index = bucket_of(limit) + 1; index <= last; index++)
		above += bucket_count(h, index);
	return above;
}

unsigned hist_next(const struct hist *h, unsigned from, uint64_t *count)
{
	for (; from < HIST_BUCKETS; from++) {
		if (!h->group[from / HIST_STEPS]) {
			from |= HIST_STEPS - 1;
			continue;
		}
		*count = bucket_count(h, from);
		if (*count)
			return from;
	}
	return HIST_BUCKETS;
}

uint64_t hist_bucket_value(unsigned index)
{
	return bucket_middle(index);
}

static int encode_bucket(struct buf *b, bool is_short, unsigned step, unsigned index, uint64_t n)
{
	if (!is_short)
		return buf_printf(b, "%u:%" PRIu64 ",", index, n);
	return n == 1 ? buf_printf(b, "%u,", step) : buf_printf(b, "%ux%" PRIu64 ",", step, n);
}

static char *encode(const struct hist *h, bool is_short)
{
	struct buf b = {0};
	unsigned index, before = 0;
	uint64_t n;
	int rc;

	rc = buf_printf(&b, "%s%" PRIu64 ";%" PRIu64 ";%" PRIu64 ";%" PRIu64 ";%" PRIu64 ";",
			is_short ? HIST_SHORT_HEAD : HIST_TEXT_HEAD, h->min, h->max, h->sum, h->at_least, h->lowest_at_least);
	for (index = hist_next(h, 0, &n); !rc && index < HIST_BUCKETS; index = hist_next(h, index + 1, &n)) {
		rc = encode_bucket(&b, is_short, index - before, index, n);
		before = index;
	}
	if (rc) {
		buf_fini(&b);
		return NULL;
	}
	if (h->count)
		b.data[b.used - 1] = '\0'; /* the last comma */
	return b.data;
}

char *hist_encode(const struct hist *h)
{
	return encode(h, false);
}

char *hist_encode_short(const struct hist *h)
{
	return encode(h, true);
}

/* Reads "<digits><end>" at *text and steps behind it. */
static bool take_number(const char **text, char end, uint64_t *out)
{
	uint64_t n = 0;
	const char *p = *text;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	}
	if (*p != end)
		return false;
	*text = end ? p + 1 : p;
	*out = n;
	return true;
}

/* One bucket and what stands behind it; *index has the bucket before and becomes this one. */
static bool take_bucket(const char **text, bool is_short, uint64_t *index, uint64_t *n)
{
	char end = strchr(*text, ',') ? ',' : '\0';
	uint64_t at;

	*n = 1;
	if (!is_short) {
		if (!take_number(text, ':', &at) || !take_number(text, end, n))
			return false;
	} else {
		if (!take_number(text, end, &at) && !(take_number(text, 'x', &at) && take_number(text, end, n)))
			return false;
		if (at >= HIST_BUCKETS)
			return false;
		at += *index;
	}
	*index = at;
	return !end || **text;
}

/* Buckets to the end of the text, indices ascending. */
static int decode_buckets(const char *text, bool is_short, struct hist *h)
{
	uint64_t index = 0, n, next = 0;

	while (*text) {
		if (!take_bucket(&text, is_short, &index, &n))
			return -EINVAL;
		if (index < next || index >= HIST_BUCKETS || !n || __builtin_add_overflow(h->count, n, &h->count))
			return -EINVAL;
		if (group_ensure(h, (unsigned)index / HIST_STEPS))
			return -ENOMEM;
		h->group[index / HIST_STEPS][index % HIST_STEPS] = n;
		next = index + 1;
	}
	return 0;
}

/* May the exact figures of the head belong to these buckets? */
static bool head_fits_buckets(const struct hist *h)
{
	unsigned __int128 low = 0, high = 0;
	unsigned index, first = bucket_of(h->min), last = bucket_of(h->max);
	uint64_t within = 0;

	if (h->min > h->max || h->max > HIST_VALUE_MAX || h->at_least > h->count || h->lowest_at_least > h->max)
		return false;
	if (h->at_least ? h->lowest_at_least < h->min : h->lowest_at_least != 0)
		return false;
	if (!h->count)
		return !h->max && !h->sum;
	for (index = first; index <= last; index++) {
		uint64_t n = bucket_count(h, index);

		within += n;
		low += (unsigned __int128)bucket_low(index) * n;
		high += (unsigned __int128)bucket_high(index) * n;
	}
	if (within != h->count || !bucket_count(h, first) || !bucket_count(h, last))
		return false;
	return h->sum <= high && (h->sum >= low || h->sum == UINT64_MAX);
}

int hist_decode(const char *text, struct hist **out)
{
	bool is_short = strncmp(text, HIST_SHORT_HEAD, strlen(HIST_SHORT_HEAD)) == 0;
	struct hist *h;
	int rc = -EINVAL;

	if (!is_short && strncmp(text, HIST_TEXT_HEAD, strlen(HIST_TEXT_HEAD)) != 0)
		return -EINVAL;
	text += strlen(HIST_TEXT_HEAD);
	h = hist_new();
	if (!h)
		return -ENOMEM;
	if (take_number(&text, ';', &h->min) && take_number(&text, ';', &h->max) && take_number(&text, ';', &h->sum) &&
	    take_number(&text, ';', &h->at_least) && take_number(&text, ';', &h->lowest_at_least))
		rc = decode_buckets(text, is_short, h);
	if (!rc && !head_fits_buckets(h))
		rc = -EINVAL;
	if (rc) {
		hist_free(h);
		return rc;
	}
	*out = h;
	return 0;
}
