// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/attribution.h"

#include <errno.h>
#include <stdlib.h>

#include "attribution/blocks.h"
#include "attribution/cause_jobs.h"
#include "attribution/cause_stats.h"
#include "attribution/cause_threads.h"
#include "attribution/overhead_told.h"
#include "attribution/set.h"
#include "attribution/stacks.h"

/*
 * A request belongs to several sets, of all, of its class, stage and tenant: a dozen histograms in each. Those alike in all three are counted
 * once here, and go to their sets when somebody asks for one. Causes do not: they come later.
 */
#define CELLS_MAX 64
struct cell {
	uint32_t class_index, stage_index, tenant;
	struct attribution_set set;
};
struct cells {
	struct cell at[CELLS_MAX];
	unsigned count;
	unsigned latest; /* the one that was found last */
	struct attribution_set total; /* here, so that asking for a set need not change the attribution */
};

struct attribution {
	struct attribution_config config;
	struct cells *cells;
	struct attribution_set *set; /* classes, then stages, then tenants */
	struct peers peers;
	struct exemplars exemplars;
	struct blocks *blocks;
	struct phase_segments segments; /* of the request that is being added */
	struct phase_cut cut; /* of the newest request */
	bool is_cut;
	struct cause_jobs jobs;
	struct trend trend[ATTRIBUTION_TRENDS];
	struct cause_threads threads;
	struct overhead_told overhead[OVERHEAD_HEADERS];
	uint64_t warmup, unmatched;
	uint64_t told[CAUSE_LEVELS]; /* requests whose causes are known at this level */
	uint64_t untold; /* ... that lay outside all windows */
	enum cause_level level; /* that the causes are told at, once it is finished */
};

struct attribution *attribution_new(const struct attribution_config *config)
{
	struct attribution *a = calloc(1, sizeof(*a));
	uint32_t sets = config->classes + config->stages + config->tenants;
	int rc;

	if (!a)
		return NULL;
	a->config = *config;
	exemplars_init(&a->exemplars);
	for (unsigned i = 0; i < ATTRIBUTION_TRENDS; i++)
		trend_init(&a->trend[i]);
	a->set = calloc(sets ? sets : 1, sizeof(*a->set));
	a->cells = calloc(1, sizeof(*a->cells));
	a->blocks = blocks_new(0);
	rc = cause_threads_init(&a->threads, config->threads);
	if (!rc)
		rc = a->set && a->blocks && a->cells ? set_init(&a->cells->total) : -ENOMEM;
	for (uint32_t i = 0; i < sets && !rc; i++)
		rc = set_init(&a->set[i]);
	if (rc) {
		attribution_free(a);
		return NULL;
	}
	return a;
}

void attribution_free(struct attribution *a)
{
	if (!a)
		return;
	if (a->cells)
		set_fini(&a->cells->total);
	for (unsigned i = 0; a->cells && i < a->cells->count; i++)
		set_fini(&a->cells->at[i].set);
	free(a->cells);
	for (uint32_t i = 0; a->set && i < a->config.classes + a->config.stages + a->config.tenants; i++)
		set_fini(&a->set[i]);
	free(a->set);
	peers_fini(&a->peers);
	exemplars_fini(&a->exemplars);
	blocks_free(a->blocks);
	segments_fini(&a->segments);
	cause_jobs_fini(&a->jobs);
	cause_threads_fini(&a->threads);
	overhead_told_fini(a->overhead);
	free(a);
}

#define SETS_MAX 4
/* Of the requests whose causes are told at all: so many must be told finely for that to stand for them. */
#define LEVEL_SHARE_MIN 0.2

/* The sets that a request belongs to; returns how many. tenant: index + 1, 0: none. */
static unsigned sets_of(const struct attribution *a, uint32_t class_index, uint32_t stage_index, uint32_t tenant,
			struct attribution_set *set[SETS_MAX])
{
	bool alone = stage_index < 64 && (a->config.stages_alone >> stage_index & 1);
	unsigned n = 0;

	set[n++] = &a->cells->total;
	if (class_index < a->config.classes)
		set[n++] = &a->set[class_index];
	if (stage_index < a->config.stages)
		set[n++] = &a->set[a->config.classes + stage_index];
	if (tenant && tenant <= a->config.tenants && !alone)
		set[n++] = &a->set[a->config.classes + a->config.stages + tenant - 1];
	return n;
}

static bool cell_is(const struct cell *c, const struct record_request *r)
{
	return c->class_index == r->class_index && c->stage_index == r->stage_index && c->tenant == r->tenant;
}

