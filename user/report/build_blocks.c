// SPDX-License-Identifier: GPL-2.0-only
/* The run in blocks of time, column by column: what `toll compare` draws its samples from. */
#include "report/build.h"

#include <stdlib.h>

#include "attribution/blocks.h"

static void put_u64(struct build *b, json_t *object, const char *key, const struct block *at, unsigned n,
		    uint64_t (*value)(const struct block *))
{
	json_t *column = build_array(b, object, key);

	for (unsigned i = 0; i < n; i++)
		build_append(b, column, build_u64(value(&at[i])));
}

static uint64_t sent_of(const struct block *block)
{
	return block->sent;
}

static uint64_t ok_of(const struct block *block)
{
	return block->ok;
}

static uint64_t failed_of(const struct block *block)
{
	return block->failed;
}

static uint64_t joined_of(const struct block *block)
{
	return block->joined;
}

static uint64_t cpu_of(const struct block *block)
{
	return block->cpu_ns;
}

static const struct hist *latency_of(const struct block *block)
{
	return block->latency;
}

static const struct hist *toll_of(const struct block *block)
{
	return block->toll;
}

/* An empty block is an empty text. */
static void put_hists(struct build *b, json_t *object, const char *key, const struct block *at, unsigned n,
		      const struct hist *(*of)(const struct block *))
{
	json_t *column = build_array(b, object, key);

	for (unsigned i = 0; i < n; i++) {
		const struct hist *h = of(&at[i]);
		char *text = h ? hist_encode_short(h) : NULL;

		if (h && !text)
			b->failed = true;
		build_append(b, column, json_string(text ? text : ""));
		free(text);
	}
}

_Static_assert(sizeof(struct block) % sizeof(uint64_t) == 0, "columns are walked in steps of whole blocks");

static const char *cause_of(unsigned k)
{
	return cause_name((enum cause)k);
}

static const char *phase_of(unsigned k)
{
	return phase_name((enum phase)k);
}

/* sums: of block 0; parts without any time in any block are left out. */
static void put_parts(struct build *b, json_t *parts, const uint64_t *sums, unsigned kinds, unsigned blocks,
		      const char *(*name)(unsigned))
{
	const size_t stride = sizeof(struct block) / sizeof(*sums);

	for (unsigned kind = 0; kind < kinds; kind++) {
		uint64_t sum_ns = 0;

		for (unsigned i = 0; i < blocks; i++)
			sum_ns += sums[i * stride + kind];
		if (!sum_ns)
			continue;
		json_t *column = build_array(b, parts, name(kind));
		for (unsigned i = 0; i < blocks; i++)
			build_append(b, column, build_u64(sums[i * stride + kind]));
	}
}

/* Of runs in which some requests had no causes told there are none: a block's sum would be of the others. */
static void causes_put(struct build *b, json_t *object, const struct block *at, unsigned n)
{
	uint64_t told, untold;

	attribution_told(b->in->attribution, &told, &untold);
	if (untold)
		build_absent(b, "", "blocks.cause_sum_ns",
			     "probes were on in windows only: not all requests of a block have their causes told");
	else
		put_parts(b, build_object(b, object, "cause_sum_ns"), at[0].cause_sum_ns, CAUSES, n, cause_of);
}

void build_blocks(struct build *b)
{
	const struct blocks *blocks = b->in->attribution ? attribution_blocks(b->in->attribution) : NULL;
	unsigned n = 0;
	const struct block *at = blocks ? blocks_at(blocks, &n) : NULL;

	if (!n) {
		build_absent(b, "", "blocks", "no request was measured");
		return;
	}
	json_t *object = build_object(b, b->doc, "blocks");
	build_put(b, object, "width_ns", build_u64(blocks_width_ns(blocks)));
	build_put(b, object, "count", build_u64(n));
	if (b->in->total.stats) {
		put_u64(b, object, "sent", at, n, sent_of);
		put_u64(b, object, "ok", at, n, ok_of);
		put_u64(b, object, "failed", at, n, failed_of);
		put_hists(b, object, "latency", at, n, latency_of);
	}
	if (!build_no_probes(b->in)) {
		put_u64(b, object, "joined", at, n, joined_of);
		put_hists(b, object, "toll", at, n, toll_of);
		put_parts(b, build_object(b, object, "phase_sum_ns"), at[0].phase_sum_ns, PHASES, n, phase_of);
		if (b->in->total.attribution->causes)
			causes_put(b, object, at, n);
	}
	if (blocks_has_cpu(blocks))
		put_u64(b, object, "gateway_cpu_ns", at, n, cpu_of);
}
