/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What there is so far, for a Prometheus server to scrape while a session runs: GET /metrics, by libmicrohttpd, in the session's own thread.
 * Each answer is the report of that moment, as `--format prometheus` prints it.
 */
#ifndef TOLL_SESSION_METRICS_ENDPOINT_H
#define TOLL_SESSION_METRICS_ENDPOINT_H

#include "base/err.h"

struct MHD_Daemon;
struct http_listener;
struct session;

struct metrics_endpoint {
	struct http_listener *listener; /* NULL: nobody may scrape */
	struct MHD_Daemon *daemon;
};

/* Listens where --metrics-listen says, if it was given. 0 or -errno. */
int metrics_endpoint_open(struct metrics_endpoint *m, struct session *s, struct err *err);
int metrics_endpoint_fd(const struct metrics_endpoint *m); /* readable: call metrics_endpoint_serve(); -1: there is none */
void metrics_endpoint_serve(struct metrics_endpoint *m); /* waits for nothing */
void metrics_endpoint_close(struct metrics_endpoint *m); /* twice is fine */

#endif
