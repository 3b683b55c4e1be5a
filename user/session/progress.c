// SPDX-License-Identifier: GPL-2.0-only
#include "session/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"

#define FIRST_NS (2 * NS_PER_S)
#define LINES_NS (5 * NS_PER_S)
#define TEXT_MAX 48

int progress_open(struct progress *p, const struct session *s, struct err *err)
{
	const char *path = s->config->live_path;

	*p = (struct progress){.next_ns = s->start_ns + FIRST_NS, .last_ns = s->start_ns};
	if (!path)
		return 0;
	p->live = fopen(path, "we");
	if (p->live)
		return 0;
	return err_set(err, -errno, "cannot write the JSON lines to %s: %s; choose another file with --live", path,
		       strerror(errno));
}

/* --- what there is to tell -------------------------------------------------------------------------------------------------- */

struct now {
	double elapsed_s, rate_per_s; /* since the last time */
	struct driver_progress load;
	struct report_input *in; /* so far; NULL: no memory */
	bool warmup;
};

static void now_take(struct progress *p, const struct session *s, uint64_t now_ns, struct now *out)
{
	*out = (struct now){.elapsed_s = now_ns > s->start_ns ? (double)(now_ns - s->start_ns) / 1e9 : 0.0};
	out->warmup = s->config->plan && now_ns < s->start_ns + s->config->plan->warmup_ns;
	if (s->driver)
		driver_progress(s->driver, &out->load);
	if (now_ns > p->last_ns)
		out->rate_per_s = (double)(out->load.done - p->last_done) * 1e9 / (double)(now_ns - p->last_ns);
	p->last_ns = now_ns;
	p->last_done = out->load.done;
	out->in = calloc(1, sizeof(*out->in));
	if (!out->in)
		return;
	pipeline_fill_report(s->pipeline, out->in);
	gauges_fill(&s->gauges, &out->in->gateway);
}

static const struct hist *toll_of(const struct now *now)
{
	const struct attribution_set *a = now->in ? now->in->total.attribution : NULL;

	return a && a->toll && hist_count(a->toll) ? a->toll : NULL;
}

static const struct request_stats *stats_of(const struct now *now)
{
	const struct request_stats *s = now->in ? now->in->total.stats : NULL;

	return s && hist_count(s->latency) ? s : NULL;
}

/* --- a line for people ------------------------------------------------------------------------------------------------------ */

struct line {
	char text[400];
	size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = l->used < sizeof(l->text) ? vsnprintf(l->text + l->used, sizeof(l->text) - l->used, fmt, ap) : 0;
	va_end(ap);
	l->used += n > 0 ? (size_t)n : 0;
}

static void put_percentiles(struct line *l, const char *name, const struct hist *h)
{
	char p50[TEXT_MAX], p99[TEXT_MAX];

	put(l, " · %s p50 %s p99 %s", name, units_format_ns(p50, sizeof(p50), hist_percentile(h, 50)),
	    units_format_ns(p99, sizeof(p99), hist_percentile(h, 99)));
}

static void put_errors(struct line *l, const struct request_stats *s)
{
	for (unsigned i = RECORD_OK + 1; s && i < RECORD_OUTCOMES; i++)
		if (s->outcome[i] && i != RECORD_LEFT)
			put(l, " · %s %" PRIu64, record_outcome_name((enum record_outcome)i), s->outcome[i]);
}

static void line_make(struct line *l, const struct now *now)
{
	const struct request_stats *stats = stats_of(now);
	const struct report_gateway *g = now->in ? &now->in->gateway : NULL;
	const struct hist *toll = toll_of(now);
	char count[TEXT_MAX];

	put(l, "%.0f s%s: %s done, %" PRIu64 " failed, %" PRIu64 " in flight · %.0f/s", now->elapsed_s,
	    now->warmup ? " (warm-up)" : "", units_format_count(count, sizeof(count), now->load.done), now->load.failed,
	    now->load.in_flight, now->rate_per_s);
	if (stats)
		put_percentiles(l, "latency", stats->latency);
	if (toll)
		put_percentiles(l, "toll", toll);
	put_errors(l, stats);
	if (g && g->cpu_measured && g->cores_usable > 0)
		put(l, " · gateway CPU %.0f %%", 100.0 * g->cpu_cores_mean / g->cores_usable);
	if (g && g->memory_measured)
		put(l, " %s", units_format_bytes(count, sizeof(count), g->rss_final_bytes));
}

