// SPDX-License-Identifier: GPL-2.0-only
/* The event loop of a session. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "session/live.h"
#include "session/parts.h"
#include "session/progress.h"
#include "session/soaking.h"

#define TICK_NS (20 * NS_PER_MS)
#define START_DELAY_NS (50 * NS_PER_MS)
#define READ_MOST_NS (50 * NS_PER_MS) /* what is behind may wait, budgets may not */
#define JUDGE_NS (NS_PER_S / 4)
#define SOAK_SAMPLES 400
#define GAUGES_LEAST_NS (100 * NS_PER_MS)
/* What a burst has taken (a stall of the machine, after which all is late at once) goes back to the system: malloc itself keeps it. */
#define TRIM_NS (30 * NS_PER_S)

/* The providers' logs come last, one each. */
enum { POLL_SIGNAL, POLL_TICK, POLL_DONE, POLL_BEFORE, POLL_METRICS, POLL_LOG, POLL_FDS = POLL_LOG + PLAN_PROVIDERS_MAX };

struct loop {
	struct session *s;
	struct pollfd fd[POLL_FDS];
	uint64_t next_second_ns;
	struct progress progress;
	uint64_t next_judge_ns, next_trim_ns;
	uint64_t next_gauges_ns, gauges_every_ns;
	uint32_t stage; /* of the last sample */
	struct rng rng;
	bool measured_started;
	bool viewer_left;
	bool waits; /* the driver, for what is to be done before a stage */
};

void session_cut_short(struct session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->cut_short[0])
		return;
	va_start(ap, fmt);
	vsnprintf(s->cut_short, sizeof(s->cut_short), fmt, ap);
	va_end(ap);
	log_line(LOG_WARN, "cut short: %s; what was measured so far is in the result", s->cut_short);
}

int session_frame(void *ctx, enum capture_frame type, const void *data, uint32_t bytes)
{
	struct session *s = ctx;

	return pipeline_frame(s->pipeline, type, data, bytes);
}

/* all: of what the kernel has told nothing was left. */
static int read_until(struct session *s, uint64_t until_ns, bool *all)
{
	int rc = 0;

	*all = true;
	if (s->probe) {
		rc = probe_poll_until(s->probe, until_ns, all);
		rc = rc > 0 ? 0 : rc;
	}
	if (!rc)
		rc = queue_drain(&s->queue, session_frame, s);
	for (unsigned i = 0; i < s->providers && !rc; i++)
		rc = provider_child_drain(&s->provider[i], session_frame, s);
	if (!rc && s->probe && !probe_counters(s->probe, s->counters)) {
		s->counters[WIRE_COUNT_DRIVER_DROPPED] = queue_dropped(&s->queue);
		rc = session_frame(s, CAPTURE_COUNTERS, s->counters, sizeof(s->counters));
	}
	return rc;
}

int session_read_all(struct session *s)
{
	bool all;

	return read_until(s, UINT64_MAX, &all);
}

