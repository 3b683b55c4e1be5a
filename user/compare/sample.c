// SPDX-License-Identifier: GPL-2.0-only
#include "compare/sample.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hist.h"

const double sample_quantile[SAMPLE_QUANTILES] = {50, 95, 99};

static int column_read(const char *name, const json_t *column, unsigned blocks, double *out, struct err *err)
{
	if (json_array_size(column) != blocks)
		return err_set(err, -EINVAL, "blocks.%s: %zu entries for %u blocks", name, json_array_size(column), blocks);
	for (unsigned i = 0; i < blocks; i++)
		out[i] = json_number_value(json_array_get(column, i));
	return 0;
}

/* --- distributions --------------------------------------------------------------------------------------------------------------- */

static int hists_read(const char *name, const json_t *column, unsigned blocks, struct hist **h, struct err *err)
{
	if (json_array_size(column) != blocks)
		return err_set(err, -EINVAL, "blocks.%s: %zu entries for %u blocks", name, json_array_size(column), blocks);
	for (unsigned i = 0; i < blocks; i++) {
		const char *text = json_string_value(json_array_get(column, i));
		int rc = !text ? -EINVAL : *text ? hist_decode(text, &h[i]) : 0;

		if (rc)
			return err_set(err, rc, "blocks.%s[%u]: no histogram of toll", name, i);
	}
	return 0;
}

/* Which buckets any block uses; at[bucket] becomes its place among the values. Returns how many entries all blocks have. */
static unsigned values_collect(struct sample_dist *d, struct hist *const *h, unsigned blocks, unsigned *at)
{
	unsigned entries = 0;
	uint64_t n;

	for (unsigned i = 0; i < blocks; i++)
		for (unsigned k = h[i] ? hist_next(h[i], 0, &n) : HIST_BUCKETS; k < HIST_BUCKETS;
		     k = hist_next(h[i], k + 1, &n)) {
			at[k] = 1;
			entries++;
		}
	for (unsigned k = 0; k < HIST_BUCKETS; k++) {
		if (!at[k])
			continue;
		d->value[d->values] = hist_bucket_value(k);
		at[k] = d->values++;
	}
	return entries;
}

static void entries_fill(struct sample_dist *d, struct hist *const *h, unsigned blocks, const unsigned *at)
{
	unsigned used = 0;
	uint64_t n;

	for (unsigned i = 0; i < blocks; i++) {
		d->first[i] = used;
		for (unsigned k = h[i] ? hist_next(h[i], 0, &n) : HIST_BUCKETS; k < HIST_BUCKETS; k = hist_next(h[i], k + 1, &n))
			d->entry[used++] = (struct sample_entry){.value = at[k], .count = (uint32_t)n};
		d->sum[i] = h[i] ? (double)hist_sum(h[i]) : 0;
		d->count[i] = h[i] ? (double)hist_count(h[i]) : 0;
	}
	d->first[blocks] = used;
}

static int dist_make(struct sample_dist *d, struct hist *const *h, unsigned blocks)
{
	unsigned *at = calloc(HIST_BUCKETS, sizeof(*at)), entries = 0;

	d->value = calloc(HIST_BUCKETS, sizeof(*d->value));
	if (at && d->value)
		entries = values_collect(d, h, blocks, at);
	d->entry = calloc(entries ? entries : 1, sizeof(*d->entry));
	if (at && d->value && d->entry)
		entries_fill(d, h, blocks, at);
	free(at);
	return at && d->value && d->entry ? 0 : -ENOMEM;
}

static int dist_read(const char *name, const json_t *column, unsigned blocks, struct sample_dist *d, struct err *err)
{
	struct hist *h[SAMPLE_BLOCKS_MAX] = {0};
	int rc;

	if (!column)
		return 0;
	rc = hists_read(name, column, blocks, h, err);
	if (!rc && dist_make(d, h, blocks))
		rc = err_set(err, -ENOMEM, "no memory for the blocks");
	for (unsigned i = 0; i < blocks; i++)
		hist_free(h[i]);
	return rc;
}

/* --- columns --------------------------------------------------------------------------------------------------------------------- */

