// SPDX-License-Identifier: GPL-2.0-only
/* What the run found, as a document, as files and on the screen. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "base/url.h"
#include "driver/post.h"
#include "report/formats.h"
#include "session/parts.h"

/* Arrivals noticed later than this at p99: the schedule was not kept. A wait for a free slot is the load's shape, not the driver's. */
#define LATENESS_MAX_NS (5 * NS_PER_MS)

static bool plan_is_open(const struct plan *plan)
{
	for (uint32_t i = 0; plan && i < plan->stages; i++)
		if (plan->stage[i].loop == PLAN_OPEN)
			return true;
	return false;
}

/* Empty when the driver kept its schedule. */
static void schedule_check(const struct session *s, char *why, size_t size)
{
	const struct driver_stats *d = s->driver_stats;
	uint64_t late_ns, span_ns;
	char late[32];

	why[0] = '\0';
	if (!d || !plan_is_open(s->config->plan) || d->end_ns <= d->start_ns)
		return;
	late_ns = hist_percentile(d->schedule_lag, 99);
	span_ns = d->end_ns - d->start_ns;
	units_format_ns(late, sizeof(late), late_ns);
	if (d->cpu_ns > span_ns / 100 * 95 * (s->config->threads ? s->config->threads : 1))
		snprintf(why, size, "the driver's threads were out of CPU: give it more with --threads or offer less load");
	else if (late_ns > LATENESS_MAX_NS)
		snprintf(why, size,
			 "the driver could not keep its schedule: it noticed arrivals %s late at p99; give it CPU or offer less "
			 "load",
			 late);
}

static void gateway_fill(const struct session *s, struct report_gateway *g)
{
	g->known = s->found.pids > 0;
	snprintf(g->exe, sizeof(g->exe), "%s", s->found.exe);
	snprintf(g->comm, sizeof(g->comm), "%s", s->found.comm);
	snprintf(g->how, sizeof(g->how), "%s", s->found.how);
	snprintf(g->recipe, sizeof(g->recipe), "%s", s->config->recipe ? s->config->recipe : "");
	url_without_user(g->url, sizeof(g->url), s->url);
	for (unsigned i = 0; i < s->gauges.pids && g->pids < sizeof(g->pid) / sizeof(g->pid[0]); i++)
		g->pid[g->pids++] = s->gauges.pid[i];
	g->died = s->gateway_died;
	gauges_fill(&s->gauges, g);
}

static void driver_fill(const struct session *s, struct report_input *in)
{
	const struct driver_stats *d = s->driver_stats;

	if (!d)
		return;
	in->due = d->due;
	in->queue_max = d->queue_max;
	in->in_flight_max = d->in_flight_max;
	in->connections = d->connections;
	in->driver_cpu_ns = d->cpu_ns;
	in->driver_threads = s->config->threads ? s->config->threads : 1;
}

struct notes {
	char text[8][200];
	const char *line[8];
	unsigned count;
};

__attribute__((format(printf, 2, 3))) static void note_add(struct notes *n, const char *fmt, ...)
{
	va_list ap;

	if (n->count == sizeof(n->line) / sizeof(n->line[0]))
		return;
	va_start(ap, fmt);
	vsnprintf(n->text[n->count], sizeof(n->text[0]), fmt, ap);
	va_end(ap);
	n->line[n->count] = n->text[n->count];
	n->count++;
}

/* Driver connections that end at no socket of the gateway: which process is between? */
static void notes_foreign(const struct session *s, struct notes *n)
{
	uint16_t port[4];
	unsigned ports = timeline_foreign_ports(pipeline_timeline(s->pipeline), port, 4);
	char comm[32];
	uint32_t pid;

	for (unsigned i = 0; i < ports; i++) {
		if (!discover_socket_owner(0, port[i], comm, sizeof(comm), &pid)) {
			note_add(n, "the driver's peer is no socket of the gateway: %s (pid %u) stands between", comm, pid);
			return;
		}
	}
	if (ports)
		note_add(n,
			 "the driver's peer is no socket of the gateway: another process or address translation stands between");
}

