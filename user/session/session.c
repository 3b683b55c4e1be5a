// SPDX-License-Identifier: GPL-2.0-only
#include "session/session.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/child.h"
#include "session/parts.h"

/* Read by the loop through a signalfd; blocked before any thread starts, so that no thread is interrupted. */
static void signals_block(void)
{
	sigset_t stop;

	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
}

static void session_free(struct session *s)
{
	session_tear_down(s);
	alloc_watch_fini(&s->alloc);
	reach_watch_fini(&s->reach);
	survivor_watch_fini(&s->survivors);
	growth_watch_fini(&s->growth);
	own_counters_fini(&s->own);
	gateway_log_fini(&s->log);
	json_decref(s->probed);
	driver_free(s->driver);
	pipeline_free(s->pipeline);
	truth_fini(&s->truth);
	recipe_free(s->recipe);
	queue_fini(&s->queue);
	proc_strangers_fini(&s->strangers);
	free(s);
}

static int session_measure(struct session *s)
{
	int rc = session_loop(s);

	if (rc && !s->driver && s->config->plan)
		return rc;
	if (rc)
		session_cut_short(s, "%s", s->err.text[0] ? s->err.text : strerror(-rc));
	session_drain(s);
	session_tear_down(s);
	return 0;
}

/* A signal came before any load: the result says so, and that there is nothing in it. */
static int session_end_early(struct session *s)
{
	int rc;

	session_cut_short(s, "%s", s->err.text);
	snprintf(s->no_probes_because, sizeof(s->no_probes_because), "the run ended before they were on");
	rc = session_arm(s);
	if (rc)
		return rc;
	s->start_ns = s->end_ns = clock_now_ns();
	session_drain(s);
	session_tear_down(s);
	return 0;
}

int session_run(const struct session_config *config)
{
	struct session *s = calloc(1, sizeof(*s));
	int rc, code = EXIT_CODE_CANNOT_RUN;

	if (!s)
		return EXIT_CODE_CANNOT_RUN;
	s->config = config;
	s->overhead.stats_fd = -1;
	queue_init(&s->queue, QUEUE_BYTES_MAX);
	s->start_wall_s = time(NULL);
	signals_block();
	rc = session_prepare(s);
	if (rc == -EINTR && child_stop_pending()) {
		rc = session_end_early(s);
	} else {
		if (!rc)
			rc = session_arm(s);
		if (!rc)
			rc = session_measure(s);
	}
	if (rc)
		log_line(LOG_ERROR, "%s", s->err.text[0] ? s->err.text : strerror(-rc));
	else
		code = session_result(s);
	session_free(s);
	return code;
}
