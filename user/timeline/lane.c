// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LANE_UNUSED_KEPT 8 /* flips of a request in flight (100 Continue, TLS) that must outlive the grace */

/* Room for one more at the end of an array whose [head, end) is in use: slides it down first, grows it second. */
static int array_room(void **data, uint32_t *head, uint32_t *end, uint32_t *size, size_t item_bytes)
{
	uint32_t used = *end - *head;

	if (*end < *size)
		return 0;
	if (*head > 0 && *head >= used) {
		memmove(*data, (char *)*data + *head * item_bytes, used * item_bytes);
		*head = 0;
		*end = used;
		return 0;
	}
	uint32_t wanted = *size ? *size * 2 : 8;
	void *grown = realloc(*data, wanted * item_bytes);
	if (!grown)
		return -ENOMEM;
	*data = grown;
	*size = wanted;
	return 0;
}

void lane_fini(struct lane *l)
{
	free(l->mark);
	free(l->segment);
	*l = (struct lane){0};
}

/* Index of the first mark whose pos > byte, or mark_end. */
static uint32_t mark_after(const struct lane *l, uint64_t byte)
{
	uint32_t lo = l->mark_head, hi = l->mark_end;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (l->mark[mid].pos > byte)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

int lane_add_mark(struct lane *l, const struct lane_mark *m)
{
	if (m->pos == 0)
		return 0;
	int rc = array_room((void **)&l->mark, &l->mark_head, &l->mark_end, &l->mark_size, sizeof(*l->mark));
	if (rc)
		return rc;
	uint32_t at = l->mark_end;
	if (at > l->mark_head && l->mark[at - 1].pos >= m->pos) {
		at = mark_after(l, m->pos - 1);
		if (l->mark[at].pos == m->pos) {
			if (!l->mark[at].tid)
				l->mark[at].tid = m->tid;
			return 0;
		}
		memmove(&l->mark[at + 1], &l->mark[at], (l->mark_end - at) * sizeof(*l->mark));
	}
	l->mark[at] = *m;
	l->mark_end++;
	return 0;
}

/* Index of the first segment whose start_pos > byte, or segment_end. */
static uint32_t segment_after(const struct lane *l, uint64_t byte)
{
	uint32_t lo = l->segment_head, hi = l->segment_end;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (l->segment[mid].start_pos > byte)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static int segment_add(struct lane *l, const struct lane_segment *s)
{
	int rc = array_room((void **)&l->segment, &l->segment_head, &l->segment_end, &l->segment_size, sizeof(*l->segment));
	if (rc)
		return rc;
	uint32_t at = l->segment_end;
	if (at > l->segment_head && l->segment[at - 1].start_pos >= s->start_pos)
		at = segment_after(l, s->start_pos);
	if (at > l->segment_head && l->segment[at - 1].turn == s->turn) {
		/* a later snapshot of the same turn; an older one that comes late changes nothing */
		if (s->end_pos >= l->segment[at - 1].end_pos)
			l->segment[at - 1] = *s;
		return 0;
	}
	memmove(&l->segment[at + 1], &l->segment[at], (l->segment_end - at) * sizeof(*l->segment));
	l->segment[at] = *s;
	l->segment_end++;
	return 0;
}

/* Without what was dropped of the same turn. false: nothing is new. */
static bool segment_clip(const struct lane *l, struct lane_segment *s)
{
	const struct lane_segment *d = &l->dropped;

	if (d->turn != s->turn || d->end_pos <= s->start_pos)
		return true;
	if (s->end_pos <= d->end_pos)
		return false;
	s->start_pos = d->end_pos;
	s->count -= d->count;
	return true;
}

int lane_add_span(struct lane *l, const struct wire_lane_span *s, uint32_t turn, uint16_t flags, uint32_t first_tid)
{
	const struct lane_mark first = {.time_ns = s->first_ns, .pos = s->start_pos + s->first_bytes, .tid = first_tid};
	const struct lane_mark last = {.time_ns = s->last_ns, .pos = s->end_pos};
	struct lane_segment segment = {.start_pos = s->start_pos,
				       .end_pos = s->end_pos,
				       .last_ns = s->last_ns,
				       .turn = turn,
				       .count = s->count,
				       .flags = flags};
	int rc = 0;

	if (s->count == 0 || s->end_pos <= s->start_pos || !segment_clip(l, &segment))
		return 0;
	if (segment.start_pos == s->start_pos)
		rc = lane_add_mark(l, &first);
	if (!rc && s->count > 1)
		rc = lane_add_mark(l, &last);
	if (!rc)
		rc = segment_add(l, &segment);
	return rc;
}

const struct lane_segment *lane_segment_of(const struct lane *l, uint64_t byte)
{
	uint32_t at = segment_after(l, byte);

	if (at == l->segment_head || l->segment[at - 1].end_pos <= byte)
		return NULL;
	return &l->segment[at - 1];
}

const struct lane_segment *lane_segment_at(const struct lane *l, uint64_t from_ns, uint64_t to_ns)
{
	for (uint32_t i = l->segment_end; i > l->segment_head; i--) {
		const struct lane_segment *s = &l->segment[i - 1];
		uint64_t first_ns = l->mark[mark_after(l, s->start_pos)].time_ns;
		if (first_ns < from_ns)
			return NULL;
		if (first_ns <= to_ns)
			return s;
	}
	return NULL;
}

/* Are all the marks here that the kernel took in this segment? */
static bool segment_whole(const struct lane *l, const struct lane_segment *s)
{
	return mark_after(l, s->end_pos - 1) + 1 - mark_after(l, s->start_pos) == s->count;
}

enum lane_find lane_find(const struct lane *l, uint64_t byte, struct lane_mark *out)
{
	const struct lane_segment *s = lane_segment_of(l, byte);

	if (!s)
		return LANE_MISSING;
	uint32_t at = mark_after(l, byte);
	*out = l->mark[at];
	/* the first and the last mark of a turn always come with it */
	bool first = at == l->mark_head || l->mark[at - 1].pos <= s->start_pos;
	if (first || byte + 1 == s->end_pos || segment_whole(l, s))
		return LANE_EXACT;
	return LANE_INEXACT;
}

void lane_use(struct lane *l, uint64_t pos)
{
	if (pos > l->used_pos)
		l->used_pos = pos;
}

unsigned lane_trim(struct lane *l, uint64_t keep_pos, uint64_t used_ns, uint64_t unused_ns)
{
	uint64_t used_pos = l->used_pos < keep_pos ? l->used_pos : keep_pos;
	unsigned evicted = 0;
	uint64_t below = 0;

	while (l->segment_head < l->segment_end) {
		const struct lane_segment *s = &l->segment[l->segment_head];
		bool used = s->end_pos <= used_pos && s->last_ns < used_ns;
		bool stale = s->last_ns < unused_ns && l->segment_end - l->segment_head > LANE_UNUSED_KEPT;
		if (!used && !stale)
			break;
		evicted += s->end_pos > l->used_pos;
		uint32_t before = l->dropped.turn == s->turn ? l->dropped.count : 0;
		below = s->end_pos;
		l->dropped = *s;
		l->dropped.count += before;
		l->segment_head++;
	}
	while (l->mark_head < l->mark_end && l->mark[l->mark_head].pos <= below)
		l->mark_head++;
	return evicted;
}

/* Is the window told by marks without a hole? */
static bool window_whole(const struct lane *l, uint64_t start_pos, uint64_t end_pos)
{
	while (start_pos < end_pos) {
		const struct lane_segment *s = lane_segment_of(l, start_pos);
		if (!s || !segment_whole(l, s))
			return false;
		start_pos = s->end_pos;
	}
	return true;
}

static int gaps_add(struct lane_gaps *g, uint64_t start_ns, uint64_t end_ns)
{
	if (g->count == g->size) {
		uint32_t size = g->size ? g->size * 2 : 16;
		struct timeline_gap *grown = realloc(g->gap, size * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		g->gap = grown;
		g->size = size;
	}
	g->gap[g->count++] = (struct timeline_gap){start_ns, end_ns};
	return 0;
}

int lane_find_gaps(const struct lane *in, const struct lane *read, uint64_t start_pos, uint64_t end_pos, struct lane_gaps *out)
{
	int rc = 0;

	out->count = 0;
	out->inexact = false;
	if (end_pos <= start_pos)
		return 0;
	uint32_t i = mark_after(in, start_pos), r = mark_after(read, start_pos);
	if (i == in->mark_end || in->mark[i].pos >= end_pos)
		return 0; /* it came in one piece */
	if (!window_whole(in, start_pos, end_pos)) {
		out->inexact = true;
		return 0;
	}
	for (uint64_t arrived = in->mark[i++].pos; !rc && i < in->mark_end && arrived < end_pos; arrived = in->mark[i++].pos) {
		while (r < read->mark_end && read->mark[r].pos < arrived)
			r++;
		if (r == read->mark_end)
			break;
		if (read->mark[r].time_ns < in->mark[i].time_ns)
			rc = gaps_add(out, read->mark[r].time_ns, in->mark[i].time_ns);
	}
	return rc;
}

uint32_t lane_fit_gaps(const struct timeline_gap *gap, uint32_t count, uint64_t from_ns, uint64_t to_ns, struct timeline_gap *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t start = gap[i].start_ns > from_ns ? gap[i].start_ns : from_ns;
		uint64_t end = gap[i].end_ns < to_ns ? gap[i].end_ns : to_ns;
		if (start >= end)
			continue;
		if (n == TIMELINE_GAPS_MAX)
			out[n - 1].end_ns += end - start;
		else
			out[n++] = (struct timeline_gap){start, end};
	}
	return n;
}
