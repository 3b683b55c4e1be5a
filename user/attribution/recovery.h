/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long after a stage's start requests were again as they had been in the first one: each timed stage is cut into windows; a window is
 * bad in which more than a fifth of the requests failed or took more than twice the first stage's p95. Recovered is from the first window
 * on that three good ones follow each other from.
 */
#ifndef TOLL_ATTRIBUTION_RECOVERY_H
#define TOLL_ATTRIBUTION_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "record/request.h"

struct recovery;
/* duration_ns: as planned, 0: not timed. NULL: no memory. */
struct recovery *recovery_new(const uint64_t *duration_ns, unsigned stages);
void recovery_free(struct recovery *r);
/* Each request that is not of the warm-up. -ENOMEM. */
int recovery_add(struct recovery *r, const struct record_request *request);
/* False: not to be told (no timed stage, the first one, or nothing to compare with). *recovered false: not within the stage, *ns is its length. */
bool recovery_of(const struct recovery *r, unsigned stage, uint64_t *ns, bool *recovered);

#endif
