// SPDX-License-Identifier: GPL-2.0-only
/* Is the gateway still there, and who is it now? One that somebody else starts again is found again. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "session/child.h"
#include "session/parts.h"
#include "session/soaking.h"

#define LOOK_NS (100 * NS_PER_MS)
/* what supervisors wait before they start again lies below it; that long its clients' connections are refused */
#define RETURN_NS (10 * NS_PER_S)
#define WHOLE_NS                                                                                                                 \
	(10 * NS_PER_S) /* then all descriptors of this host are read again: somebody may have been handed the listener */
#define STARTS_MAX 100 /* of a recipe's gateway in a soak */

static void admit(struct session *s, uint32_t pid)
{
	struct probe_target target = {pid, WIRE_ROLE_GATEWAY};

	if (s->probe && probe_add_target(s->probe, &target))
		log_line(LOG_WARN, "process %u of the gateway cannot be watched", pid);
	gauges_add(&s->gauges, pid);
	if (!s->probe)
		return;
	code_process(&s->code, pid);
	alloc_watch_add(&s->alloc, pid);
	soaking_add(s, pid);
}

bool session_gateway_find_again(struct session *s)
{
	const struct discovered before = s->found;

	if (session_gateway_find(s)) {
		s->found = before;
		memset(&s->err, 0, sizeof(s->err));
		return false;
	}
	for (unsigned i = 0; i < s->found.pids; i++) {
		if (gauges_has(&s->gauges, s->found.pid[i]))
			continue;
		log_line(LOG_DEBUG, "process %u of the gateway appeared while it was watched", s->found.pid[i]);
		admit(s, s->found.pid[i]);
	}
	return true;
}

void session_gateway_again(struct session *s)
{
	gauges_restart(&s->gauges);
	session_gateway_find_again(s);
}

/* Its number will not come back, and a recipe's start is ours: only a soak, which is to go on for hours, starts it once more. */
static bool may_return(const struct session *s)
{
	return !s->config->pid && (!s->recipe || (s->config->soak && s->watch.returns < STARTS_MAX));
}

/* true: it is there, and watched. */
static bool comes_back(struct session *s)
{
	char why[200] = "";

	if (s->recipe && !recipe_has_ended(&s->gateway, why, sizeof(why)))
		return false; /* what we started is there, but none of its processes is a gateway's */
	if (s->recipe && session_gateway_restart(s)) {
		log_line(LOG_WARN, "the gateway could not be started again: %s", s->err.text);
		memset(&s->err, 0, sizeof(s->err));
		return false;
	}
	if (!session_gateway_find_again(s))
		return false;
	s->gauges.lives++;
	return true;
}

static void gateway_gone(struct session *s, uint64_t now_ns)
{
	struct gateway_watch *w = &s->watch;
	char apart[32];

	if (!w->gone_ns) {
		w->gone_ns = now_ns;
		log_line(LOG_INFO, "the gateway is gone");
	}
	if (may_return(s) && comes_back(s)) {
		w->returns++;
		snprintf(w->returned, sizeof(w->returned),
			 "the gateway ended %.1f s after the start and was %s again %s later: %s",
			 w->gone_ns > s->start_ns ? (double)(w->gone_ns - s->start_ns) / 1e9 : 0.0,
			 s->recipe ? "started" : "found", units_format_ns(apart, sizeof(apart), clock_now_ns() - w->gone_ns),
			 s->found.how);
		log_line(LOG_WARN, "%s", w->returned);
		w->gone_ns = 0;
	} else if (!may_return(s) || now_ns - w->gone_ns >= RETURN_NS) {
		s->gateway_died = true;
		session_cut_short(s, "the gateway died (none of its processes is left)");
	}
}

static void recipe_watch(struct session *s)
{
	char why[200] = "";

	if (!s->recipe || may_return(s) || !recipe_has_ended(&s->gateway, why, sizeof(why)))
		return;
	s->gateway_died = true;
	session_cut_short(s, "the gateway %s", why);
}

/* Its faults are its own doing and leave it running: one that ended is no part of any scenario. */
static void providers_watch(struct session *s)
{
	char how[64];
	int status = 0;

	for (unsigned i = 0; i < s->providers; i++)
		if (child_ended(s->provider[i].pid, &status))
			session_cut_short(s, "the embedded provider %s", child_status_text(status, how, sizeof(how)));
}

/* Without probes nobody tells of forks and ends: a worker that came after the search would be missing. */
static void processes_follow(struct session *s, uint64_t now_ns)
{
	gauges_forget_ended(&s->gauges);
	if (now_ns >= s->watch.next_whole_ns) {
		if (s->watch.next_whole_ns) /* 0: it has only just been found */
			proc_strangers_forget(&s->strangers);
		s->watch.next_whole_ns = now_ns + WHOLE_NS;
	}
	session_gateway_find_again(s);
}

void session_gateway_watch(struct session *s, uint64_t now_ns)
{
	struct gateway_watch *w = &s->watch;
	/* with probes its last process' end is told at once */
	bool told = s->probe && !s->gauges.pids;

	if (now_ns < (told || w->gone_ns ? w->next_look_ns : w->next_check_ns))
		return;
	w->next_look_ns = now_ns + LOOK_NS;
	w->next_check_ns = now_ns + NS_PER_S;
	providers_watch(s);
	if (s->gateway_died || !s->found.pids || !s->gateway_is_local)
		return;
	recipe_watch(s);
	if (!s->gateway_died && (w->gone_ns || !gauges_any_alive(&s->gauges)))
		gateway_gone(s, now_ns);
	else if (!s->probe && !s->gateway_died)
		processes_follow(s, now_ns);
}