/* NULL: there are too many kinds of requests, or no memory. */
static struct cell *cell_of(struct cells *cells, const struct record_request *r)
{
	if (cells->count && cell_is(&cells->at[cells->latest], r))
		return &cells->at[cells->latest];
	for (unsigned i = 0; i < cells->count; i++) {
		if (cell_is(&cells->at[i], r)) {
			cells->latest = i;
			return &cells->at[i];
		}
	}
	if (cells->count == CELLS_MAX)
		return NULL;
	struct cell *c = &cells->at[cells->count];
	if (set_init(&c->set)) {
		set_fini(&c->set);
		return NULL;
	}
	c->class_index = r->class_index;
	c->stage_index = r->stage_index;
	c->tenant = r->tenant;
	cells->latest = cells->count++;
	return c;
}

/* What memory has no room for is missing in the sets, as in any histogram (hist_lost()). */
static void cells_flush(const struct attribution *a)
{
	for (unsigned i = 0; i < a->cells->count; i++) {
		struct cell *c = &a->cells->at[i];
		struct attribution_set *set[SETS_MAX];
		unsigned sets = c->set.requests ? sets_of(a, c->class_index, c->stage_index, c->tenant, set) : 0;

		for (unsigned k = 0; k < sets; k++)
			(void)set_merge(set[k], &c->set);
		if (sets)
			set_clear(&c->set);
	}
}

struct stack_teller {
	struct stacks *stacks;
	uint16_t class_index;
	int rc;
};

static void stack_tell(void *ctx, const struct cause_stack *stack)
{
	struct stack_teller *t = ctx;

	t->rc |= stacks_told(t->stacks, stack, t->class_index);
}

static unsigned untold_of(const struct attribution *a, const struct cause_question *q)
{
	unsigned untold = 0;

	for (uint32_t i = 0; i < q->segments; i++)
		untold |= threads_untold(a->config.threads, q->segment[i].start_ns, q->segment[i].end_ns);
	return untold;
}

static int explain(struct attribution *a, struct cause_job *job)
{
	struct stack_teller teller = {.stacks = a->config.stacks, .class_index = (uint16_t)job->class_index};
	struct cause_witness witness = cause_threads_witness(&a->threads);
	struct attribution_set *set[SETS_MAX];
	unsigned sets = sets_of(a, job->class_index, job->stage_index, job->tenant, set);
	bool windows = ring_at(&a->config.threads->groups, a->config.threads->groups.head) != NULL;
	struct cause_cut causes;
	enum cause_level finest;
	int rc = 0;

	job->question.untold = untold_of(a, &job->question);
	if (job->question.untold & WIRE_GROUP_THREADS) {
		a->untold++;
		return 0;
	}
	finest = cause_level_of(job->question.untold);
	for (unsigned level = finest; level < CAUSE_LEVELS; level++)
		a->told[level]++;
	if (teller.stacks) {
		witness.stack = stack_tell;
		witness.stack_ctx = &teller;
	}
	cause_split(a->config.threads, &job->question, &witness, &causes);
	rc |= teller.rc;
	if (a->config.causes)
		a->config.causes(a->config.ctx, job->id, &causes);
	for (unsigned i = 0; i < sets; i++)
		rc |= set_explain(set[i], &causes, finest, windows);
	rc |= blocks_causes(a->blocks, job->at_ns, &causes);
	if (job->exemplar)
		rc |= exemplars_explain(&a->exemplars, job->exemplar, &causes);
	return rc ? -ENOMEM : 0;
}

int attribution_tick(struct attribution *a, uint64_t now_ns)
{
	int rc = 0;

	for (struct cause_job *job; !rc && (job = cause_jobs_pop(&a->jobs, now_ns));) {
		rc = explain(a, job);
		free(job);
	}
	return rc;
}

/* The finest that is known of enough of the requests. */
static enum cause_level level_choose(const struct attribution *a)
{
	enum cause_level level = CAUSE_LEVEL_ALL;

	while (level < CAUSE_LEVEL_CPU && (double)a->told[level] < LEVEL_SHARE_MIN * (double)a->told[CAUSE_LEVEL_CPU])
		level++;
	return level;
}

int attribution_finish(struct attribution *a)
{
	int rc = attribution_tick(a, UINT64_MAX);

	a->level = level_choose(a);
	rc |= set_settle(&a->cells->total, a->level);
	for (uint32_t i = 0; i < a->config.classes + a->config.stages + a->config.tenants; i++)
		rc |= set_settle(&a->set[i], a->level);
	return rc ? -ENOMEM : 0;
}

static void trends_add(struct attribution *a, const struct whole_request *w, const struct phase_cut *cut)
{
	const struct record_request *r = &w->driver;

	for (uint32_t i = 0; i < w->chunks; i++)
		if (w->chunk[i].readable_ns && w->chunk[i].sent_ns >= w->chunk[i].readable_ns)
			trend_add(&a->trend[ATTRIBUTION_TREND_CHUNK], i, w->chunk[i].sent_ns - w->chunk[i].readable_ns);
	if (!(r->flags & RECORD_POSITIONS) || !w->upstreams)
		return;
	trend_add(&a->trend[ATTRIBUTION_TREND_REQUEST], r->out_end_pos - r->out_start_pos, cut->ns[PHASE_PROCESS_REQUEST]);
	if (!(r->flags & RECORD_STREAM))
		trend_add(&a->trend[ATTRIBUTION_TREND_ANSWER], r->in_end_pos - r->in_start_pos, cut->ns[PHASE_PROCESS_RESPONSE]);
}

