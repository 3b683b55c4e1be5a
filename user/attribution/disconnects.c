// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/disconnects.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/map.h"

#define CALLS_MAX 65536
#define CLOSES_MAX 16384 /* connections that closed lately: their calls' records may come after */

/* One request's call, as far as it is known. */
struct call {
	uint64_t left_ns; /* 0: the client has not left, or is not known to have yet */
	uint64_t conn; /* the provider's socket */
	uint64_t over_ns; /* 0: not yet */
	bool called, aborted;
};

struct disconnects {
	struct disconnects_stats stats;
	struct map *by_id; /* of struct call */
	struct map *by_conn; /* those that wait for their connection's close */
	unsigned calls;
	struct map *closes; /* time, as a pointer, by connection */
	uint64_t closed[CLOSES_MAX]; /* in that map; the oldest makes room */
	unsigned next_closed;
};

struct disconnects *disconnects_new(void)
{
	struct disconnects *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->stats.kept = hist_new();
	d->by_id = map_new();
	d->by_conn = map_new();
	d->closes = map_new();
	if (d->stats.kept && d->by_id && d->by_conn && d->closes)
		return d;
	disconnects_free(d);
	return NULL;
}

void disconnects_free(struct disconnects *d)
{
	if (!d)
		return;
	map_free_with(d->by_id, free);
	map_free(d->by_conn);
	map_free(d->closes);
	hist_free(d->stats.kept);
	free(d);
}

/* *out NULL: there are too many. */
static int call_of(struct disconnects *d, uint64_t id, struct call **out)
{
	*out = map_get(d->by_id, id);
	if (*out)
		return 0;
	if (d->calls == CALLS_MAX) {
		d->stats.dropped++;
		return 0;
	}
	struct call *c = calloc(1, sizeof(*c));
	if (!c || map_put(d->by_id, id, c)) {
		free(c);
		return -ENOMEM;
	}
	d->calls++;
	*out = c;
	return 0;
}

int disconnects_request(struct disconnects *d, const struct record_request *r)
{
	struct call *c;

	if ((r->outcome != RECORD_TIMEOUT && r->outcome != RECORD_LEFT) || !r->sent_ns)
		return 0;
	d->stats.clients++;
	int rc = call_of(d, r->id, &c);
	if (!rc && c)
		c->left_ns = r->end_ns;
	return rc;
}

/* Whole answers of clients that have not left are what nearly all records are of: they are not kept. */
int disconnects_provider(struct disconnects *d, const struct record_provider *p)
{
	bool aborted = p->flags & RECORD_PROVIDER_ABORTED;
	struct call *c = map_get(d->by_id, p->tag);
	int rc = 0;

	if (!p->tag || (!c && !aborted))
		return 0;
	if (!c)
		rc = call_of(d, p->tag, &c);
	if (rc || !c)
		return rc;
	c->called = true;
	c->aborted = aborted;
	c->conn = p->conn;
	if (!aborted) {
		c->over_ns = p->answer_last_ns;
		return 0;
	}
	c->over_ns = (uint64_t)(uintptr_t)map_get(d->closes, p->conn);
	return c->over_ns ? 0 : map_put(d->by_conn, p->conn, c);
}

int disconnects_close(struct disconnects *d, const struct wire_close *r)
{
	struct call *c = map_remove(d->by_conn, r->conn);
	uint64_t *slot = &d->closed[d->next_closed];

	if (c) {
		c->over_ns = r->h.time_ns;
		return 0;
	}
	if (*slot)
		map_remove(d->closes, *slot);
	*slot = r->conn;
	d->next_closed = (d->next_closed + 1) % CLOSES_MAX;
	return map_put(d->closes, r->conn, (void *)(uintptr_t)r->h.time_ns);
}

static int count(struct disconnects_stats *s, const struct call *c, uint64_t end_ns)
{
	bool runs_on = !c->over_ns || c->over_ns > end_ns;
	uint64_t over_ns = runs_on ? end_ns : c->over_ns;
	uint64_t kept_ns = over_ns > c->left_ns ? over_ns - c->left_ns : 0;

	if (!c->aborted && !kept_ns)
		return 0; /* its answer was through before the client left */
	s->calls++;
	s->answered += !c->aborted;
	return runs_on ? hist_record_at_least(s->kept, kept_ns) : hist_record(s->kept, kept_ns);
}

int disconnects_finish(struct disconnects *d, uint64_t end_ns)
{
	uint64_t id;
	size_t cursor = 0;
	void *at;
	int rc = 0;

	while (!rc && map_next(d->by_id, &cursor, &id, &at)) {
		const struct call *c = at;

		if (c->called && c->left_ns)
			rc = count(&d->stats, c, end_ns);
	}
	return rc;
}

const struct disconnects_stats *disconnects_stats(const struct disconnects *d)
{
	return &d->stats;
}
