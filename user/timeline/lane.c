// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_FIRST 8
#define ARRAY_SHRINK 8 /* an array this many times larger than its content gives half back */
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
	uint32_t wanted = *size ? *size * 2 : ARRAY_FIRST;
	void *grown = realloc(*data, wanted * item_bytes);
	if (!grown)
		return -ENOMEM;
	*data = grown;
	*size = wanted;
	return 0;
}

/* Half of the room, slid to its beginning, when that is plenty. */
static void array_fit(void **data, uint32_t *head, uint32_t *end, uint32_t *size, size_t item_bytes)
{
	uint32_t used = *end - *head;

	if (*size <= ARRAY_FIRST || used >= *size / ARRAY_SHRINK)
		return;
	memmove(*data, (char *)*data + *head * item_bytes, used * item_bytes);
	*head = 0;
	*end = used;
	void *less = realloc(*data, *size / 2 * item_bytes);
	if (!less)
		return;
	*data = less;
	*size /= 2;
}

void lane_fit(struct lane *l)
{
	array_fit((void **)&l->mark, &l->mark_head, &l->mark_end, &l->mark_size, sizeof(*l->mark));
	array_fit((void **)&l->segment, &l->segment_head, &l->segment_end, &l->segment_size, sizeof(*l->segment));
}

void lane_fini(struct lane *l)
{
	free(l->mark);
	free(l->segment);
	*l = (struct lane){0};
}

/*
 * Index of the first of [head, end) whose key, a position at `key` in an array of items of item_bytes, is past the byte; or end. Who asks
 * wants the oldest ones: it looks from the head in steps that double and leaves the newest alone (Bentley and Yao, 1976).
 */
static inline __attribute__((always_inline)) uint32_t first_past(const void *key, size_t item_bytes, uint32_t head, uint32_t end,
								 uint64_t byte)
{
#define KEY_AT(i) (*(const uint64_t *)((const char *)key + (i)*item_bytes))
	uint32_t lo = head, hi = head;

	for (uint32_t step = 1; hi < end && KEY_AT(hi) <= byte; step *= 2) {
		lo = hi + 1;
		hi = end - hi > step ? hi + step : end;
	}
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (KEY_AT(mid) > byte)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
#undef KEY_AT
}

/* Index of the first mark whose pos > byte, or mark_end. */
static uint32_t mark_after(const struct lane *l, uint64_t byte)
{
	return l->mark ? first_past(&l->mark->pos, sizeof(*l->mark), l->mark_head, l->mark_end, byte) : 0;
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
	uint32_t from = l->segment_head + l->segments_used;

	if (!l->segment)
		return 0;
	if (from > l->segment_head && l->segment[from - 1].start_pos > byte)
		from = l->segment_head;
	return first_past(&l->segment->start_pos, sizeof(*l->segment), from, l->segment_end, byte);
}

/* The place of a segment: new, or that of an earlier snapshot of its turn. *out NULL: a longer one is there. -ENOMEM */
static int segment_place(struct lane *l, uint64_t start_pos, uint64_t end_pos, uint32_t turn, struct lane_segment **out)
{
	bool is_newest = l->segment_end == l->segment_head || start_pos > l->newest_pos;
	int rc = array_room((void **)&l->segment, &l->segment_head, &l->segment_end, &l->segment_size, sizeof(*l->segment));

	*out = NULL;
	if (rc)
		return rc;
	uint32_t at = is_newest ? l->segment_end : segment_after(l, start_pos);
	uint32_t turn_before = is_newest ? l->newest_turn : at > l->segment_head ? l->segment[at - 1].turn : 0;
	bool is_known = at > l->segment_head && turn_before == turn;
	if (is_known)
		at--;
	if (is_known && end_pos < l->segment[at].end_pos)
		return 0;
	if (!is_known && at < l->segment_end)
		memmove(&l->segment[at + 1], &l->segment[at], (l->segment_end - at) * sizeof(*l->segment));
	l->segment_end += !is_known;
	if (at + 1 == l->segment_end) {
		l->newest_pos = start_pos;
		l->newest_turn = turn;
	}
	*out = &l->segment[at];
	return 0;
}

