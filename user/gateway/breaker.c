// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/breaker.h"

#include <string.h>

void breaker_init(struct breaker *b, unsigned threshold, uint64_t open_ns)
{
	memset(b, 0, sizeof(*b));
	pthread_mutex_init(&b->lock, NULL);
	b->threshold = threshold;
	b->open_ns = open_ns;
}

void breaker_fini(struct breaker *b)
{
	pthread_mutex_destroy(&b->lock);
}

static bool allows(struct breaker *b, uint64_t now_ns)
{
	if (b->state == BREAKER_CLOSED)
		return true;
	if (b->state == BREAKER_OPEN && now_ns - b->opened_ns >= b->open_ns)
		b->state = BREAKER_HALF_OPEN;
	if (b->state == BREAKER_OPEN || b->trying)
		return false;
	b->trying = true;
	return true;
}

bool breaker_allows(struct breaker *b, uint64_t now_ns)
{
	bool yes;

	pthread_mutex_lock(&b->lock);
	yes = allows(b, now_ns);
	pthread_mutex_unlock(&b->lock);
	return yes;
}

void breaker_tell(struct breaker *b, bool ok, uint64_t now_ns)
{
	pthread_mutex_lock(&b->lock);
	b->trying = false;
	b->failures = ok ? 0 : b->failures + 1;
	if (ok && b->state == BREAKER_HALF_OPEN)
		b->state = BREAKER_CLOSED;
	/* calls that began before it opened fail late: they do not prolong it */
	if (!ok && b->threshold && b->state != BREAKER_OPEN && (b->state == BREAKER_HALF_OPEN || b->failures >= b->threshold)) {
		b->state = BREAKER_OPEN;
		b->opened_ns = now_ns;
	}
	pthread_mutex_unlock(&b->lock);
}

void breaker_forget(struct breaker *b)
{
	pthread_mutex_lock(&b->lock);
	b->trying = false;
	pthread_mutex_unlock(&b->lock);
}
