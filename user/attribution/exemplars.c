// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>

#include "attribution/cause.h"
#include "attribution/set.h"

/* The sample must not change from run to run over one capture. */
#define EXEMPLARS_SEED 1

void exemplars_init(struct exemplars *e)
{
	*e = (struct exemplars){0};
	rng_init(&e->rng, EXEMPLARS_SEED, 0);
}

static void slot_free(struct attribution_exemplar *slot)
{
	if (slot)
		free(slot->causes);
	free(slot);
}

void exemplars_fini(struct exemplars *e)
{
	for (unsigned i = 0; i < EXEMPLARS_WORST; i++)
		slot_free(e->worst[i]);
	for (unsigned i = 0; i < EXEMPLARS_SAMPLE; i++)
		slot_free(e->sample[i]);
	*e = (struct exemplars){0};
}

static int slot_fill(struct exemplars *e, struct attribution_exemplar **slot, const struct whole_request *w,
		     const struct phase_cut *cut)
{
	if (!*slot)
		*slot = calloc(1, sizeof(**slot));
	if (!*slot)
		return -ENOMEM;
	free((*slot)->causes);
	(*slot)->causes = NULL;
	(*slot)->serial = e->kept = e->seen;
	(*slot)->request = *w;
	(*slot)->request.chunk = NULL;
	(*slot)->cut = *cut;
	return 0;
}

static int worst_add(struct exemplars *e, const struct whole_request *w, const struct phase_cut *cut)
{
	unsigned at = EXEMPLARS_WORST;
	struct attribution_exemplar *last = e->worst[EXEMPLARS_WORST - 1];

	while (at > 0 && (!e->worst[at - 1] || e->worst[at - 1]->cut.toll_ns < cut->toll_ns))
		at--;
	if (at == EXEMPLARS_WORST)
		return 0;
	int rc = slot_fill(e, &last, w, cut);
	if (rc)
		return rc;
	for (unsigned i = EXEMPLARS_WORST - 1; i > at; i--)
		e->worst[i] = e->worst[i - 1];
	e->worst[at] = last;
	return 0;
}

int exemplars_add(struct exemplars *e, const struct whole_request *w, const struct phase_cut *cut)
{
	uint64_t slot = e->seen < EXEMPLARS_SAMPLE ? e->seen : rng_below(&e->rng, e->seen + 1);
	int rc;

	e->seen++;
	rc = slot < EXEMPLARS_SAMPLE ? slot_fill(e, &e->sample[slot], w, cut) : 0;
	return rc ? rc : worst_add(e, w, cut);
}

const struct attribution_exemplar *exemplars_near(const struct exemplars *e, uint64_t toll_ns)
{
	const struct attribution_exemplar *best = NULL;
	uint64_t best_distance = UINT64_MAX;

	for (unsigned i = 0; i < EXEMPLARS_SAMPLE && e->sample[i]; i++) {
		uint64_t toll = e->sample[i]->cut.toll_ns, d = toll > toll_ns ? toll - toll_ns : toll_ns - toll;
		if (d < best_distance) {
			best_distance = d;
			best = e->sample[i];
		}
	}
	return best;
}

static int slot_explain(struct attribution_exemplar *slot, uint64_t serial, const struct cause_cut *causes)
{
	if (!slot || slot->serial != serial)
		return 0;
	free(slot->causes);
	slot->causes = malloc(sizeof(*slot->causes));
	if (!slot->causes)
		return -ENOMEM;
	*slot->causes = *causes;
	return 0;
}

int exemplars_explain(struct exemplars *e, uint64_t serial, const struct cause_cut *causes)
{
	int rc = 0;

	for (unsigned i = 0; i < EXEMPLARS_WORST; i++)
		rc |= slot_explain(e->worst[i], serial, causes);
	for (unsigned i = 0; i < EXEMPLARS_SAMPLE; i++)
		rc |= slot_explain(e->sample[i], serial, causes);
	return rc ? -ENOMEM : 0;
}
