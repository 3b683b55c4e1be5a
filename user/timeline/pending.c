// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/pending.h"

#include <stdlib.h>
#include <string.h>

void *spares_take(struct spares *p)
{
	struct spare *item = p->free;

	if (!item) {
		item = calloc(1, p->bytes);
		if (item)
			item->owner = p;
		return item;
	}
	p->free = item->next;
	p->count--;
	p->idle = p->count < p->idle ? p->count : p->idle;
	memset(item, 0, p->bytes);
	item->owner = p;
	return item;
}

void spares_give(void *item)
{
	struct spare *i = item;

	i->next = i->owner->free;
	i->owner->free = i;
	i->owner->count++;
}

void spares_fit(struct spares *p)
{
	for (size_t i = 0; i < p->idle / 2; i++) {
		struct spare *item = p->free;
		p->free = item->next;
		p->count--;
		free(item);
	}
	p->idle = p->count;
}

void spares_fini(struct spares *p)
{
	for (struct spare *i = p->free, *next; i; i = next) {
		next = i->next;
		free(i);
	}
	p->free = NULL;
	p->count = p->idle = 0;
}

void upturn_free(struct upturn *u)
{
	if (!u)
		return;
	free(u->gap);
	free(u->chunk);
	spares_give(u);
}

void open_request_free(struct open_request *q)
{
	if (!q)
		return;
	for (struct upturn *u = q->turns, *next; u; u = next) {
		next = u->next;
		upturn_free(u);
	}
	free(q->in.gap);
	spares_give(q);
}

void upturn_push(struct upturn_queue *f, struct upturn *u)
{
	u->queue_prev = f->last;
	u->queue_next = NULL;
	*(f->last ? &f->last->queue_next : &f->first) = u;
	f->last = u;
	f->count++;
}

void upturn_unqueue(struct upturn_queue *f, struct upturn *u)
{
	*(u->queue_prev ? &u->queue_prev->queue_next : &f->first) = u->queue_next;
	*(u->queue_next ? &u->queue_next->queue_prev : &f->last) = u->queue_prev;
	f->count--;
}

void open_request_push(struct request_queue *f, struct open_request *q)
{
	q->queue_next = NULL;
	*(f->last ? &f->last->queue_next : &f->first) = q;
	f->last = q;
	f->count++;
}

struct open_request *open_request_pop(struct request_queue *f)
{
	struct open_request *q = f->first;

	f->first = q->queue_next;
	if (!f->first)
		f->last = NULL;
	f->count--;
	return q;
}
