// SPDX-License-Identifier: GPL-2.0-only
/* A soak that ends before its time because its verdict is certain. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "session/soaking.h"

static void load_end(struct session *s, double now_s, const struct leak_result *leaks)
{
	char now[32], planned[32];

	units_format_ns(now, sizeof(now), (uint64_t)(now_s * (double)NS_PER_S));
	units_format_ns(planned, sizeof(planned), (uint64_t)(s->sure.planned_s * (double)NS_PER_S));
	snprintf(s->sure_because, sizeof(s->sure_because),
		 "the verdict was certain after %s of %s: %u looks in a row, each at %.2f %%, found %s", now, planned,
		 s->sure.agree, 100 * sure_confidence(&s->sure),
		 leaks->verdict == LEAK_FOUND ? "the same leak" : "that nothing leaks");
	log_line(LOG_INFO, "%s", s->sure_because);
	pipeline_leaks_end(s->pipeline, sure_confidence(&s->sure)); /* the report is of what was certain */
	driver_skip_to(s->driver, s->config->plan->stages);
}

void soaking_until_sure(struct session *s, uint64_t measured_ns, uint64_t now_ns)
{
	double now_s = now_ns > measured_ns ? (double)(now_ns - measured_ns) / (double)NS_PER_S : 0;
	struct leak_result leaks;

	if (!s->config->until_sure || !s->driver || s->sure_because[0])
		return;
	if (!s->sure.looks)
		sure_init(&s->sure, (double)(plan_duration_ns(s->config->plan) - s->config->plan->warmup_ns) / (double)NS_PER_S,
			  (double)s->config->fills_ns / (double)NS_PER_S);
	if (!sure_is_due(&s->sure, now_s) || pipeline_leaks_at(s->pipeline, sure_confidence(&s->sure), &leaks))
		return;
	if (sure_look(&s->sure, now_s, &leaks))
		load_end(s, now_s, &leaks);
}