static void notes_make(const struct session *s, struct notes *n)
{
	uint64_t dropped = queue_dropped((struct queue *)&s->queue);

	if (s->found.not_owner[0])
		note_add(n, "%s was followed to the gateway behind it", s->found.not_owner);
	if (s->watch.returns > 1)
		note_add(n, "%u times ended and found again; %.150s", s->watch.returns, s->watch.returned);
	else if (s->watch.returns)
		note_add(n, "%s", s->watch.returned);
	else if (s->gauges.ended == 1 && !s->gauges.restarts)
		note_add(n, "process %u (%s) of the gateway ended during the run", s->gauges.ended_pid, s->gauges.ended_comm);
	else if (s->gauges.ended && !s->gauges.restarts)
		note_add(n, "%" PRIu64 " processes of the gateway ended during the run, the first of them %s (pid %u)",
			 s->gauges.ended, s->gauges.ended_comm, s->gauges.ended_pid);
	if (s->probe_was_on)
		notes_foreign(s, n);
	if (s->no_threads_because[0])
		note_add(n, "no causes: %s", s->no_threads_because);
	if (dropped && !s->probe_was_on) /* with probes it stands among the losses */
		note_add(n, "%" PRIu64 " of the driver's records found the queue full and are missing from the figures", dropped);
	if (s->broke[0])
		note_add(n, "%s", s->broke);
	if (s->sure_because[0])
		note_add(n, "%s", s->sure_because);
	if (s->driver_stats && s->driver_stats->first_error[0])
		note_add(n, "first failure: %.150s", s->driver_stats->first_error);
}

/* Written only where there is something in it; an empty profile would look like a measured one. */
static int folded_write(struct session *s, const struct stacks *stacks, bool all, const char *name)
{
	char path[320];
	long lines;
	FILE *out;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", s->config->out_dir, name);
	unlink(path); /* of an earlier run */
	if (!stacks || !stacks_stats(stacks)->samples)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return err_set(&s->err, -errno, "cannot write %s: %s", path, strerror(errno));
	lines = stacks_fold(stacks, all, out);
	if (fclose(out) && lines >= 0)
		lines = -errno;
	if (!lines)
		unlink(path);
	return lines < 0 ? err_set(&s->err, (int)lines, "cannot write %s: %s; free space or choose another --out", path,
				   strerror((int)-lines))
			 : 0;
}

/* What is known while it runs, too. */
static void input_now(struct session *s, struct report_input *in)
{
	pipeline_fill_report(s->pipeline, in);
	in->command = s->config->plan ? "run" : "attach";
	in->start_unix_s = (uint64_t)s->start_wall_s;
	in->no_probes_because = s->no_probes_because[0] ? s->no_probes_because : NULL;
	in->probe_cpu_known = session_probe_share(s, &in->probe_cpu_share);
	in->probe_paths = s->probe_was_on ? s->paths : NULL;
	in->open_loop = plan_is_open(s->config->plan);
	gateway_fill(s, &in->gateway);
}

static void input_fill(struct session *s, struct report_input *in, struct notes *notes, const char *invalid)
{
	struct run_meta *meta = pipeline_meta(s->pipeline);

	if (meta)
		memcpy(meta->peer, s->peers.label, sizeof(meta->peer));
	input_now(s, in);
	for (unsigned i = 0; i < in->notes; i++)
		note_add(notes, "%.190s", in->note[i]);
	notes_make(s, notes);
	in->complete = !s->cut_short[0];
	in->cut_short_because = s->cut_short[0] ? s->cut_short : NULL;
	in->invalid_because = invalid[0] ? invalid : NULL;
	s->probed = session_probed(s);
	in->probed = s->probed;
	in->note = notes->line;
	in->notes = notes->count;
	in->log = &s->log.report;
	driver_fill(s, in);
	truth_fill(&s->truth, s->truth_path, in);
}

