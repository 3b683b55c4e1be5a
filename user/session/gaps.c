// SPDX-License-Identifier: GPL-2.0-only
#include "session/gaps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/map.h"

struct stream {
	uint64_t last_ns;
	uint64_t next; /* index of the event that comes next */
	uint64_t *gap_ns;
	uint32_t gaps, room;
};

struct gaps {
	struct map *streams; /* by request id */
	uint64_t held;
	uint64_t dropped;
};

struct gaps *gaps_new(void)
{
	struct gaps *g = calloc(1, sizeof(*g));

	if (g)
		g->streams = map_new();
	if (g && !g->streams) {
		free(g);
		return NULL;
	}
	return g;
}

static void stream_free(void *stream)
{
	struct stream *s = stream;

	free(s->gap_ns);
	free(s);
}

void gaps_free(struct gaps *g)
{
	if (!g)
		return;
	map_free_with(g->streams, stream_free);
	free(g);
}

static struct stream *stream_get(struct gaps *g, uint64_t id)
{
	struct stream *s = map_get(g->streams, id);

	if (s || map_count(g->streams) >= GAPS_STREAMS_MAX)
		return s;
	s = calloc(1, sizeof(*s));
	if (s && map_put(g->streams, id, s)) {
		free(s);
		return NULL;
	}
	return s;
}

static int stream_add(struct gaps *g, struct stream *s, uint64_t gap_ns)
{
	if (g->held >= GAPS_HELD_MAX) {
		g->dropped++;
		return 0;
	}
	if (s->gaps == s->room) {
		uint32_t room = s->room ? 2 * s->room : 64;
		uint64_t *grown = realloc(s->gap_ns, room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		s->gap_ns = grown;
		s->room = room;
	}
	s->gap_ns[s->gaps++] = gap_ns;
	g->held++;
	return 0;
}

int gaps_events(struct gaps *g, const struct record_events *head, const struct record_event *event)
{
	struct stream *s = stream_get(g, head->id);

	if (!s && map_count(g->streams) < GAPS_STREAMS_MAX)
		return -ENOMEM;
	if (!s) {
		g->dropped += head->count;
		return 0;
	}
	for (uint32_t i = 0; i < head->count; i++) {
		bool follows = s->last_ns && s->next == (uint64_t)head->first + i && event[i].time_ns >= s->last_ns;
		int r = follows ? stream_add(g, s, event[i].time_ns - s->last_ns) : 0;
		if (r)
			return r;
		s->last_ns = event[i].time_ns;
		s->next = (uint64_t)head->first + i + 1;
	}
	return 0;
}

int gaps_take(struct gaps *g, uint64_t id, struct request_stats *const *into, unsigned n)
{
	struct stream *s = map_remove(g->streams, id);
	int r = 0;

	if (!s)
		return 0;
	for (uint32_t i = 0; i < s->gaps; i++)
		for (unsigned k = 0; k < n && !r; k++)
			r = request_stats_gap(into[k], s->gap_ns[i]);
	g->held -= s->gaps;
	stream_free(s);
	return r;
}

/* One at a time: the map may not change while it is walked. */
static bool expire_one(struct gaps *g, uint64_t now_ns)
{
	size_t cursor = 0;
	uint64_t id;
	void *value;

	while (map_next(g->streams, &cursor, &id, &value)) {
		struct stream *s = value;
		if (s->last_ns + GAPS_AGE_MAX_NS >= now_ns)
			continue;
		g->dropped += s->gaps;
		g->held -= s->gaps;
		map_remove(g->streams, id);
		stream_free(s);
		return true;
	}
	return false;
}

void gaps_expire(struct gaps *g, uint64_t now_ns)
{
	while (expire_one(g, now_ns))
		;
}

uint64_t gaps_dropped(const struct gaps *g)
{
	return g->dropped;
}
