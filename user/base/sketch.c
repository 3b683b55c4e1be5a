// SPDX-License-Identifier: GPL-2.0-only
#include "base/sketch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINEAR_BITS 5
#define LINEAR (1u << LINEAR_BITS)

static uint32_t index_of(uint64_t value)
{
	unsigned shift;

	if (value < LINEAR)
		return (uint32_t)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - LINEAR_BITS;
	return (shift + 1) * LINEAR + (uint32_t)((value >> shift) - LINEAR);
}

uint64_t sketch_bucket_value(uint32_t index)
{
	unsigned shift;

	if (index < LINEAR)
		return index;
	shift = index / LINEAR - 1;
	return ((uint64_t)(LINEAR + index % LINEAR) << shift) + ((UINT64_C(1) << shift) >> 1);
}

/* Where the bucket is, or belongs. Each step moves or not without a branch: which of the two, nothing could predict. */
static uint32_t place_of(const struct sketch *s, uint32_t index)
{
	const struct sketch_bucket *at = s->at;

	if (!s->used)
		return 0;
	for (uint32_t left = s->used, half; left > 1; left -= half) {
		half = left / 2;
		at = at[half - 1].index < index ? at + half : at;
	}
	return (uint32_t)(at - s->at) + (at->index < index);
}

static int grow(struct sketch *s)
{
	uint32_t size = s->size ? s->size * 2 : 8;
	struct sketch_bucket *at = realloc(s->at, size * sizeof(*at));

	if (!at)
		return -ENOMEM;
	s->at = at;
	s->size = size;
	return 0;
}

static int add(struct sketch *s, uint32_t index, uint32_t count)
{
	uint32_t place = place_of(s, index);

	if (place == s->used || s->at[place].index != index) {
		if (s->used == s->size && grow(s))
			return -ENOMEM;
		memmove(s->at + place + 1, s->at + place, (s->used - place) * sizeof(*s->at));
		s->at[place] = (struct sketch_bucket){.index = index};
		s->used++;
	}
	s->at[place].count = count > UINT32_MAX - s->at[place].count ? UINT32_MAX : s->at[place].count + count;
	s->count += count;
	return 0;
}

int sketch_record(struct sketch *s, uint64_t value)
{
	return add(s, index_of(value), 1);
}

int sketch_merge(struct sketch *into, const struct sketch *from)
{
	int rc = 0;

	for (uint32_t i = 0; i < from->used && !rc; i++)
		rc = add(into, from->at[i].index, from->at[i].count);
	return rc;
}

uint64_t sketch_percentile(const struct sketch *s, double q)
{
	double rank = ceil(q / 100 * (double)s->count);
	uint64_t seen = 0;

	for (uint32_t i = 0; i < s->used; i++) {
		seen += s->at[i].count;
		if ((double)seen >= rank)
			return sketch_bucket_value(s->at[i].index);
	}
	return s->used ? sketch_bucket_value(s->at[s->used - 1].index) : 0;
}

void sketch_fini(struct sketch *s)
{
	free(s->at);
	*s = (struct sketch){0};
}
