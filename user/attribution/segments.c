// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/segments.h"

#include <stdlib.h>

void segments_clear(struct phase_segments *s)
{
	s->count = s->custodies = 0;
	s->failed = false;
}

void segments_fini(struct phase_segments *s)
{
	free(s->at);
	*s = (struct phase_segments){0};
}

void segments_hold(struct phase_segments *s, const struct custody *c)
{
	if (s->custodies < CUSTODIES_MAX)
		s->custody[s->custodies++] = *c;
}

void segments_add(struct phase_segments *s, enum phase phase, uint64_t start_ns, uint64_t end_ns)
{
	if (s->count == s->size) {
		uint32_t size = s->size ? s->size * 2 : 16;
		struct phase_segment *grown = realloc(s->at, size * sizeof(*grown));
		if (!grown) {
			s->failed = true;
			return;
		}
		s->at = grown;
		s->size = size;
	}
	s->at[s->count++] = (struct phase_segment){start_ns, end_ns, phase, s->custodies - 1};
}
