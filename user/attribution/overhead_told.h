/* SPDX-License-Identifier: GPL-2.0-only */
/* What gateways say in a header that they took, against the toll of the same requests. */
#ifndef TOLL_ATTRIBUTION_OVERHEAD_TOLD_H
#define TOLL_ATTRIBUTION_OVERHEAD_TOLD_H

#include "base/hist.h"
#include "record/overhead_header.h"
#include "record/request.h"

/* Of one header; histograms are NULL until it comes. */
struct overhead_told {
	uint64_t requests; /* whose answers had it */
	uint64_t above; /* ... and said more than the toll was */
	struct hist *told, *toll;
	struct hist *beyond; /* the toll less what was told, request by request; 0 where that is less than nothing */
};

/* of: OVERHEAD_HEADERS of them, by index. -ENOMEM. */
int overhead_told_add(struct overhead_told *of, const struct record_request *r, uint64_t toll_ns);
void overhead_told_fini(struct overhead_told *of);

#endif
