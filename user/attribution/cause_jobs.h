/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests whose causes are still to be looked for. What other requests did on the same threads is known only when their turns have come
 * in, up to a flush of the kernel side later, so each request waits that long after its answer; a bounded number of them.
 */
#ifndef TOLL_ATTRIBUTION_CAUSE_JOBS_H
#define TOLL_ATTRIBUTION_CAUSE_JOBS_H

#include "attribution/cause.h"

struct cause_job {
	struct cause_job *next;
	uint64_t ready_ns;
	uint64_t id; /* of the request */
	uint64_t exemplar; /* serial of the exemplar that waits for it; 0: none */
	uint32_t class_index, stage_index;
	uint64_t at_ns; /* the request's place in the run's blocks of time */
	uint32_t tenant; /* index + 1; 0: none */
	struct cause_question question; /* into the memory behind this struct */
};

struct cause_jobs {
	struct cause_job *first, *last;
	uint64_t count;
	uint64_t hurried; /* looked for early: too many were waiting */
};
void cause_jobs_fini(struct cause_jobs *j);
/* -ENOMEM */
int cause_jobs_push(struct cause_jobs *j, const struct whole_request *w, const struct phase_segments *s, uint64_t exemplar);
/* The next one that is ready at now_ns, or that is one too many; NULL: none. The caller frees it. */
struct cause_job *cause_jobs_pop(struct cause_jobs *j, uint64_t now_ns);

#endif
