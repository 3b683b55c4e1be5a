// SPDX-License-Identifier: GPL-2.0-only
/* What a scenario wants done before a stage: the gateway restarted, the cache cleared, a wait. No request is under way meanwhile. */
#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "session/parts.h"

static int restart(struct session *s, const struct plan_stage *stage)
{
	uint64_t from_ns = clock_now_ns();
	char took[32];
	int rc = session_gateway_restart(s);

	if (rc)
		return rc;
	session_gateway_again(s);
	log_line(LOG_INFO, "before stage %s: the gateway was restarted within %s", stage->name,
		 units_format_ns(took, sizeof(took), clock_now_ns() - from_ns));
	return 0;
}

static int clear(struct session *s, const struct plan_stage *stage)
{
	int rc = peer_child_clear_redis(&s->peers.redis, &s->err);

	if (!rc)
		log_line(LOG_INFO, "before stage %s: the cache was cleared", stage->name);
	return rc;
}

/* True: it is done; a wait takes more than one call. */
static bool act(struct session *s, const struct plan_stage *stage, const struct plan_action *action, uint64_t now_ns)
{
	int rc = 0;

	switch (action->kind) {
	case PLAN_RESTART:
		rc = restart(s, stage);
		break;
	case PLAN_CLEAR:
		rc = clear(s, stage);
		break;
	case PLAN_WAIT:
		if (!s->before_until_ns)
			s->before_until_ns = now_ns + action->wait_ns;
		if (now_ns < s->before_until_ns)
			return false;
		s->before_until_ns = 0;
	}
	if (rc)
		session_cut_short(s, "before stage %s: %s", stage->name, s->err.text);
	return true;
}

bool session_before(struct session *s, uint32_t stage_index, uint64_t now_ns)
{
	const struct plan_stage *stage = &s->config->plan->stage[stage_index];

	while (s->before_done < stage->befores && !s->cut_short[0]) {
		if (!act(s, stage, &stage->before[s->before_done], now_ns))
			return false;
		s->before_done++;
	}
	s->before_done = 0;
	return true;
}
