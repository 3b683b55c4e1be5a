// SPDX-License-Identifier: GPL-2.0-only
#include "attribution/cause_jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/blocks.h"

#include "base/clock.h"

/* The kernel side flushes open turns once a second. */
#define WAIT_NS (1300 * NS_PER_MS)
#define JOBS_MAX 262144

void cause_jobs_fini(struct cause_jobs *j)
{
	for (struct cause_job *q = j->first, *next; q; q = next) {
		next = q->next;
		free(q);
	}
	*j = (struct cause_jobs){0};
}

int cause_jobs_push(struct cause_jobs *j, const struct whole_request *w, const struct phase_segments *s, uint64_t exemplar)
{
	struct cause_own own[CAUSE_OWNS_MAX];
	uint32_t owns = cause_owns(w, own);
	size_t segment_bytes = s->count * sizeof(*s->at), custody_bytes = s->custodies * sizeof(s->custody[0]),
	       own_bytes = owns * sizeof(own[0]);
	struct cause_job *q = malloc(sizeof(*q) + segment_bytes + custody_bytes + own_bytes);

	if (!q || s->failed) {
		free(q);
		return -ENOMEM;
	}
	struct phase_segment *segment = (struct phase_segment *)(q + 1);
	struct custody *custody = (struct custody *)((char *)segment + segment_bytes);
	struct cause_own *owned = (struct cause_own *)((char *)custody + custody_bytes);
	if (s->count)
		memcpy(segment, s->at, segment_bytes);
	memcpy(custody, s->custody, custody_bytes);
	memcpy(owned, own, own_bytes);
	*q = (struct cause_job){.ready_ns = w->t9 + WAIT_NS,
				.id = w->driver.id,
				.exemplar = exemplar,
				.class_index = w->driver.class_index,
				.tenant = w->driver.tenant,
				.stage_index = w->driver.stage_index,
				.at_ns = blocks_time_ns(w),
				.question = {segment, s->count, custody, owned, owns, 0}};
	*(j->last ? &j->last->next : &j->first) = q;
	j->last = q;
	j->count++;
	return 0;
}

struct cause_job *cause_jobs_pop(struct cause_jobs *j, uint64_t now_ns)
{
	struct cause_job *q = j->first;

	if (!q || (q->ready_ns > now_ns && j->count <= JOBS_MAX))
		return NULL;
	j->hurried += q->ready_ns > now_ns;
	j->first = q->next;
	if (!j->first)
		j->last = NULL;
	j->count--;
	return q;
}