static int sets_add(struct attribution *a, const struct whole_request *w, const struct phase_cut *cut)
{
	struct cell *cell = cell_of(a->cells, &w->driver);
	struct attribution_set *set[SETS_MAX];
	int rc = 0;

	if (cell)
		return set_add(&cell->set, w, cut);
	unsigned sets = sets_of(a, w->driver.class_index, w->driver.stage_index, w->driver.tenant, set);
	for (unsigned i = 0; i < sets; i++)
		rc |= set_add(set[i], w, cut);
	return rc;
}

int attribution_add(struct attribution *a, const struct whole_request *w)
{
	bool threads = a->config.threads && a->config.threads->stats.threads;
	const struct phase_cut *cut = &a->cut;
	int rc = 0;

	segments_clear(&a->segments);
	a->is_cut = w->unmatched == TIMELINE_MATCHED && !attribution_segments(w, &a->cut, threads ? &a->segments : NULL);
	if (w->driver.flags & RECORD_WARMUP) {
		a->warmup++;
		return 0;
	}
	if (!a->is_cut) {
		a->unmatched++;
		return 0;
	}
	rc |= sets_add(a, w, cut);
	rc |= peers_add(&a->peers, w);
	trends_add(a, w, cut);
	rc |= overhead_told_add(a->overhead, &w->driver, cut->toll_ns);
	rc |= exemplars_add(&a->exemplars, w, cut);
	rc |= blocks_whole(a->blocks, w, cut);
	if (threads)
		rc |= cause_jobs_push(&a->jobs, w, &a->segments, a->exemplars.kept == a->exemplars.seen ? a->exemplars.kept : 0);
	return rc ? -ENOMEM : 0;
}

const struct phase_cut *attribution_newest_cut(const struct attribution *a)
{
	return a->is_cut ? &a->cut : NULL;
}

const struct attribution_set *attribution_total(const struct attribution *a)
{
	cells_flush(a);
	return &a->cells->total;
}

const struct attribution_set *attribution_class(const struct attribution *a, uint32_t class_index)
{
	cells_flush(a);
	return class_index < a->config.classes ? &a->set[class_index] : NULL;
}

const struct attribution_set *attribution_stage(const struct attribution *a, uint32_t stage_index)
{
	cells_flush(a);
	return stage_index < a->config.stages ? &a->set[a->config.classes + stage_index] : NULL;
}

const struct attribution_set *attribution_tenant(const struct attribution *a, uint32_t tenant_index)
{
	cells_flush(a);
	return tenant_index < a->config.tenants ? &a->set[a->config.classes + a->config.stages + tenant_index] : NULL;
}

unsigned attribution_peers(const struct attribution *a, const struct attribution_peer **out)
{
	*out = a->peers.at;
	return a->peers.count;
}

bool attribution_exemplar(const struct attribution *a, unsigned which, struct attribution_exemplar *out)
{
	const struct attribution_exemplar *found =
		which >= 100 ? a->exemplars.worst[0]
			     : exemplars_near(&a->exemplars, hist_percentile(attribution_total(a)->toll, which));

	if (!found)
		return false;
	*out = *found;
	return true;
}

struct blocks *attribution_blocks(const struct attribution *a)
{
	return a->blocks;
}

uint64_t attribution_left_out(const struct attribution *a, uint64_t *warmup)
{
	*warmup = a->warmup;
	return a->unmatched;
}

const struct cause_threads *attribution_cause_threads(const struct attribution *a)
{
	return &a->threads;
}

unsigned attribution_told(const struct attribution *a, uint64_t *told, uint64_t *untold)
{
	*told = a->told[a->level];
	*untold = a->untold + a->told[CAUSE_LEVEL_CPU] - *told;
	return a->level;
}

uint64_t attribution_hurried(const struct attribution *a)
{
	return a->jobs.hurried;
}

bool attribution_sample(const struct attribution *a, unsigned i, struct attribution_exemplar *out)
{
	if (i >= EXEMPLARS_SAMPLE || !a->exemplars.sample[i])
		return false;
	*out = *a->exemplars.sample[i];
	return true;
}

const struct trend *attribution_trend(const struct attribution *a, enum attribution_trend which)
{
	return &a->trend[which];
}

const struct overhead_told *attribution_overhead(const struct attribution *a, uint32_t header)
{
	return &a->overhead[header];
}