int lane_add_span(struct lane *l, const struct wire_lane_span *s, uint32_t turn, uint16_t flags, uint32_t first_tid)
{
	const struct lane_mark first = {.time_ns = s->first_ns, .pos = s->start_pos + s->first_bytes, .tid = first_tid};
	const struct lane_mark last = {.time_ns = s->last_ns, .pos = s->end_pos};
	bool is_cut = l->dropped.turn == turn && l->dropped.end_pos > s->start_pos; /* its beginning has been dropped */
	bool is_single = s->count == 1 && !is_cut;
	struct lane_segment *segment = NULL;
	int rc = 0;

	if (s->count == 0 || s->end_pos <= s->start_pos || (is_cut && s->end_pos <= l->dropped.end_pos))
		return 0;
	if (!is_single && !is_cut)
		rc = lane_add_mark(l, &first);
	if (!rc && !is_single)
		rc = lane_add_mark(l, &last);
	if (!rc)
		rc = segment_place(l, is_cut ? l->dropped.end_pos : s->start_pos, s->end_pos, turn, &segment);
	if (rc || !segment)
		return rc;
	/* written where it stands: a copy of what was just written waits for every store before it */
	segment->start_pos = is_cut ? l->dropped.end_pos : s->start_pos;
	segment->end_pos = s->end_pos;
	segment->last_ns = is_single ? s->first_ns : s->last_ns;
	segment->turn = turn;
	segment->count = s->count - (is_cut ? l->dropped.count : 0);
	segment->tid = first_tid;
	segment->flags = flags;
	segment->is_single = is_single;
	return 0;
}

const struct lane_segment *lane_segment_of(const struct lane *l, uint64_t byte)
{
	uint32_t at = segment_after(l, byte);

	if (at == l->segment_head || l->segment[at - 1].end_pos <= byte)
		return NULL;
	return &l->segment[at - 1];
}

/* The mark of a single segment. Its thread may have come with the mark itself. */
static struct lane_mark single_mark(const struct lane *l, const struct lane_segment *s)
{
	struct lane_mark m = {.time_ns = s->last_ns, .pos = s->end_pos, .tid = s->tid};

	if (!m.tid && l->mark_head < l->mark_end) {
		uint32_t at = mark_after(l, m.pos - 1);
		if (at < l->mark_end && l->mark[at].pos == m.pos)
			m.tid = l->mark[at].tid;
	}
	return m;
}

