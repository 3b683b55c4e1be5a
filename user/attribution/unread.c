// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/unread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(WIRE_LANE_IN == 0 && WIRE_LANE_READ == 1, "the lanes of unread.mark");

void unread_fini(struct unread *u)
{
	free(u->mark[WIRE_LANE_IN]);
	free(u->mark[WIRE_LANE_READ]);
	*u = (struct unread){.used = {0}};
}

/* By position; one that is known adds nothing. */
static int mark_add(struct unread *u, unsigned lane, uint64_t time_ns, uint64_t pos)
{
	struct unread_mark *m = u->mark[lane];
	uint32_t at = u->used[lane];

	while (at > 0 && m[at - 1].pos > pos)
		at--;
	if (at > 0 && m[at - 1].pos == pos)
		return 0;
	if (u->used[lane] == u->room[lane]) {
		uint32_t room = u->room[lane] ? 2 * u->room[lane] : 8;
		struct unread_mark *grown = realloc(m, room * sizeof(*m));
		if (!grown)
			return -ENOMEM;
		u->mark[lane] = m = grown;
		u->room[lane] = room;
	}
	memmove(&m[at + 1], &m[at], (u->used[lane] - at) * sizeof(*m));
	m[at] = (struct unread_mark){time_ns, pos};
	u->used[lane]++;
	return 0;
}

int unread_marks(struct unread *u, const struct wire_marks *r)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->count && !rc; i++)
		if (r->mark[i].lane <= WIRE_LANE_READ)
			rc = mark_add(u, r->mark[i].lane, r->mark[i].time_ns, r->mark[i].pos);
	return rc;
}

static int span_add(struct unread *u, unsigned lane, const struct wire_lane_span *s)
{
	int rc = mark_add(u, lane, s->first_ns, s->start_pos + s->first_bytes);

	return rc || s->count < 2 ? rc : mark_add(u, lane, s->last_ns, s->end_pos);
}

/* The oldest byte of each read has lain longest. */
static uint64_t longest(const struct unread *u, uint64_t start_pos)
{
	const struct unread_mark *in = u->mark[WIRE_LANE_IN], *read = u->mark[WIRE_LANE_READ];
	uint64_t oldest = start_pos, found_ns = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < u->used[WIRE_LANE_READ]; oldest = read[i++].pos) {
		while (at < u->used[WIRE_LANE_IN] && in[at].pos <= oldest)
			at++;
		if (at == u->used[WIRE_LANE_IN])
			break;
		if (read[i].time_ns > in[at].time_ns + found_ns)
			found_ns = read[i].time_ns - in[at].time_ns;
	}
	return found_ns;
}

bool unread_turn(struct unread *u, const struct wire_turn *r, uint64_t *longest_ns, int *rc)
{
	const struct wire_lane_span *in = &r->lane[WIRE_LANE_IN], *read = &r->lane[WIRE_LANE_READ];
	bool told = in->count && read->count && !r->marks_dropped && !(r->flags & (WIRE_TURN_MARKS_DROPPED | WIRE_TURN_MID));

	if (told) {
		*rc = span_add(u, WIRE_LANE_IN, in);
		if (!*rc)
			*rc = span_add(u, WIRE_LANE_READ, read);
		*longest_ns = longest(u, read->start_pos);
	}
	u->used[WIRE_LANE_IN] = u->used[WIRE_LANE_READ] = 0;
	return told && !*rc;
}