json_t *session_document_now(struct session *s)
{
	struct report_input in;

	input_now(s, &in);
	in.cut_short_because = "it still runs";
	return report_build(&in);
}

/* The head of the capture once more, whole, so that a replay tells the same; then the file is closed. */
static void capture_end(struct session *s, struct report_input *in)
{
	struct err err = {0};

	if (!s->capture)
		return;
	run_meta_from_report(pipeline_meta(s->pipeline), in);
	pipeline_meta_write(s->pipeline);
	if (capture_writer_close(s->capture, &s->captured, &err)) {
		log_line(LOG_WARN, "%s", err.text);
		session_cut_short(s, "%.200s", err.text);
		in->complete = false;
		in->cut_short_because = s->cut_short;
	}
	s->capture = NULL;
	in->capture = &s->captured;
}

static int export_send(const struct report_format *format, const json_t *doc, const char *url, struct err *err)
{
	struct post post = {.url = url, .header = format->header};
	char *text = NULL;
	int rc = report_format_make(format, doc, &text, &post.bytes, err);

	while (post.headers < sizeof(format->header) / sizeof(format->header[0]) && format->header[post.headers])
		post.headers++;
	post.body = text;
	if (!rc)
		rc = post_send(&post, err);
	free(text);
	return rc;
}

static bool is_url(const char *path)
{
	return !strncmp(path, "http://", 7) || !strncmp(path, "https://", 8);
}

/* What --export asked for; a form that this run cannot have, and one that nobody takes, is told and left out. */
static int exports_write(struct session *s, const json_t *doc)
{
	const struct option_list *exports = &s->config->export;
	const struct report_format *format;
	const char *path;
	int rc = 0;

	for (unsigned i = 0; i < exports->count && !rc; i++) {
		struct err err = {0};
		rc = report_export_parse(exports->value[i], &format, &path, &s->err);
		if (!rc && (is_url(path) ? export_send(format, doc, path, &err) : report_format_write(format, doc, path, &err)))
			log_line(LOG_WARN, "%s", err.text);
	}
	return rc;
}

/* False, and told: nowhere to print to. Who cut it off ("| head") has what they wanted. */
static bool report_show(const struct session *s, const json_t *doc)
{
	int rc = s->config->json ? report_print_json(doc, stdout) : report_print_text(doc, stdout, s->config->colour);

	if (!rc || rc == -EPIPE)
		return true;
	log_line(LOG_ERROR, "cannot print the report: %s; the result is in %s", strerror(-rc), s->config->out_dir);
	return false;
}

int session_result(struct session *s)
{
	static const char doc_failed[] = "no memory for the result";
	struct report_input in = {0};
	struct notes notes = {.count = 0};
	char invalid[200];
	json_t *doc;
	int code;

	if (s->config->no_result)
		return EXIT_CODE_OK;
	schedule_check(s, invalid, sizeof(invalid));
	input_fill(s, &in, &notes, invalid);
	capture_end(s, &in);
	doc = report_build(&in);
	if (!doc) {
		log_line(LOG_ERROR, "%s", doc_failed);
		return EXIT_CODE_CANNOT_RUN;
	}
	code = report_exit_code(doc);
	if (!report_show(s, doc))
		code = EXIT_CODE_CUT_SHORT;
	if (report_write_all(doc, s->config->out_dir, &s->err) || folded_write(s, in.stacks, false, "stacks.folded") ||
	    folded_write(s, in.stacks, true, "cpu.folded") || exports_write(s, doc)) {
		log_line(LOG_ERROR, "%s", s->err.text);
		code = EXIT_CODE_CUT_SHORT;
	} else {
		log_line(LOG_INFO, "written: %s/result.json, report.txt, report.html%s", s->config->out_dir,
			 s->config->capture != CAPTURE_OFF ? ", capture.toll" : "");
	}
	json_decref(doc);
	return code;
}
