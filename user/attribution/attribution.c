// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/attribution.h"

#include <errno.h>
#include <stdlib.h>

#include "attribution/blocks.h"
#include "attribution/set.h"

struct attribution {
	struct attribution_config config;
	struct attribution_set total;
	struct attribution_set *set; /* classes, then stages */
	struct peers peers;
	struct exemplars exemplars;
	struct blocks *blocks;
	uint64_t warmup, unmatched;
};

struct attribution *attribution_new(const struct attribution_config *config)
{
	struct attribution *a = calloc(1, sizeof(*a));
	uint32_t sets = config->classes + config->stages;
	int rc;

	if (!a)
		return NULL;
	a->config = *config;
	exemplars_init(&a->exemplars);
	a->set = calloc(sets ? sets : 1, sizeof(*a->set));
	a->blocks = blocks_new(0);
	rc = a->set && a->blocks ? set_init(&a->total) : -ENOMEM;
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
	set_fini(&a->total);
	for (uint32_t i = 0; a->set && i < a->config.classes + a->config.stages; i++)
		set_fini(&a->set[i]);
	free(a->set);
	peers_fini(&a->peers);
	exemplars_fini(&a->exemplars);
	blocks_free(a->blocks);
	free(a);
}

int attribution_add(struct attribution *a, const struct whole_request *w)
{
	struct phase_cut cut;
	int rc = 0;

	if (w->driver.flags & RECORD_WARMUP) {
		a->warmup++;
		return 0;
	}
	if (w->unmatched != TIMELINE_MATCHED || attribution_cut(w, &cut)) {
		a->unmatched++;
		return 0;
	}
	rc |= set_add(&a->total, w, &cut);
	if (w->driver.class_index < a->config.classes)
		rc |= set_add(&a->set[w->driver.class_index], w, &cut);
	if (w->driver.stage_index < a->config.stages)
		rc |= set_add(&a->set[a->config.classes + w->driver.stage_index], w, &cut);
	rc |= peers_add(&a->peers, w);
	rc |= exemplars_add(&a->exemplars, w, &cut);
	rc |= blocks_whole(a->blocks, w, &cut);
	return rc ? -ENOMEM : 0;
}

const struct attribution_set *attribution_total(const struct attribution *a)
{
	return &a->total;
}

const struct attribution_set *attribution_class(const struct attribution *a, uint32_t class_index)
{
	return class_index < a->config.classes ? &a->set[class_index] : NULL;
}

const struct attribution_set *attribution_stage(const struct attribution *a, uint32_t stage_index)
{
	return stage_index < a->config.stages ? &a->set[a->config.classes + stage_index] : NULL;
}

unsigned attribution_peers(const struct attribution *a, const struct attribution_peer **out)
{
	*out = a->peers.at;
	return a->peers.count;
}

bool attribution_exemplar(const struct attribution *a, unsigned which, struct attribution_exemplar *out)
{
	const struct attribution_exemplar *found =
		which >= 100 ? a->exemplars.worst[0] : exemplars_near(&a->exemplars, hist_percentile(a->total.toll, which));

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
