// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/cause_stats.h"

#include <errno.h>
#include <stdlib.h>

struct cause_stats *cause_stats_new(void)
{
	return calloc(1, sizeof(struct cause_stats));
}

void cause_stats_free(struct cause_stats *s)
{
	if (!s)
		return;
	for (unsigned k = 0; k < CAUSES; k++) {
		hist_free(s->cause[k]);
		for (unsigned i = 0; i < PHASES; i++)
			hist_free(s->phase[i].cause[k]);
	}
	for (unsigned i = 0; i < CAUSE_MIXES; i++)
		free(s->mix[i]);
	free(s);
}

static int record(struct hist **h, uint64_t ns)
{
	if (!*h)
		*h = hist_new();
	return *h ? hist_record(*h, ns) : -ENOMEM;
}

static unsigned mix_of(uint64_t toll_ns)
{
	if (toll_ns < 8)
		return (unsigned)toll_ns;
	unsigned top = 63u - (unsigned)__builtin_clzll(toll_ns), index = (top - 2) * 8 + (unsigned)(toll_ns >> (top - 3) & 7);

	return index < CAUSE_MIXES ? index : CAUSE_MIXES - 1;
}

static int mix_add(struct cause_stats *s, const struct cause_cut *c, uint64_t toll_ns)
{
	struct cause_mix **at = &s->mix[mix_of(toll_ns)];

	if (!*at)
		*at = calloc(1, sizeof(**at));
	struct cause_mix *m = *at;
	if (!m)
		return -ENOMEM;
	m->requests++;
	m->toll_ns += toll_ns;
	m->timer_ns += c->timer_ns;
	for (unsigned i = 0; i < WIRE_HOLDERS; i++)
		m->held_ns[i] += c->held_ns[i];
	for (unsigned i = 0; i < PHASES; i++)
		for (unsigned k = 0; k < CAUSES && phase_is_toll((enum phase)i); k++)
			m->ns[i][k] += c->ns[i][k];
	return 0;
}

static int phase_add(struct cause_phase *p, const uint64_t ns[CAUSES], bool toll, uint64_t toll_ns[CAUSES])
{
	uint64_t sum = 0;
	int rc = 0;

	for (unsigned k = 0; k < CAUSES; k++) {
		if (!ns[k])
			continue;
		sum += ns[k];
		p->sum_ns[k] += ns[k];
		rc |= record(&p->cause[k], ns[k]);
		toll_ns[k] += toll ? ns[k] : 0;
	}
	p->requests += sum > 0;
	return rc;
}

int cause_stats_add(struct cause_stats *s, const struct cause_cut *c)
{
	uint64_t toll_ns[CAUSES] = {0}, sum = 0;
	int rc = 0;

	s->requests++;
	s->calls_known += c->calls_known;
	for (unsigned i = 0; i < PHASES; i++)
		if (phase_is_gateway((enum phase)i))
			rc |= phase_add(&s->phase[i], c->ns[i], phase_is_toll((enum phase)i), toll_ns);
	for (unsigned k = 0; k < CAUSES; k++) {
		if (!toll_ns[k])
			continue;
		sum += toll_ns[k];
		s->sum_ns[k] += toll_ns[k];
		s->occurred[k]++;
		rc |= record(&s->cause[k], toll_ns[k]);
	}
	rc |= mix_add(s, c, sum);
	return rc ? -ENOMEM : 0;
}

static int fill(struct hist *h, uint64_t requests)
{
	return h && hist_count(h) < requests ? hist_record_n(h, 0, requests - hist_count(h)) : 0;
}

int cause_stats_settle(struct cause_stats *s)
{
	int rc = 0;

	for (unsigned k = 0; k < CAUSES; k++) {
		if (!s->cause[k])
			s->cause[k] = hist_new(); /* it took no time: that was measured */
		rc |= s->cause[k] ? fill(s->cause[k], s->requests) : -ENOMEM;
		for (unsigned i = 0; i < PHASES; i++)
			rc |= fill(s->phase[i].cause[k], s->phase[i].requests);
	}
	return rc ? -ENOMEM : 0;
}

void cause_stats_mix(const struct cause_stats *s, uint64_t from_ns, uint64_t to_ns, struct cause_mix *out)
{
	*out = (struct cause_mix){0};
	for (unsigned b = mix_of(from_ns); b <= mix_of(to_ns); b++) {
		const struct cause_mix *m = s->mix[b];
		if (!m)
			continue;
		out->requests += m->requests;
		out->toll_ns += m->toll_ns;
		out->timer_ns += m->timer_ns;
		for (unsigned i = 0; i < WIRE_HOLDERS; i++)
			out->held_ns[i] += m->held_ns[i];
		for (unsigned i = 0; i < PHASES; i++)
			for (unsigned k = 0; k < CAUSES; k++)
				out->ns[i][k] += m->ns[i][k];
	}
}

uint64_t cause_mix_ns(const struct cause_mix *m, enum cause cause)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PHASES; i++)
		sum += m->ns[i][cause];
	return sum;
}