const struct lane_segment *lane_segment_at(const struct lane *l, uint64_t from_ns, uint64_t to_ns)
{
	for (uint32_t i = l->segment_end; i > l->segment_head; i--) {
		const struct lane_segment *s = &l->segment[i - 1];
		uint64_t first_ns = s->is_single ? s->last_ns : l->mark[mark_after(l, s->start_pos)].time_ns;
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
	return s->is_single || mark_after(l, s->end_pos - 1) + 1 - mark_after(l, s->start_pos) == s->count;
}

static enum lane_find segment_find(const struct lane *l, const struct lane_segment *s, uint64_t byte, struct lane_mark *out)
{
	if (s->is_single) {
		*out = single_mark(l, s);
		return LANE_EXACT;
	}
	uint32_t at = mark_after(l, byte);
	*out = l->mark[at];
	/* the first and the last mark of a turn always come with it */
	bool first = at == l->mark_head || l->mark[at - 1].pos <= s->start_pos;
	if (first || byte + 1 == s->end_pos || segment_whole(l, s))
		return LANE_EXACT;
	return LANE_INEXACT;
}

enum lane_find lane_find(const struct lane *l, uint64_t byte, struct lane_mark *out)
{
	const struct lane_segment *s = lane_segment_of(l, byte);

	return s ? segment_find(l, s, byte, out) : LANE_MISSING;
}

uint32_t lane_window(const struct lane *l, uint64_t start_pos, uint64_t end_pos, uint64_t *first_ns, uint64_t *last_ns,
		     bool *inexact)
{
	struct lane_mark first = {0}, last = {0};

	if (start_pos >= end_pos)
		return 0;
	const struct lane_segment *s = lane_segment_of(l, start_pos);
	*inexact |= s && segment_find(l, s, start_pos, &first) == LANE_INEXACT;
	*first_ns = *last_ns = first.time_ns;
	if (s && s->is_single && end_pos <= s->end_pos)
		return first.tid;
	if (!s || end_pos > s->end_pos)
		s = lane_segment_of(l, end_pos - 1);
	*inexact |= s && segment_find(l, s, end_pos - 1, &last) == LANE_INEXACT;
	*last_ns = last.time_ns;
	return first.tid;
}

bool lane_covers(const struct lane *l, uint64_t start_pos, uint64_t end_pos)
{
	if (start_pos >= end_pos)
		return true;
	const struct lane_segment *s = lane_segment_of(l, start_pos);
	return s && (end_pos <= s->end_pos || lane_segment_of(l, end_pos - 1));
}

void lane_use(struct lane *l, uint64_t pos)
{
	if (pos > l->used_pos)
		l->used_pos = pos;
	while (l->segment_head + l->segments_used < l->segment_end &&
	       l->segment[l->segment_head + l->segments_used].end_pos <= l->used_pos)
		l->segments_used++;
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
		l->dropped.turn = s->turn;
		l->dropped.end_pos = s->end_pos;
		l->dropped.count = s->count + before;
		l->segment_head++;
		l->segments_used -= l->segments_used > 0;
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

/* The marks of a lane in order of position, wherever they stand. */
struct walk {
	const struct lane *lane;
	uint32_t segment, mark;
	struct lane_mark at; /* pos 0: at the end */
};

static void walk_next(struct walk *w)
{
	const struct lane *l = w->lane;
	uint64_t before = w->at.pos;

	while (w->segment < l->segment_end && (!l->segment[w->segment].is_single || l->segment[w->segment].end_pos <= before))
		w->segment++;
	while (w->mark < l->mark_end && l->mark[w->mark].pos <= before)
		w->mark++;
	w->at = (struct lane_mark){0};
	if (w->mark < l->mark_end)
		w->at = l->mark[w->mark];
	if (w->segment < l->segment_end && (!w->at.pos || l->segment[w->segment].end_pos <= w->at.pos))
		w->at = single_mark(l, &l->segment[w->segment]);
}

/* From the first mark whose pos > byte on. */
static struct walk walk_from(const struct lane *l, uint64_t byte)
{
	struct walk w = {.lane = l, .segment = segment_after(l, byte), .mark = mark_after(l, byte), .at = {.pos = byte}};

	w.segment -= w.segment > l->segment_head; /* the one that holds the byte */
	walk_next(&w);
	return w;
}

int lane_find_gaps(const struct lane *in, const struct lane *read, uint64_t start_pos, uint64_t end_pos, struct lane_gaps *out)
{
	int rc = 0;

	const struct lane_segment *s = lane_segment_of(in, start_pos);

	out->count = 0;
	out->inexact = false;
	if (end_pos <= start_pos || (s && s->is_single && s->end_pos >= end_pos))
		return 0;
	struct walk i = walk_from(in, start_pos);
	if (!i.at.pos || i.at.pos >= end_pos)
		return 0; /* it came in one piece */
	if (!window_whole(in, start_pos, end_pos)) {
		out->inexact = true;
		return 0;
	}
	struct walk r = walk_from(read, start_pos);
	for (uint64_t arrived = i.at.pos; !rc && arrived < end_pos; arrived = i.at.pos) {
		walk_next(&i);
		while (r.at.pos && r.at.pos < arrived)
			walk_next(&r);
		if (!i.at.pos || !r.at.pos)
			break;
		if (r.at.time_ns < i.at.time_ns)
			rc = gaps_add(out, r.at.time_ns, i.at.time_ns);
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
