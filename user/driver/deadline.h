/* SPDX-License-Identifier: GPL-2.0-only */
/* Lists of deadlines that are added in time order (a constant span from now): add, remove and first are O(1). */
#ifndef TOLL_DRIVER_DEADLINE_H
#define TOLL_DRIVER_DEADLINE_H

#include <stddef.h>
#include <stdint.h>

struct deadline {
	uint64_t when_ns;
	struct deadline *prev, *next; /* both NULL: in no list */
};

struct deadline_list {
	struct deadline end; /* of the ring */
};

static inline void deadline_list_init(struct deadline_list *list)
{
	list->end = (struct deadline){.when_ns = UINT64_MAX, .prev = &list->end, .next = &list->end};
}

static inline void deadline_remove(struct deadline *d)
{
	if (!d->next)
		return;
	d->prev->next = d->next;
	d->next->prev = d->prev;
	d->prev = d->next = NULL;
}

static inline void deadline_add(struct deadline_list *list, struct deadline *d, uint64_t when_ns)
{
	struct deadline *after = list->end.prev;

	deadline_remove(d);
	while (after != &list->end && after->when_ns > when_ns)
		after = after->prev;
	d->when_ns = when_ns;
	d->prev = after;
	d->next = after->next;
	after->next->prev = d;
	after->next = d;
}

/* UINT64_MAX: empty. */
static inline uint64_t deadline_first_ns(const struct deadline_list *list)
{
	return list->end.next->when_ns;
}

/* Takes the first off if it has passed. */
static inline struct deadline *deadline_expired(struct deadline_list *list, uint64_t now_ns)
{
	struct deadline *first = list->end.next;

	if (first == &list->end || first->when_ns > now_ns)
		return NULL;
	deadline_remove(first);
	return first;
}

#endif