/* --- a line for machines ---------------------------------------------------------------------------------------------------- */

static void json_dist(json_t *doc, const char *key, const struct hist *h)
{
	if (h)
		json_object_set_new(doc, key,
				    json_pack("{s:I, s:I}", "p50_ns", (json_int_t)hist_percentile(h, 50), "p99_ns",
					      (json_int_t)hist_percentile(h, 99)));
}

static void json_print(FILE *out, const struct now *now)
{
	const struct request_stats *stats = stats_of(now);
	json_t *doc = json_pack("{s:f, s:b, s:I, s:I, s:I, s:I, s:I, s:f}", "at_s", now->elapsed_s, "warmup", now->warmup, "sent",
				(json_int_t)now->load.sent, "done", (json_int_t)now->load.done, "failed",
				(json_int_t)now->load.failed, "in_flight", (json_int_t)now->load.in_flight, "queued",
				(json_int_t)now->load.queued, "rate_per_s", now->rate_per_s);
	json_t *errors = json_object();

	json_dist(doc, "latency", stats ? stats->latency : NULL);
	json_dist(doc, "toll", toll_of(now));
	for (unsigned i = RECORD_OK + 1; stats && i < RECORD_OUTCOMES; i++)
		if (stats->outcome[i] && i != RECORD_LEFT)
			json_object_set_new(errors, record_outcome_name((enum record_outcome)i),
					    json_integer((json_int_t)stats->outcome[i]));
	json_object_set_new(doc, "errors", errors);
	if (now->in && now->in->gateway.memory_measured)
		json_object_set_new(doc, "gateway_rss_bytes", json_integer((json_int_t)now->in->gateway.rss_final_bytes));
	if (now->in && now->in->gateway.cpu_measured)
		json_object_set_new(doc, "gateway_cpu_cores", json_real(now->in->gateway.cpu_cores_mean));
	json_dumpf(doc, out, JSON_COMPACT);
	fputc('\n', out);
	fflush(out);
	json_decref(doc);
}

/* --- each second ------------------------------------------------------------------------------------------------------------ */

/* One line that is written over, cut to what a narrow terminal shows. */
static void status_line(struct progress *p, const struct line *l)
{
	fprintf(stderr, "\r\033[K%.110s", l->text);
	fflush(stderr);
	p->on_line = true;
}

static void people_tell(struct progress *p, const struct session *s, const struct now *now, uint64_t now_ns)
{
	struct line l = {.used = 0};

	if (!s->driver) {
		log_line(LOG_INFO, "%.0f s watched", now->elapsed_s);
		return;
	}
	line_make(&l, now);
	if (!s->config->plain && isatty(STDERR_FILENO))
		status_line(p, &l);
	else
		log_line(LOG_INFO, "%s", l.text);
	p->next_ns = now_ns + (p->on_line ? NS_PER_S : LINES_NS);
}

void progress_second(struct progress *p, const struct session *s, uint64_t now_ns)
{
	bool tell = !s->config->quiet && now_ns >= p->next_ns;
	struct now now;

	if (!tell && !p->live)
		return;
	now_take(p, s, now_ns, &now);
	if (p->live)
		json_print(p->live, &now);
	if (tell) {
		p->next_ns = now_ns + LINES_NS;
		people_tell(p, s, &now, now_ns);
	}
	free(now.in);
}

void progress_close(struct progress *p)
{
	if (p->on_line)
		fprintf(stderr, "\r\033[K");
	if (p->live)
		fclose(p->live);
	p->live = NULL;
}
