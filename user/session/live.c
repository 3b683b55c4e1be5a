// SPDX-License-Identifier: GPL-2.0-only
#include "session/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "report/criteria_lookup.h"

#define STEP_REQUESTS_MIN 20 /* of a step, before a share or a percentile of it says anything */

static int lookup(void *ctx, const char *metric, double *value, const char **reason)
{
	struct criteria_value v;
	int rc = criteria_lookup(ctx, metric, &v);

	*value = v.value;
	*reason = v.reason;
	return rc;
}

static bool holds(struct report_input *in, const char *text, double *value)
{
	const char *reason;
	struct criterion c;

	return criterion_parse(text, NULL, &c, NULL) == 0 && criterion_judge(&c, lookup, in, value, &reason) == CRITERION_MET;
}

static uint32_t group_end(const struct plan *plan, uint32_t stage)
{
	uint32_t end = stage;

	while (end < plan->stages && plan->stage[end].group == plan->stage[stage].group)
		end++;
	return end;
}

/* The step that runs; its criteria are its own. */
static void judge_step(struct session *s, struct report_input *in)
{
	const struct plan *plan = s->config->plan;
	uint32_t index = driver_stage(s->driver);
	const struct plan_stage *stage = &plan->stage[index];
	const struct request_stats *stats = in->stage[index].stats;
	char text[sizeof(stage->until[0]) + sizeof(stage->name) + 8];
	double value;

	if (!stage->group || stats->outcome[RECORD_OK] + stats->failed < STEP_REQUESTS_MIN)
		return;
	for (uint32_t i = 0; i < stage->untils; i++) {
		snprintf(text, sizeof(text), "stage.%s.%s", stage->name, stage->until[i]);
		if (!holds(in, text, &value))
			continue;
		driver_skip_to(s->driver, group_end(plan, index));
		snprintf(s->broke, sizeof(s->broke), "steps: it broke at %g %s (stage %.40s): %.90s", stage->from,
			 stage->loop == PLAN_OPEN ? "requests/s" : "users", stage->name, stage->until[i]);
		log_line(LOG_INFO, "%s", s->broke);
		return;
	}
}

static bool has_steps(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->stages; i++)
		if (plan->stage[i].untils)
			return true;
	return false;
}

void live_judge(struct session *s)
{
	const struct plan *plan = s->config->plan;
	struct report_input *in;
	double value;

	if (!s->driver || (!plan->abort_when[0] && (s->broke[0] || !has_steps(plan))))
		return;
	in = calloc(1, sizeof(*in));
	if (!in)
		return;
	pipeline_fill_report(s->pipeline, in);
	in->no_probes_because = s->no_probes_because[0] ? s->no_probes_because : NULL;
	gauges_fill(&s->gauges, &in->gateway);
	if (plan->abort_when[0] && holds(in, plan->abort_when, &value))
		session_cut_short(s, "abort_when came true: %.160s", plan->abort_when);
	else if (!s->broke[0])
		judge_step(s, in);
	free(in);
}
