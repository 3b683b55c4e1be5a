// SPDX-License-Identifier: GPL-2.0-only
#include "leak/sure.h"

#include <math.h>

#define FILLS_SHARE 0.4
#define LATER 1.25
#define ERROR 0.005 /* of all looks together: what a judgement at the end has */

void sure_init(struct sure *s, double planned_s, double fills_s)
{
	*s = (struct sure){.planned_s = planned_s, .next_s = fills_s > 0 ? fills_s : FILLS_SHARE * planned_s};
	for (double at_s = s->next_s; at_s < planned_s && at_s > 0; at_s *= LATER)
		s->looks++;
}

bool sure_is_due(const struct sure *s, double now_s)
{
	return s->looks && now_s >= s->next_s && now_s < s->planned_s;
}

double sure_confidence(const struct sure *s)
{
	return 1.0 - ERROR / fmax(s->looks, 1);
}

static bool agrees(const struct sure *s, const struct leak_result *found, const struct fit_line *line)
{
	if (!s->agree || found->verdict != s->verdict)
		return false;
	return found->verdict == LEAK_NONE || (found->worst == s->gauge && line->low <= s->high && line->high >= s->low);
}

bool sure_look(struct sure *s, double now_s, const struct leak_result *found)
{
	const struct leak_judgement *j = &found->gauge[found->worst];
	const struct fit_line *line = j->per_request.points ? &j->per_request : &j->per_second;

	while (s->next_s <= now_s)
		s->next_s *= LATER;
	if (agrees(s, found, line)) {
		s->agree++;
		s->low = fmax(s->low, line->low);
		s->high = fmin(s->high, line->high);
	} else {
		s->agree = found->verdict != LEAK_INCONCLUSIVE;
		s->verdict = found->verdict;
		s->gauge = found->worst;
		s->low = line->low;
		s->high = line->high;
	}
	return s->agree >= SURE_IN_A_ROW;
}
