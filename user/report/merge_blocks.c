// SPDX-License-Identifier: GPL-2.0-only
/* Blocks of several runs: brought to one width, then laid upon each other or one behind the other. */
#include <stdlib.h>
#include <string.h>

#include "attribution/blocks.h"
#include "report/merge_parts.h"

static const char *const columns[] = {"sent", "ok", "failed", "joined", "gateway_cpu_ns"};
static const char *const hists[] = {"latency", "toll"};
static const char *const objects[] = {"phase_sum_ns", "cause_sum_ns"};

/* 12 days a block: no run is longer than BLOCKS_MAX of them. */
#define WIDTH_MAX_NS (UINT64_C(1) << 50)

/* Where the blocks of one result go: block i of it belongs to (first + i) / fold. */
struct place {
	const json_t *blocks;
	unsigned first, fold;
};

struct layout {
	struct place place[MERGE_DOCUMENTS_MAX];
	unsigned count; /* of the joined blocks */
	uint64_t width_ns;
};

static uint64_t width_of(const json_t *blocks)
{
	return (uint64_t)json_integer_value(json_object_get(blocks, "width_ns"));
}

static unsigned count_of(const json_t *blocks)
{
	return (unsigned)json_integer_value(json_object_get(blocks, "count"));
}

static unsigned layout_at(struct merge *m, struct layout *l, uint64_t width_ns)
{
	unsigned end = 0;

	l->width_ns = width_ns;
	l->count = 0;
	for (unsigned i = 0; i < m->docs; i++) {
		struct place *p = &l->place[i];

		p->blocks = json_object_get(m->doc[i], "blocks");
		if (!p->blocks)
			continue;
		p->fold = (unsigned)(width_ns / width_of(p->blocks));
		p->first = m->one_after_another ? end * p->fold : 0;
		end = (p->first + count_of(p->blocks) + p->fold - 1) / p->fold;
		l->count = end > l->count ? end : l->count;
	}
	return l->count;
}

/* False: a width is no power of two of the first. */
static bool layout_make(struct merge *m, struct layout *l)
{
	uint64_t width_ns = 0;

	for (unsigned i = 0; i < m->docs; i++) {
		const json_t *blocks = json_object_get(m->doc[i], "blocks");

		if (blocks && width_of(blocks) > width_ns)
			width_ns = width_of(blocks);
	}
	for (unsigned i = 0; i < m->docs; i++) {
		const json_t *blocks = json_object_get(m->doc[i], "blocks");

		if (blocks &&
		    (!width_of(blocks) || width_ns % width_of(blocks) || !count_of(blocks) || count_of(blocks) > BLOCKS_MAX))
			return false;
	}
	if (!width_ns || width_ns > WIDTH_MAX_NS)
		return false;
	while (layout_at(m, l, width_ns) > BLOCKS_MAX)
		width_ns *= 2;
	return true;
}

/* A column that one of them lacks would not be the sum of all. */
static bool all_have(struct merge *m, const struct layout *l, const char *key, const char *inner)
{
	for (unsigned i = 0; i < m->docs; i++) {
		const json_t *column = json_object_get(l->place[i].blocks, key);

		if (!column || (!inner && json_array_size(column) != count_of(l->place[i].blocks)))
			return false;
	}
	return true;
}

static json_t *column_join(struct merge *m, const struct layout *l, const char *key, const char *inner)
{
	uint64_t sum[BLOCKS_MAX] = {0};
	json_t *joined = json_array();

	for (unsigned i = 0; i < m->docs; i++) {
		const struct place *p = &l->place[i];
		const json_t *column = json_object_get(p->blocks, key);

		if (inner)
			column = json_object_get(column, inner);
		for (unsigned k = 0; k < json_array_size(column) && k < count_of(p->blocks); k++)
			sum[(p->first + k) / p->fold] += (uint64_t)json_integer_value(json_array_get(column, k));
	}
	for (unsigned i = 0; i < l->count; i++)
		build_append(&m->b, joined, build_u64(sum[i]));
	return joined;
}

static void hist_add(struct merge *m, struct hist **into, const char *text)
{
	struct hist *h = NULL;

	if (!text || !*text)
		return;
	if (!*into)
		*into = hist_new();
	if (!*into || hist_decode(text, &h) || hist_merge(*into, h))
		m->b.failed = true;
	hist_free(h);
}

static json_t *hists_join(struct merge *m, const struct layout *l, const char *key)
{
	struct hist *at[BLOCKS_MAX] = {0};
	json_t *joined = json_array();

	for (unsigned i = 0; i < m->docs; i++) {
		const struct place *p = &l->place[i];
		const json_t *column = json_object_get(p->blocks, key);

		for (unsigned k = 0; k < count_of(p->blocks); k++)
			hist_add(m, &at[(p->first + k) / p->fold], json_string_value(json_array_get(column, k)));
	}
	for (unsigned i = 0; i < l->count; i++) {
		char *text = at[i] ? hist_encode_short(at[i]) : strdup("");

		build_append(&m->b, joined, text ? json_string(text) : NULL);
		free(text);
		hist_free(at[i]);
	}
	return joined;
}

static json_t *parts_join(struct merge *m, const struct layout *l, const char *key)
{
	json_t *joined = json_object();

	for (unsigned i = 0; i < m->docs; i++) {
		json_t *parts = json_object_get(l->place[i].blocks, key);

		for (void *it = json_object_iter(parts); it; it = json_object_iter_next(parts, it)) {
			const char *name = json_object_iter_key(it);

			if (!json_object_get(joined, name))
				build_put(&m->b, joined, name, column_join(m, l, key, name));
		}
	}
	return joined;
}

json_t *merge_blocks(struct merge *m)
{
	struct layout *l = calloc(1, sizeof(*l));
	json_t *joined = NULL;

	m->b.failed = m->b.failed || !l;
	if (l && layout_make(m, l)) {
		joined = json_object();
		build_put(&m->b, joined, "width_ns", build_u64(l->width_ns));
		build_put(&m->b, joined, "count", build_u64(l->count));
		for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
			if (all_have(m, l, columns[i], NULL))
				build_put(&m->b, joined, columns[i], column_join(m, l, columns[i], NULL));
		for (size_t i = 0; i < sizeof(hists) / sizeof(*hists); i++)
			if (all_have(m, l, hists[i], NULL))
				build_put(&m->b, joined, hists[i], hists_join(m, l, hists[i]));
		for (size_t i = 0; i < sizeof(objects) / sizeof(*objects); i++)
			if (all_have(m, l, objects[i], ""))
				build_put(&m->b, joined, objects[i], parts_join(m, l, objects[i]));
	}
	free(l);
	return joined;
}