static int tick_timer(void)
{
	struct itimerspec every = {.it_interval = {.tv_nsec = TICK_NS}, .it_value = {.tv_nsec = TICK_NS}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0 && timerfd_settime(fd, 0, &every, NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

static uint64_t warmup_end_ns(const struct session *s)
{
	return s->start_ns + (s->config->plan ? s->config->plan->warmup_ns : 0);
}

static int parts_frames(struct session *s, struct record_part *part, unsigned count)
{
	int rc = 0;

	for (unsigned i = 0; i < count && !rc; i++) {
		part[i].time_ns = s->gauges.record.time_ns;
		rc = session_frame(s, CAPTURE_PART, &part[i], sizeof(part[i]));
	}
	return rc;
}

static int gauges_frame(struct session *s, bool taken)
{
	struct gauge_parts *parts = s->gauges.parts;
	int rc = taken ? session_frame(s, CAPTURE_GAUGES, &s->gauges.record, sizeof(s->gauges.record)) : 0;

	if (!rc && taken && parts)
		rc = parts_frames(s, parts->of_peer, parts->peers);
	if (!rc && taken && parts)
		rc = parts_frames(s, parts->of_process, parts->processes);
	return rc;
}

/* A stage begins: what the gateway takes in it is told from here on. */
static bool stage_began(struct loop *l, uint64_t now_ns)
{
	const struct session *s = l->s;
	uint32_t stage = s->driver ? driver_stage(s->driver) : 0;

	if (stage == l->stage || now_ns < s->gauges.last_ns + GAUGES_LEAST_NS)
		return false;
	l->stage = stage;
	return true;
}

static void viewer_show(const struct session *s, uint64_t now_ns)
{
	const struct session_view view = {
		.now_ns = now_ns,
		.start_ns = s->start_ns,
		.exe = s->found.exe,
		.pid = s->gauges.pid,
		.pids = s->gauges.pids,
		.gauges = &s->gauges.record,
		.attribution = pipeline_attribution(s->pipeline),
		.series = pipeline_series(s->pipeline),
		.alloc = s->alloc.alloc,
		.alloc_on_ns = s->alloc.metered.on_ns,
		.frees_on_ns = s->alloc.frees.on_ns,
	};

	s->config->viewer->second(s->config->viewer->ctx, &view);
}

static int every_second(struct loop *l, uint64_t now_ns)
{
	struct session *s = l->s;

	if (now_ns >= l->next_trim_ns) {
		l->next_trim_ns = now_ns + TRIM_NS;
		malloc_trim(0);
	}
	progress_second(&l->progress, s, now_ns);
	metrics_endpoint_serve(&s->metrics); /* its time-outs too */
	if (s->config->viewer)
		viewer_show(s, now_ns);
	return s->probe ? probe_flush(s->probe, false) : 0;
}

/* Once a second; a soak too short for enough of those has more. */
static uint64_t gauges_interval_ns(const struct session *s)
{
	uint64_t of_soak = s->config->soak && s->config->plan ? plan_duration_ns(s->config->plan) / SOAK_SAMPLES : NS_PER_S;

	if (of_soak < GAUGES_LEAST_NS)
		return GAUGES_LEAST_NS;
	return of_soak < NS_PER_S ? of_soak : NS_PER_S;
}

/* What the gateway tells itself, from here on. */
static void own_begin(struct session *s)
{
	own_counters_begin(&s->own, s->config->metrics_url, s->url);
	gateway_log_begin(&s->log, s->gateway.log_path);
}

static int on_tick(struct loop *l, uint64_t now_ns)
{
	struct session *s = l->s;
	uint64_t expirations;
	bool all;
	int rc;

	if (read(l->fd[POLL_TICK].fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return -errno;
	if (s->config->viewer && !l->viewer_left && !s->config->viewer->tick(s->config->viewer->ctx)) {
		l->viewer_left = true;
		if (s->driver)
			session_cut_short(s, "q was pressed");
	}
	if (!l->measured_started && now_ns >= warmup_end_ns(s)) {
		rc = gauges_frame(s, gauges_start(&s->gauges, now_ns));
		if (rc)
			return rc;
		session_peers_sample(&s->peers, now_ns);
		own_begin(s);
		overhead_init(&s->overhead, now_ns + NS_PER_S);
		session_probes_start(s, now_ns);
		l->measured_started = true;
	}
	if (s->probe && l->measured_started)
		overhead_tick(&s->overhead, s->probe, &s->gauges, now_ns);
	if (l->measured_started && now_ns >= l->next_judge_ns) {
		l->next_judge_ns = now_ns + JUDGE_NS;
		live_judge(s);
	}
	if (now_ns >= l->next_gauges_ns || stage_began(l, now_ns)) {
		/* at uneven times: collections of a heap that keep step with the samples would drift through them like growth */
		l->next_gauges_ns = now_ns + l->gauges_every_ns * (75 + rng_below(&l->rng, 51)) / 100;
		rc = gauges_frame(s, gauges_sample(&s->gauges, now_ns));
		if (rc)
			return rc;
	}
	session_probes_tick(s, now_ns);
	session_gateway_watch(s, now_ns);
	if (l->measured_started) {
		soaking_tick(s, now_ns);
		soaking_until_sure(s, warmup_end_ns(s), now_ns);
	}
	if (now_ns >= l->next_second_ns) {
		l->next_second_ns = now_ns + NS_PER_S;
		if (l->measured_started)
			session_peers_sample(&s->peers, now_ns);
		rc = every_second(l, now_ns);
		if (rc)
			log_line(LOG_DEBUG, "flush of open turns: %s", strerror(-rc));
	}
	/* whoever waits for what was told before a tick must have it: none while some is left */
	rc = read_until(s, clock_now_ns() + READ_MOST_NS, &all);
	return rc || !all ? rc : session_frame(s, CAPTURE_TICK, &now_ns, sizeof(now_ns));
}

/* The driver waits for what is to be done before a stage. */
static void on_before(struct loop *l, uint64_t now_ns)
{
	struct session *s = l->s;
	uint64_t count;

	if ((l->fd[POLL_BEFORE].revents & POLLIN) && read(l->fd[POLL_BEFORE].fd, &count, sizeof(count)) > 0)
		l->waits = true;
	if (!l->waits || !session_before(s, driver_before(s->driver), now_ns))
		return;
	l->waits = false;
	driver_go(s->driver, driver_before(s->driver));
}

static void on_signal(struct loop *l)
{
	struct signalfd_siginfo info;

	if (read(l->fd[POLL_SIGNAL].fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	session_cut_short(l->s, "%s received", info.ssi_signo == SIGINT ? "Ctrl-C" : strsignal((int)info.ssi_signo));
}

static bool is_over(const struct loop *l, uint64_t now_ns)
{
	const struct session *s = l->s;

	if (s->cut_short[0] || l->viewer_left || (l->fd[POLL_DONE].revents & POLLIN))
		return true;
	return !s->driver && now_ns >= s->start_ns + s->config->attach_ns;
}

static int logs_read(struct loop *l)
{
	struct session *s = l->s;
	int rc = 0;

	for (unsigned i = 0; i < s->providers && !rc; i++) {
		if (l->fd[POLL_LOG + i].revents)
			rc = provider_child_drain(&s->provider[i], session_frame, s);
		l->fd[POLL_LOG + i].fd = s->provider[i].log_fd;
	}
	return rc;
}

static int loop_run(struct loop *l)
{
	int rc = 0;

	while (!rc) {
		uint64_t now_ns;

		if (poll(l->fd, POLL_FDS, -1) < 0 && errno != EINTR)
			return -errno;
		now_ns = clock_now_ns();
		if (l->fd[POLL_SIGNAL].revents & POLLIN)
			on_signal(l);
		if (l->fd[POLL_TICK].revents & POLLIN)
			rc = on_tick(l, now_ns);
		else
			rc = logs_read(l);
		if (l->fd[POLL_METRICS].revents & POLLIN)
			metrics_endpoint_serve(&l->s->metrics);
		on_before(l, now_ns);
		if (is_over(l, now_ns))
			break;
	}
	return rc;
}

static int load_start(struct session *s)
{
	const struct session_config *c = s->config;
	struct driver_config config = {
		.plan = c->plan,
		.url = s->url,
		.api_key = c->api_key,
		.header = s->header,
		.headers = s->headers,
		.threads = c->threads,
		.tag = c->tag,
		.traceparent = c->traceparent,
		.overhead_header = c->overhead_header,
		.own_text = s->providers > 0,
		.tls_insecure = c->tls_insecure,
		.ca_file = c->ca_file,
		.http2 = c->http2,
		.sink = queue_sink(&s->queue),
	};
	int rc;

	s->start_ns = clock_now_ns() + START_DELAY_NS;
	pipeline_meta(s->pipeline)->start_ns = s->start_ns;
	pipeline_meta_write(s->pipeline);
	for (unsigned i = 0; i < s->providers; i++)
		provider_child_begin(&s->provider[i], s->start_ns);
	if (!c->plan)
		return 0;
	rc = driver_new(&s->driver, &config, &s->err);
	return rc ? rc : driver_start(s->driver, s->start_ns, &s->err);
}

int session_loop(struct session *s)
{
	struct loop l = {.s = s, .gauges_every_ns = gauges_interval_ns(s)};
	bool warms_up = s->config->plan && s->config->plan->warmup_ns;
	sigset_t stop;
	int rc;

	if (!warms_up)
		own_begin(s);
	session_probes_tick(
		s, clock_now_ns()); /* putting them on may take longer than the load waits: its first requests are told of too */
	rc = load_start(s);
	if (rc)
		return rc;
	if (!warms_up) /* what the first request calls is its own, and what no request called is none's */
		session_probes_start(s, clock_now_ns());
	rc = progress_open(&l.progress, s, &s->err);
	if (rc)
		return rc;
	rng_init(&l.rng, s->start_ns, 0);
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGHUP);
	l.fd[POLL_SIGNAL] = (struct pollfd){.fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN};
	l.fd[POLL_TICK] = (struct pollfd){.fd = tick_timer(), .events = POLLIN};
	l.fd[POLL_DONE] = (struct pollfd){.fd = s->driver ? driver_done_fd(s->driver) : -1, .events = POLLIN};
	l.fd[POLL_BEFORE] = (struct pollfd){.fd = s->driver ? driver_before_fd(s->driver) : -1, .events = POLLIN};
	l.fd[POLL_METRICS] = (struct pollfd){.fd = metrics_endpoint_fd(&s->metrics), .events = POLLIN};
	for (unsigned i = 0; i < PLAN_PROVIDERS_MAX; i++)
		l.fd[POLL_LOG + i] = (struct pollfd){.fd = i < s->providers ? s->provider[i].log_fd : -1, .events = POLLIN};
	if (l.fd[POLL_SIGNAL].fd < 0 || l.fd[POLL_TICK].fd < 0)
		rc = err_set(&s->err, -errno, "cannot make the session's timers: %s", strerror(errno));
	if (!rc)
		rc = loop_run(&l);
	progress_close(&l.progress);
	if (s->config->viewer)
		s->config->viewer->end(s->config->viewer->ctx, s->cut_short[0] ? s->cut_short : NULL);
	overhead_fini(&s->overhead);
	s->end_ns = clock_now_ns();
	session_probes_end(s, s->end_ns);
	session_peers_sample(&s->peers, s->end_ns);
	own_counters_end(&s->own);
	gateway_log_end(&s->log);
	if (!rc)
		rc = gauges_frame(s, gauges_sample(&s->gauges, s->end_ns));
	close(l.fd[POLL_SIGNAL].fd);
	close(l.fd[POLL_TICK].fd);
	return rc;
}
