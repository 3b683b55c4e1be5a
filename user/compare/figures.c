// SPDX-License-Identifier: GPL-2.0-only
/* Which figures two samples have in common, and their values in one draw. */
#include "compare/figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attribution/attribution.h"

static struct figure_source *source_add(struct figure_set *set, struct comparison *c, enum figure_from from)
{
	struct figure_source *s = &set->source[c->figures];

	*s = (struct figure_source){.from = from};
	c->figure[c->figures] = (struct figure){.has_interval = true};
	c->figures++;
	return s;
}

static struct figure *last(struct comparison *c)
{
	return &c->figure[c->figures - 1];
}

static void dist_add(struct figure_set *set, struct comparison *c, const char *name, bool is_toll)
{
	static const char *const stat[] = {"p50", "p95", "p99"};

	source_add(set, c, is_toll ? FROM_TOLL_MEAN : FROM_LATENCY_MEAN);
	snprintf(last(c)->name, sizeof(last(c)->name), "%s.mean", name);
	last(c)->is_toll = is_toll;
	for (unsigned q = 0; q < SAMPLE_QUANTILES; q++) {
		source_add(set, c, is_toll ? FROM_TOLL_QUANTILE : FROM_LATENCY_QUANTILE)->index[0] = q;
		snprintf(last(c)->name, sizeof(last(c)->name), "%s.%s", name, stat[q]);
		last(c)->is_toll = is_toll;
	}
}

static bool part_is_toll(const struct sample_part *p)
{
	for (unsigned i = 0; i < PHASES; i++)
		if (!strcmp(phase_name((enum phase)i), p->name))
			return phase_is_toll((enum phase)i);
	return p->is_cause;
}

static unsigned part_find(const struct sample *s, const char *name)
{
	for (unsigned i = 0; i < s->parts; i++)
		if (!strcmp(s->part[i].name, name))
			return i;
	return SAMPLE_PARTS_MAX;
}

static void part_add(struct figure_set *set, struct comparison *c, const struct sample_part *p, unsigned base, unsigned new_)
{
	if (c->figures == COMPARE_FIGURES_MAX)
		return;
	struct figure_source *s = source_add(set, c, FROM_PART);
	s->index[0] = base;
	s->index[1] = new_;
	snprintf(last(c)->name, sizeof(last(c)->name), "%.70s.mean", p->name);
	last(c)->is_part = last(c)->is_absolute = true;
	last(c)->is_cause = p->is_cause;
	last(c)->is_toll = part_is_toll(p);
}

static bool has_causes(const struct sample *s)
{
	for (unsigned i = 0; i < s->parts; i++)
		if (s->part[i].is_cause)
			return true;
	return false;
}

/*
 * A part that only one of them has is 0 in the other: a new phase is a change too. Causes that one of them tells not at all (its probes were
 * off, or on in windows only) are not 0 but not known.
 */
static void parts_add(struct figure_set *set, struct comparison *c, const struct sample *base, const struct sample *new_)
{
	bool causes = has_causes(base) && has_causes(new_);

	for (unsigned i = 0; i < base->parts; i++)
		if (causes || !base->part[i].is_cause)
			part_add(set, c, &base->part[i], i, part_find(new_, base->part[i].name));
	for (unsigned i = 0; i < new_->parts; i++)
		if ((causes || !new_->part[i].is_cause) && part_find(base, new_->part[i].name) == SAMPLE_PARTS_MAX)
			part_add(set, c, &new_->part[i], SAMPLE_PARTS_MAX, i);
}

void figures_common(const struct sample *base, const struct sample *new_, struct figure_set *set, struct comparison *c)
{
	if (base->toll.value && new_->toll.value)
		dist_add(set, c, "toll", true);
	if (base->latency.value && new_->latency.value)
		dist_add(set, c, "latency", false);
	if (base->has_ends && new_->has_ends) {
		source_add(set, c, FROM_THROUGHPUT);
		snprintf(last(c)->name, sizeof(last(c)->name), "throughput");
		last(c)->unit = FIGURE_PER_S;
		last(c)->more_is_better = true;
		source_add(set, c, FROM_ERRORS);
		snprintf(last(c)->name, sizeof(last(c)->name), "error_rate");
		last(c)->unit = FIGURE_SHARE;
		last(c)->is_absolute = true;
	}
	if (base->has_cpu && new_->has_cpu) {
		source_add(set, c, FROM_CPU);
		snprintf(last(c)->name, sizeof(last(c)->name), "gateway.cpu_per_request");
	}
	if (base->has_joined && new_->has_joined)
		parts_add(set, c, base, new_);
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

double figure_value(const struct figure_source *s, unsigned side, const struct sample_total *t)
{
	double requests = t->ok + t->failed;

	switch (s->from) {
	case FROM_TOLL_MEAN:
		return ratio(t->toll.sum, t->toll.count);
	case FROM_TOLL_QUANTILE:
		return t->toll.count > 0 ? t->toll.quantile[s->index[0]] : NAN;
	case FROM_LATENCY_MEAN:
		return ratio(t->latency.sum, t->latency.count);
	case FROM_LATENCY_QUANTILE:
		return t->latency.count > 0 ? t->latency.quantile[s->index[0]] : NAN;
	case FROM_THROUGHPUT:
		return ratio(t->timed_ok, t->timed_s);
	case FROM_ERRORS:
		return ratio(t->failed, requests);
	case FROM_CPU:
		return ratio(t->cpu_ns, requests > 0 ? requests : t->joined);
	case FROM_PART:
		return s->index[side] == SAMPLE_PARTS_MAX ? 0 : ratio(t->part_ns[s->index[side]], t->joined);
	}
	return NAN;
}
