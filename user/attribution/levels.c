// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/levels.h"

#include <string.h>

#include "base/clock.h"

#define FIRST_STEP_NS (2 * NS_PER_MS)

void levels_start(struct levels_clock *c, uint64_t start_ns)
{
	*c = (struct levels_clock){.start_ns = start_ns, .step_ns = FIRST_STEP_NS};
}

uint64_t levels_moment(const struct levels_clock *c, uint64_t time_ns)
{
	return !c->start_ns || time_ns <= c->start_ns ? 0 : (time_ns - c->start_ns + c->step_ns - 1) / c->step_ns;
}

void levels_clock_halve(struct levels_clock *c)
{
	c->step_ns *= 2;
	c->used = c->used ? c->used / 2 + 1 : 0; /* moment i becomes (i + 1) / 2 */
}

/* The level at the new moment i is that at the old one 2i: both changes since 2i - 2 lie between. */
void level_halve(struct level *l)
{
	for (unsigned i = 1; i < LEVELS_MOMENTS / 2; i++)
		l->change[i] = l->change[2 * i - 1] + l->change[2 * i];
	l->change[LEVELS_MOMENTS / 2] = l->change[LEVELS_MOMENTS - 1];
	memset(l->change + LEVELS_MOMENTS / 2 + 1, 0, (LEVELS_MOMENTS / 2 - 1) * sizeof(l->change[0]));
}

void level_change(struct level *l, unsigned moment, int by)
{
	l->change[moment] += by;
}
