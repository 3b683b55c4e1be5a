/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of this room share: sets, peers and exemplars. Nobody else includes it. */
#ifndef TOLL_ATTRIBUTION_SET_H
#define TOLL_ATTRIBUTION_SET_H

#include "attribution/attribution.h"
#include "attribution/cause.h"
#include "base/rng.h"

int set_init(struct attribution_set *s); /* -ENOMEM: set_fini() still due */
void set_fini(struct attribution_set *s);
/* windows: groups of probes were switched, so that each level has its own requests. -ENOMEM */
int set_explain(struct attribution_set *s, const struct cause_cut *causes, enum cause_level finest, bool windows);
/* s->causes become those of this level. -ENOMEM */
int set_settle(struct attribution_set *s, enum cause_level level);
/* All of another set's, but its causes. -ENOMEM */
int set_merge(struct attribution_set *into, const struct attribution_set *from);
/* Empties it, but for its causes. */
void set_clear(struct attribution_set *s);
int set_add(struct attribution_set *s, const struct whole_request *w, const struct phase_cut *cut);

/* Upstream peers, in order of appearance; past the bound they are one, with port 0. */
#define PEERS_MAX 256
struct peers {
	struct attribution_peer *at;
	unsigned count;
};
void peers_fini(struct peers *p);
int peers_add(struct peers *p, const struct whole_request *w);

/* The worst, and a sample of all of which each has the same chance to be in it (Vitter's algorithm R, 1985). */
#define EXEMPLARS_WORST 8
#define EXEMPLARS_SAMPLE 512
struct exemplars {
	struct attribution_exemplar *worst[EXEMPLARS_WORST]; /* largest toll first */
	struct attribution_exemplar *sample[EXEMPLARS_SAMPLE];
	uint64_t seen;
	uint64_t kept; /* serial of the newest one that was kept: its number among those seen, from 1 */
	struct rng rng;
};
void exemplars_init(struct exemplars *e);
void exemplars_fini(struct exemplars *e);
int exemplars_add(struct exemplars *e, const struct whole_request *w, const struct phase_cut *cut);
/* The causes of the request of this serial, if it is still here. -ENOMEM */
int exemplars_explain(struct exemplars *e, uint64_t serial, const struct cause_cut *causes);
/* The one of the sample whose toll is nearest, or NULL. */
const struct attribution_exemplar *exemplars_near(const struct exemplars *e, uint64_t toll_ns);

#endif
