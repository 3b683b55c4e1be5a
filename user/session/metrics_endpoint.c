// SPDX-License-Identifier: GPL-2.0-only
#include "session/metrics_endpoint.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/server.h"
#include "report/formats.h"
#include "session/parts.h"

#define CONNECTIONS_MAX 8u
#define TURNS_MAX 32u
#define IDLE_S 5u /* a client that says nothing leaves its place to others */

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, char *text, size_t bytes, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(bytes, text, mode);
	enum MHD_Result done;

	if (!r) {
		if (mode == MHD_RESPMEM_MUST_FREE)
			free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
	done = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result say_error(struct MHD_Connection *c, unsigned status, const char *text)
{
	return say(c, status, (char *)text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result metrics(struct MHD_Connection *c, struct session *s)
{
	const struct report_format *format;
	struct err err = {0};
	char *text = NULL;
	size_t bytes = 0;
	json_t *doc = session_document_now(s);
	int rc = doc ? report_format_find("prometheus", &format, &err) : -ENOMEM;

	if (!rc)
		rc = report_format_make(format, doc, &text, &bytes, &err);
	json_decref(doc);
	if (rc)
		return say_error(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "there is no memory for the figures\n");
	return say(c, MHD_HTTP_OK, text, bytes, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version,
			      const char *body, size_t *body_bytes, void **seen)
{
	static int mark;

	(void)version;
	(void)body;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
		*body_bytes = 0;
		return say_error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	}
	if (!*seen) { /* the first call tells the head alone */
		*seen = &mark;
		return MHD_YES;
	}
	if (strcmp(url, "/metrics") != 0)
		return say_error(c, MHD_HTTP_NOT_FOUND, "the figures are at /metrics\n");
	return metrics(c, ctx);
}

int metrics_endpoint_open(struct metrics_endpoint *m, struct session *s, struct err *err)
{
	const struct http_listen_config config = {.listen = s->config->metrics_listen, .option = "--metrics-listen"};
	int rc;

	if (!config.listen)
		return 0;
	rc = http_listener_open(&m->listener, &config, err);
	if (rc)
		return rc;
	m->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, s, MHD_OPTION_LISTEN_SOCKET,
				     http_listener_fd(m->listener), MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				     MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_END);
	if (!m->daemon)
		return err_set(err, -EIO, "cannot serve metrics on %s: %s", config.listen, strerror(errno));
	log_line(LOG_INFO, "Prometheus may scrape /metrics of port %u while this runs", http_listener_port(m->listener));
	return 0;
}

int metrics_endpoint_fd(const struct metrics_endpoint *m)
{
	const union MHD_DaemonInfo *info = m->daemon ? MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;

	return info ? info->epoll_fd : -1;
}

void metrics_endpoint_serve(struct metrics_endpoint *m)
{
	MHD_UNSIGNED_LONG_LONG wait_ms = 0;

	/* its epoll is edge-triggered: what one turn leaves to be done wakes nobody, and shows as a time-out of 0 */
	for (unsigned turns = 0; m->daemon && turns < TURNS_MAX && !wait_ms; turns++) {
		MHD_run(m->daemon);
		if (MHD_get_timeout(m->daemon, &wait_ms) != MHD_YES)
			break;
	}
}

void metrics_endpoint_close(struct metrics_endpoint *m)
{
	/* the daemon closes the socket that it was given: it gets to keep none */
	if (m->daemon) {
		MHD_quiesce_daemon(m->daemon);
		MHD_stop_daemon(m->daemon);
	}
	http_listener_close(m->listener);
	*m = (struct metrics_endpoint){0};
}