static int parts_read(struct sample *s, const json_t *columns, bool is_cause, struct err *err)
{
	for (void *it = json_object_iter((json_t *)columns); it; it = json_object_iter_next((json_t *)columns, it)) {
		struct sample_part *p = &s->part[s->parts];
		int rc;

		if (s->parts == SAMPLE_PARTS_MAX)
			return err_set(err, -E2BIG, "blocks: more than %u phases and causes", SAMPLE_PARTS_MAX);
		snprintf(p->name, sizeof(p->name), "%s%.50s", is_cause ? "cause." : "", json_object_iter_key(it));
		p->is_cause = is_cause;
		rc = column_read(p->name, json_object_iter_value(it), s->blocks, p->sum_ns, err);
		if (rc)
			return rc;
		s->parts++;
	}
	return 0;
}

static int columns_read(struct sample *s, const json_t *blocks, struct err *err)
{
	int rc = 0;

	s->has_ends = json_object_get(blocks, "ok");
	s->has_joined = json_object_get(blocks, "joined");
	s->has_cpu = json_object_get(blocks, "gateway_cpu_ns");
	if (s->has_ends)
		rc = column_read("ok", json_object_get(blocks, "ok"), s->blocks, s->ok, err);
	if (!rc && s->has_ends)
		rc = column_read("failed", json_object_get(blocks, "failed"), s->blocks, s->failed, err);
	if (!rc && s->has_joined)
		rc = column_read("joined", json_object_get(blocks, "joined"), s->blocks, s->joined, err);
	if (!rc && s->has_cpu)
		rc = column_read("gateway_cpu_ns", json_object_get(blocks, "gateway_cpu_ns"), s->blocks, s->cpu_ns, err);
	if (!rc)
		rc = dist_read("latency", json_object_get(blocks, "latency"), s->blocks, &s->latency, err);
	if (!rc)
		rc = dist_read("toll", json_object_get(blocks, "toll"), s->blocks, &s->toll, err);
	if (!rc)
		rc = parts_read(s, json_object_get(blocks, "phase_sum_ns"), false, err);
	return rc ? rc : parts_read(s, json_object_get(blocks, "cause_sum_ns"), true, err);
}

static void timed_fill(struct sample *s)
{
	unsigned whole = s->blocks;

	while (whole && s->ok[whole - 1] + s->failed[whole - 1] <= 0)
		whole--;
	for (unsigned i = 0; i + 1 < whole; i++) {
		s->timed_s[i] = (double)s->width_ns / 1e9;
		s->timed_ok[i] = s->ok[i];
	}
}

int sample_new(struct sample **out, const json_t *blocks, struct err *err)
{
	json_int_t count = json_integer_value(json_object_get(blocks, "count"));
	struct sample *s;
	int rc;

	*out = NULL;
	if (count < 1 || count > (json_int_t)SAMPLE_BLOCKS_MAX)
		return err_set(err, -EINVAL, "blocks.count: from 1 to %u blocks were expected", SAMPLE_BLOCKS_MAX);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, "no memory for the blocks");
	s->blocks = (unsigned)count;
	s->width_ns = (uint64_t)json_integer_value(json_object_get(blocks, "width_ns"));
	rc = columns_read(s, blocks, err);
	if (rc) {
		sample_free(s);
		return rc;
	}
	timed_fill(s);
	*out = s;
	return 0;
}

void sample_free(struct sample *s)
{
	if (!s)
		return;
	free(s->latency.value);
	free(s->latency.entry);
	free(s->toll.value);
	free(s->toll.entry);
	free(s);
}

/* --- picking and adding up ------------------------------------------------------------------------------------------------------- */

static int dist_pick(struct sample_dist *to, const struct sample_dist *from, const unsigned *pick, unsigned picks)
{
	unsigned entries = 0;

	*to = (struct sample_dist){0};
	if (!from->value)
		return 0;
	for (unsigned i = 0; i < picks; i++)
		entries += from->first[pick[i] + 1] - from->first[pick[i]];
	to->values = from->values;
	to->value = malloc(sizeof(*to->value) * (from->values + 1));
	to->entry = malloc(sizeof(*to->entry) * (entries + 1));
	if (!to->value || !to->entry)
		return -ENOMEM;
	memcpy(to->value, from->value, sizeof(*to->value) * from->values);
	entries = 0;
	for (unsigned i = 0; i < picks; i++) {
		unsigned begin = from->first[pick[i]], n = from->first[pick[i] + 1] - begin;

		to->first[i] = entries;
		memcpy(&to->entry[entries], &from->entry[begin], sizeof(*to->entry) * n);
		entries += n;
		to->sum[i] = from->sum[pick[i]];
		to->count[i] = from->count[pick[i]];
	}
	to->first[picks] = entries;
	return 0;
}

