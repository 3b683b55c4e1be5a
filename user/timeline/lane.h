/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One lane of one end of a connection: which byte was seen when. Marks are kept by position, whatever order they arrive in;
 * segments say which stretches of positions the kernel reported whole turns of, so that a byte of a lost turn is *missing* and is
 * not dated by the mark of a later turn.
 */
#ifndef TOLL_TIMELINE_LANE_H
#define TOLL_TIMELINE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "timeline/timeline.h"

struct lane_mark {
	uint64_t time_ns;
	uint64_t pos; /* after the bytes of this mark */
	uint32_t tid; /* 0: unknown */
	uint32_t reserved;
};

struct lane_segment {
	uint64_t start_pos, end_pos;
	uint64_t last_ns;
	uint32_t turn;
	uint32_t count; /* marks that the kernel took in it: fewer here means that some were lost */
	uint32_t tid; /* of the only mark */
	uint16_t flags; /* enum wire_turn_flag */
	bool is_single; /* its only mark is at last_ns and stands here: so are most turns, and one cache line tells all of them */
};

/* Zero-initialise; lane_fini frees. [head, end) of each array is in use. */
struct lane {
	struct lane_mark *mark; /* by position: all but those of single segments, and some of these */
	uint32_t mark_head, mark_end, mark_size;
	uint32_t segment_head, segment_end, segment_size;
	uint32_t segments_used; /* so many from the head on are below used_pos: what is looked for mostly lies right behind */
	struct lane_segment *segment;
	uint64_t newest_pos; /* where the last segment begins, and its turn: told without touching it */
	uint32_t newest_turn;
	struct { /* the newest one that was: a later snapshot of its turn adds only what is new */
		uint32_t turn;
		uint64_t end_pos;
		uint32_t count;
	} dropped;
	uint64_t used_pos; /* bytes below it belong to requests that have been handed out */
};

enum lane_find {
	LANE_MISSING = 0, /* no turn that was reported covers the byte */
	LANE_INEXACT = 1, /* marks were dropped around it: the time is that of a later byte of the same turn */
	LANE_EXACT = 2,
};

void lane_fini(struct lane *l);
int lane_add_mark(struct lane *l, const struct lane_mark *m); /* -ENOMEM */
/* A turn's span; the same turn may come again, longer. first_tid: thread of its first mark. -ENOMEM */
int lane_add_span(struct lane *l, const struct wire_lane_span *s, uint32_t turn, uint16_t flags, uint32_t first_tid);

/* The mark that covered this byte (counted from 0): the first whose end is past it. out is untouched when missing. */
enum lane_find lane_find(const struct lane *l, uint64_t byte, struct lane_mark *out);
/* First and last time of the bytes [start_pos, end_pos), 0 where none is known; none are set for an empty window. Returns the first one's thread. */
uint32_t lane_window(const struct lane *l, uint64_t start_pos, uint64_t end_pos, uint64_t *first_ns, uint64_t *last_ns,
		     bool *inexact);
/* Are its first and its last byte there? An empty window is. */
bool lane_covers(const struct lane *l, uint64_t start_pos, uint64_t end_pos);
/* The segment that covers the byte, or NULL. */
const struct lane_segment *lane_segment_of(const struct lane *l, uint64_t byte);
/* Newest segment whose first mark lies in [from_ns, to_ns], or NULL: for ends that could not log positions. */
const struct lane_segment *lane_segment_at(const struct lane *l, uint64_t from_ns, uint64_t to_ns);

/* Asks for what the next finds will look at: a quarter of a second old, it has left the caches, and one miss after another would be waited for. */
static inline void lane_prefetch(const struct lane *l)
{
	if (!l->segment)
		return;
	__builtin_prefetch(&l->segment[l->segment_head]);
	__builtin_prefetch(&l->segment[l->segment_head + 1]);
}

/* Everything below pos has been used. */
void lane_use(struct lane *l, uint64_t pos);
/*
 * Drops used segments below keep_pos that ended before used_ns, and, past a small number, any that ended before unused_ns.
 * Returns how many unused went.
 */
unsigned lane_trim(struct lane *l, uint64_t keep_pos, uint64_t used_ns, uint64_t unused_ns);
/* Gives back half of the room that its content is far below: asked once a second, a lane that was busy once shrinks to what it needs now. */
void lane_fit(struct lane *l);

/* Gaps of a window, in time order. Zero-initialise; the owner frees gap. */
struct lane_gaps {
	struct timeline_gap *gap;
	uint32_t count, size;
	bool inexact; /* marks were dropped: no gap can be told */
};
/* Starved spans of the window [start_pos, end_pos): from the read that caught up with all that had arrived to the next arrival. -ENOMEM */
int lane_find_gaps(const struct lane *in, const struct lane *read, uint64_t start_pos, uint64_t end_pos, struct lane_gaps *out);
/*
 * What of them lies in [from_ns, to_ns], into at most TIMELINE_GAPS_MAX: the last one takes the length of all further ones, so that the
 * sum stays true. Returns how many.
 */
uint32_t lane_fit_gaps(const struct timeline_gap *gap, uint32_t count, uint64_t from_ns, uint64_t to_ns,
		       struct timeline_gap *out);

#endif
