// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/scaling.h"

#define UP 0.7
#define DOWN 0.3
#define CALM_LOOKS 3

int scaling_step(struct scaling *s, double busy, unsigned workers)
{
	if (workers > 1 && busy < DOWN * (workers - 1)) {
		if (++s->calm < CALM_LOOKS)
			return 0;
		s->calm = 0;
		return -1;
	}
	s->calm = 0;
	return busy > UP * workers ? 1 : 0;
}
