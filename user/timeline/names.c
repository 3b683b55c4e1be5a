// SPDX-License-Identifier: GPL-2.0-only
#include "timeline/timeline.h"

const char *timeline_unmatched_name(enum timeline_unmatched cause)
{
	static const char *const name[TIMELINE_UNMATCHED_CAUSES] = {
		[TIMELINE_MATCHED] = "matched",
		[TIMELINE_NO_DRIVER_TURN] = "no_driver_turn",
		[TIMELINE_NO_INBOUND_CONN] = "no_inbound_conn",
		[TIMELINE_NO_INBOUND_TURN] = "no_inbound_turn",
		[TIMELINE_NO_UPSTREAM_SEEN] = "no_upstream_seen",
		[TIMELINE_NO_UPSTREAM_TURN] = "no_upstream_turn",
		[TIMELINE_FAILED_REQUEST] = "failed_request",
		[TIMELINE_FIRST_TLS_TURN] = "first_tls_turn",
		[TIMELINE_MULTIPLEXED] = "multiplexed",
		[TIMELINE_OPEN_AT_ATTACH] = "open_at_attach",
	};

	return (unsigned)cause < TIMELINE_UNMATCHED_CAUSES ? name[cause] : "unknown";
}

/* Non-decreasing where seen (0: not seen). */
static bool in_order(const uint64_t *mark, unsigned marks)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < marks; i++) {
		if (!mark[i])
			continue;
		if (mark[i] < last)
			return false;
		last = mark[i];
	}
	return true;
}

bool timeline_order_ok(const struct whole_request *w)
{
	const uint64_t request[] = {w->driver.due_ns, w->t1, w->t2, w->t3};
	const uint64_t answer[] = {w->t2, w->t9, w->t10, w->t11};

	if (!in_order(request, 4) || !in_order(answer, 4))
		return false;
	for (uint32_t i = 0; i < w->upstreams; i++) {
		const struct whole_upstream *u = &w->upstream[i];
		const uint64_t turn[] = {u->t4, u->t5, u->t6, u->t7, u->t8};
		if (!in_order(turn, 5))
			return false;
	}
	return true;
}
