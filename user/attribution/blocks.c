// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "record/request_stats.h"

struct blocks {
	uint64_t start_ns, width_ns;
	unsigned used;
	struct record_gauges last; /* time_ns 0: none yet */
	bool has_cpu;
	struct block at[BLOCKS_MAX];
};

struct blocks *blocks_new(uint64_t start_ns)
{
	struct blocks *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->start_ns = start_ns;
	b->width_ns = BLOCK_WIDTH_FIRST_NS;
	return b;
}

void blocks_free(struct blocks *b)
{
	if (!b)
		return;
	for (unsigned i = 0; i < BLOCKS_MAX; i++) {
		hist_free(b->at[i].latency);
		hist_free(b->at[i].toll);
	}
	free(b);
}

void blocks_start(struct blocks *b, uint64_t start_ns)
{
	if (!b->used)
		b->start_ns = start_ns;
}

/* `from` is left empty, without histograms. */
static int hist_move(struct hist **into, struct hist **from)
{
	int rc = 0;

	if (!*into) {
		*into = *from;
	} else {
		rc = *from ? hist_merge(*into, *from) : 0;
		hist_free(*from);
	}
	*from = NULL;
	return rc;
}

static int block_move(struct block *into, struct block *from)
{
	int rc = hist_move(&into->latency, &from->latency);

	rc |= hist_move(&into->toll, &from->toll);
	into->sent += from->sent;
	into->ok += from->ok;
	into->failed += from->failed;
	into->joined += from->joined;
	into->cpu_ns += from->cpu_ns;
	for (unsigned i = 0; i < PHASES; i++)
		into->phase_sum_ns[i] += from->phase_sum_ns[i];
	for (unsigned i = 0; i < CAUSES; i++)
		into->cause_sum_ns[i] += from->cause_sum_ns[i];
	*from = (struct block){0};
	return rc;
}

static int neighbours_join(struct blocks *b)
{
	int rc = 0;

	for (unsigned i = 0; i < b->used; i++)
		if (i)
			rc |= block_move(&b->at[i / 2], &b->at[i]);
	b->used = (b->used + 1) / 2;
	b->width_ns *= 2;
	return rc ? -ENOMEM : 0;
}

/* The block of an instant; what lies before the start belongs to the first. */
static int block_find(struct blocks *b, uint64_t time_ns, struct block **out)
{
	int rc = 0;

	if (!b->start_ns)
		b->start_ns = time_ns;
	uint64_t since_ns = time_ns > b->start_ns ? time_ns - b->start_ns : 0;
	while (!rc && since_ns / b->width_ns >= BLOCKS_MAX)
		rc = neighbours_join(b);
	if (rc)
		return rc;
	unsigned i = (unsigned)(since_ns / b->width_ns);
	if (i >= b->used)
		b->used = i + 1;
	*out = &b->at[i];
	return 0;
}

static int record(struct hist **h, uint64_t value, bool at_least)
{
	if (!*h)
		*h = hist_new();
	if (!*h)
		return -ENOMEM;
	return at_least ? hist_record_at_least(*h, value) : hist_record(*h, value);
}

int blocks_request(struct blocks *b, const struct record_request *r)
{
	struct block *block;
	bool at_least;
	uint64_t latency_ns = request_stats_latency_ns(r, &at_least);
	int rc = block_find(b, r->due_ns, &block);

	if (rc)
		return rc;
	block->sent += request_stats_was_sent(r);
	block->ok += r->outcome == RECORD_OK;
	block->failed += record_outcome_is_failure((enum record_outcome)r->outcome);
	return record(&block->latency, latency_ns, at_least);
}

uint64_t blocks_time_ns(const struct whole_request *w)
{
	return w->driver.due_ns ? w->driver.due_ns : w->t2;
}

int blocks_causes(struct blocks *b, uint64_t at_ns, const struct cause_cut *causes)
{
	struct block *block;
	int rc = block_find(b, at_ns, &block);

	for (unsigned phase = 0; phase < PHASES && !rc; phase++)
		for (unsigned i = 0; phase_is_toll((enum phase)phase) && i < CAUSES; i++)
			block->cause_sum_ns[i] += causes->ns[phase][i];
	return rc;
}

int blocks_whole(struct blocks *b, const struct whole_request *w, const struct phase_cut *cut)
{
	struct block *block;
	int rc = block_find(b, blocks_time_ns(w), &block);

	if (rc)
		return rc;
	block->joined++;
	for (unsigned i = 0; i < PHASES; i++)
		block->phase_sum_ns[i] += cut->ns[i];
	return record(&block->toll, cut->toll_ns, false);
}

/* What the gateway had used at `at_ns`, between two samples. */
static uint64_t cpu_at(const struct record_gauges *from, const struct record_gauges *to, uint64_t at_ns)
{
	unsigned __int128 used = (unsigned __int128)(to->cpu_ns - from->cpu_ns) * (at_ns - from->time_ns);

	return (uint64_t)(used / (to->time_ns - from->time_ns));
}

static int cpu_spread(struct blocks *b, const struct record_gauges *from, const struct record_gauges *to)
{
	uint64_t at_ns = from->time_ns;
	struct block *block;
	/* the last block first: were it to join neighbours half-way through, the widths below would be stale */
	int rc = block_find(b, to->time_ns, &block);

	while (!rc && at_ns < to->time_ns) {
		uint64_t since_ns = at_ns > b->start_ns ? at_ns - b->start_ns : 0;
		uint64_t end_ns = b->start_ns + (since_ns / b->width_ns + 1) * b->width_ns;

		if (end_ns > to->time_ns)
			end_ns = to->time_ns;
		rc = block_find(b, at_ns, &block);
		if (!rc)
			block->cpu_ns += cpu_at(from, to, end_ns) - cpu_at(from, to, at_ns);
		at_ns = end_ns;
	}
	return rc;
}

int blocks_gauges(struct blocks *b, const struct record_gauges *g)
{
	struct record_gauges from = b->last;

	if (g->time_ns <= from.time_ns || g->cpu_ns < from.cpu_ns)
		return 0;
	b->last = *g;
	if (!from.time_ns)
		return 0;
	b->has_cpu = true;
	return cpu_spread(b, &from, g);
}

const struct block *blocks_at(const struct blocks *b, unsigned *count)
{
	*count = b->used;
	return b->at;
}

uint64_t blocks_width_ns(const struct blocks *b)
{
	return b->width_ns;
}

bool blocks_has_cpu(const struct blocks *b)
{
	return b->has_cpu;
}
