// SPDX-License-Identifier: GPL-2.0-only
/* After the load: the last turns and records come in, then everything of ours leaves. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "gateway/cpu_quota.h"
#include "session/parts.h"
#include "session/soaking.h"

#define SETTLE_NS (150 * NS_PER_MS) /* answers that the driver no longer waits for, sockets that close */
#define LOG_END_NS (3 * NS_PER_S)

static bool logs_ended(const struct session *s)
{
	for (unsigned i = 0; i < s->providers; i++)
		if (s->provider[i].log_fd >= 0)
			return false;
	return true;
}

static void settle(struct session *s, uint64_t until_ns, bool until_log_ends)
{
	uint64_t now_ns = clock_now_ns();

	while (now_ns < until_ns && !(until_log_ends && logs_ended(s))) {
		clock_sleep_until(now_ns + 10 * NS_PER_MS, NULL);
		session_read_all(s);
		now_ns = clock_now_ns();
	}
}

void session_drain(struct session *s)
{
	int rc = 0;

	if (s->driver) {
		driver_stop(s->driver);
		rc = driver_finish(s->driver, &s->driver_stats, &s->err);
		if (rc)
			session_cut_short(s, "%s", s->err.text);
	}
	if (!s->pipeline)
		return;
	soaking_end(s, s->end_ns);
	settle(s, clock_now_ns() + SETTLE_NS, false);
	if (s->probe) {
		rc = probe_flush(s->probe, true);
		if (rc)
			log_line(LOG_WARN, "open turns could not be read at the end: %s", strerror(-rc));
	}
	session_read_all(s);
	rc = code_name(&s->code);
	if (rc)
		log_line(LOG_WARN, "not all stacks have names: %s", strerror(-rc));
	for (unsigned i = 0; i < s->providers; i++)
		provider_child_stop(&s->provider[i]);
	settle(s, clock_now_ns() + LOG_END_NS, true);
	rc = pipeline_finish(s->pipeline);
	if (rc)
		session_cut_short(s, "the last records could not be joined: %s", strerror(-rc));
}

/* Probes first: nothing may be charged to a gateway that is ending. The gateway before its provider. */
void session_tear_down(struct session *s)
{
	metrics_endpoint_close(&s->metrics);
	group_watch_close(&s->groups);
	alloc_watch_close(&s->alloc);
	soaking_tear_down(s);
	probe_close(s->probe);
	s->probe = NULL;
	code_close(&s->code);
	recipe_stop(&s->gateway);
	if (s->recipe)
		cpu_quota_sweep(); /* a gateway that was killed could not */
	session_peers_stop(&s->peers);
	for (unsigned i = 0; i < s->providers; i++)
		provider_child_reap(&s->provider[i]);
}