static void column_pick(double *to, const double *from, const unsigned *pick, unsigned picks)
{
	for (unsigned i = 0; i < picks; i++)
		to[i] = from[pick[i]];
}

struct sample *sample_pick(const struct sample *s, const unsigned *pick, unsigned picks)
{
	struct sample *to = picks <= SAMPLE_BLOCKS_MAX ? malloc(sizeof(*to)) : NULL;
	int rc;

	if (!to)
		return NULL;
	*to = *s;
	to->blocks = picks;
	column_pick(to->ok, s->ok, pick, picks);
	column_pick(to->failed, s->failed, pick, picks);
	column_pick(to->joined, s->joined, pick, picks);
	column_pick(to->cpu_ns, s->cpu_ns, pick, picks);
	column_pick(to->timed_s, s->timed_s, pick, picks);
	column_pick(to->timed_ok, s->timed_ok, pick, picks);
	for (unsigned i = 0; i < s->parts; i++)
		column_pick(to->part[i].sum_ns, s->part[i].sum_ns, pick, picks);
	rc = dist_pick(&to->latency, &s->latency, pick, picks);
	rc |= dist_pick(&to->toll, &s->toll, pick, picks);
	if (rc) {
		sample_free(to);
		return NULL;
	}
	return to;
}

static double add(const double *column, const unsigned *times, unsigned blocks)
{
	double sum = 0;

	for (unsigned i = 0; i < blocks; i++)
		sum += column[i] * times[i];
	return sum;
}

/* Nearest rank, as in base/hist. */
static void quantiles(const struct sample_dist *d, const uint64_t *count, double all, double *out)
{
	double seen = 0;
	unsigned k = 0;

	for (unsigned q = 0; q < SAMPLE_QUANTILES; q++) {
		double rank = ceil(sample_quantile[q] / 100 * all);

		while (k < d->values && seen + (double)count[k] < rank)
			seen += (double)count[k++];
		out[q] = k < d->values ? (double)d->value[k] : 0;
	}
}

static void dist_total(const struct sample_dist *d, const unsigned *times, unsigned blocks, uint64_t *scratch,
		       struct sample_total_dist *out)
{
	*out = (struct sample_total_dist){0};
	if (!d->value)
		return;
	memset(scratch, 0, sizeof(*scratch) * d->values);
	for (unsigned i = 0; i < blocks; i++) {
		if (!times[i])
			continue;
		for (unsigned k = d->first[i]; k < d->first[i + 1]; k++)
			scratch[d->entry[k].value] += (uint64_t)d->entry[k].count * times[i];
	}
	out->count = add(d->count, times, blocks);
	out->sum = add(d->sum, times, blocks);
	if (out->count > 0)
		quantiles(d, scratch, out->count, out->quantile);
}

void sample_total(const struct sample *s, const unsigned *times, uint64_t *scratch, struct sample_total *out)
{
	out->ok = add(s->ok, times, s->blocks);
	out->failed = add(s->failed, times, s->blocks);
	out->joined = add(s->joined, times, s->blocks);
	out->cpu_ns = add(s->cpu_ns, times, s->blocks);
	out->timed_s = add(s->timed_s, times, s->blocks);
	out->timed_ok = add(s->timed_ok, times, s->blocks);
	dist_total(&s->latency, times, s->blocks, scratch, &out->latency);
	dist_total(&s->toll, times, s->blocks, scratch, &out->toll);
	for (unsigned i = 0; i < s->parts; i++)
		out->part_ns[i] = add(s->part[i].sum_ns, times, s->blocks);
}

unsigned sample_scratch(const struct sample *s)
{
	return s->latency.values > s->toll.values ? s->latency.values : s->toll.values;
}
