// SPDX-License-Identifier: GPL-2.0-only
/* Probes on. A run without them is still a run: the reason goes into the report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/privileges.h"
#include "base/url.h"
#include "session/parts.h"
#include "session/soaking.h"

static int on_named(void *ctx, const struct record_stack *stack, uint32_t bytes)
{
	return session_frame(ctx, CAPTURE_STACK, stack, bytes);
}

static void process_seen(struct session *s, const struct wire_process *p)
{
	uint32_t pid = discover_pid_here(p->tgid, p->tgid_in_ns);

	gauges_process(&s->gauges, p, pid);
	if (p->role == WIRE_ROLE_GATEWAY && p->event == WIRE_PROCESS_FORK)
		code_process(&s->code, p->tgid);
	alloc_watch_process(&s->alloc, p, pid);
	soaking_process(s, p, pid);
}

static int on_wire(void *ctx, const void *data, uint32_t bytes)
{
	struct session *s = ctx;
	const struct wire_header *h = data;

	/* a copied stack may hold what the gateway's users have sent: its names go into the capture, not its bytes */
	if (h->kind == WIRE_KIND_STACK)
		return capture_wire_check(data, bytes) ? 0 : code_stack(&s->code, data);
	if (h->kind == WIRE_KIND_PROCESS && bytes >= sizeof(struct wire_process))
		process_seen(s, data);
	if (s->config->viewer)
		s->config->viewer->wire(s->config->viewer->ctx, data, bytes);
	return session_frame(s, CAPTURE_WIRE, data, bytes);
}

static int probes_arm(struct session *s)
{
	struct probe_target *target = calloc(s->found.pids + 1 + PLAN_PROVIDERS_MAX, sizeof(*target));
	struct probe_config config = {.target = target,
				      .ring_bytes = (uint32_t)s->config->ring_bytes,
				      .sample_hz = s->config->groups & PROBE_STACKS ? s->config->sample_hz : 0,
				      .groups = s->config->groups,
				      .paths = s->config->paths,
				      .record = on_wire,
				      .ctx = s};
	struct err err = {0};
	int rc;

	if (!target)
		return -ENOMEM;
	for (unsigned i = 0; i < s->found.pids; i++)
		target[config.targets++] = (struct probe_target){s->found.pid[i], WIRE_ROLE_GATEWAY};
	if (s->config->plan)
		target[config.targets++] = (struct probe_target){(uint32_t)getpid(), WIRE_ROLE_DRIVER};
	for (unsigned i = 0; i < s->providers; i++)
		target[config.targets++] = (struct probe_target){(uint32_t)s->provider[i].pid, WIRE_ROLE_PROVIDER};
	rc = probe_open(&s->probe, &config, &err);
	free(target);
	if (rc) {
		s->probe = NULL;
		snprintf(s->no_probes_because, sizeof(s->no_probes_because), "%s", err.text);
		return rc;
	}
	s->probe_was_on = true;
	snprintf(s->paths, sizeof(s->paths), "%s", probe_paths(s->probe));
	if (s->config->groups & PROBE_THREADS && probe_no_threads(s->probe))
		snprintf(s->no_threads_because, sizeof(s->no_threads_because), "%s", probe_no_threads(s->probe));
	return 0;
}

/* Headers and keys stay out: they may be secret. */
static json_t *configuration_of(const struct session *s)
{
	const struct session_config *c = s->config;
	char url[sizeof(s->url)];
	json_t *out = json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:i, s:b, s:b, s:o?}", "gateway",
				url_without_user(url, sizeof(url), s->url), "recipe", c->recipe, "plant", c->plant,
				"overhead_header", c->overhead_header, "provider_listen", c->provider, "driver_threads",
				(int)(c->threads ? c->threads : 1), "tag", c->tag, "http2", c->http2, "traceparent",
				c->traceparent ? json_true() : NULL);
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(out, next, key, value)
	{
		if (json_is_null(value))
			json_object_del(out, key);
	}
	return out;
}

/* The scenario's settings, then how it is run. */
static void configuration_add(const struct session *s, struct run_meta *meta)
{
	json_t *own = configuration_of(s);

	if (!meta->configuration)
		meta->configuration = json_object();
	if (own)
		json_object_update(meta->configuration, own);
	json_decref(own);
}

static void on_whole(void *ctx, const struct whole_request *w)
{
	struct session *s = ctx;

	truth_add(&s->truth, w);
}

static void on_causes(void *ctx, uint64_t id, const struct cause_cut *causes)
{
	struct session *s = ctx;

	truth_causes(&s->truth, id, causes);
}

static int pipeline_open(struct session *s)
{
	struct run_meta meta = {0};
	struct pipeline_config config = {.meta = &meta, .capture = s->capture, .whole = on_whole, .causes = on_causes, .ctx = s};
	int rc = run_meta_from_plan(&meta, s->config->plan);

	if (rc)
		return err_set(&s->err, rc, "no memory for the run");
	meta.provider_is_ours = s->providers > 0;
	meta.soak = s->config->soak;
	if (s->found.pids)
		meta.memory_limit_bytes = discover_memory_limit(s->found.pid[0]);
	memcpy(meta.peer, s->peers.label, sizeof(meta.peer));
	meta.peers = s->peers.labels;
	meta.start_unix_s = (uint64_t)s->start_wall_s;
	configuration_add(s, &meta);
	rc = pipeline_new(&s->pipeline, &config, &s->err);
	run_meta_fini(&meta);
	return rc;
}

static int text_tell(void *probe, uint32_t tgid, const struct code_maps *maps, bool frame_pointers)
{
	return probe_text(probe, tgid, maps, frame_pointers);
}

/* The clock starts when the kernel side knows all of the gateway's code. */
static int samples_arm(struct session *s)
{
	struct symbols_config names = {.named = on_named, .ctx = s};
	int rc = code_open(&s->code, &names);

	if (rc)
		return err_set(&s->err, rc, "no memory for the names of code");
	code_probe(&s->code, text_tell, s->probe);
	for (unsigned i = 0; i < s->found.pids; i++)
		code_process(&s->code, s->found.pid[i]);
	probe_samples_start(s->probe);
	if (probe_no_samples(s->probe))
		snprintf(pipeline_meta(s->pipeline)->no_stacks_because, sizeof(pipeline_meta(s->pipeline)->no_stacks_because),
			 "%s", probe_no_samples(s->probe));
	return 0;
}

/* What has been put on stays on; from here on only what watches it may be done. */
static void privileges_drop(const struct session *s)
{
	const struct session_config *c = s->config;
	struct stat st;
	bool elsewhere =
		c->live_path || c->export.count || s->recipe || (c->out_dir && !stat(c->out_dir, &st) && st.st_uid != geteuid());
	int rc = privileges_watch(elsewhere);

	if (rc)
		log_line(LOG_WARN, "privileges that are not needed any more could not be given up: %s", strerror(-rc));
}

/* A soak tells the gateway's sockets apart by who is at the other end; a provider of ours may be reached by any address of this host. */
static void parts_tell_apart(struct session *s)
{
	static const uint8_t any[16];
	uint8_t addr[16];
	uint16_t port;

	gauge_parts_init(&s->gauge_parts);
	for (unsigned i = 0; i < s->providers; i++)
		gauge_parts_label(&s->gauge_parts, s->config->plan->provider[i].label, any, (uint16_t)s->provider[i].port);
	for (unsigned i = 0; i < s->peers.labels; i++)
		if (run_meta_peer_address(&s->peers.label[i], addr, &port))
			gauge_parts_label(&s->gauge_parts, s->peers.label[i].label, addr, port);
	s->gauges.parts = &s->gauge_parts;
}

int session_arm(struct session *s)
{
	const struct session_config *c = s->config;
	int rc = 0;

	gauges_init(&s->gauges, &s->found);
	if (c->soak) {
		parts_tell_apart(s);
		gauges_pages_often(&s->gauges, plan_duration_ns(c->plan));
	}
	if (c->capture != CAPTURE_OFF)
		rc = capture_writer_open(&s->capture, s->capture_path, c->capture, c->capture_max_bytes, &s->err);
	if (!rc)
		rc = pipeline_open(s);
	if (rc)
		return rc;
	if (c->no_probes)
		snprintf(s->no_probes_because, sizeof(s->no_probes_because), "--no-probes was given");
	if (!s->no_probes_because[0])
		rc = probes_arm(s);
	if (rc && paths_any(&c->paths))
		return err_set(&s->err, rc, "%s", s->no_probes_because);
	rc = 0;
	if (s->probe)
		rc = samples_arm(s);
	if (rc)
		return rc;
	if (s->probe) /* from here on forks are followed: a worker that came between the search and the probes is missing, and no other */
		session_gateway_find_again(s); /* gone meanwhile: the loop will tell */
	if (s->probe)
		group_watch_open(&s->groups, s->probe, &c->budget);
	if (s->probe && probe_alloc_threads_fd(s->probe) >= 0)
		alloc_watch_open(&s->alloc, s->probe, s->gauges.pid, s->gauges.pids, &c->budget);
	else if (s->probe && c->groups & PROBE_ALLOC)
		snprintf(s->alloc.why, sizeof(s->alloc.why),
			 "allocator probes need task storage and attach cookies (Linux 5.15)");
	if (!s->probe && !c->plan)
		return err_set(&s->err, -EPERM, "nothing to attach: %s", s->no_probes_because);
	if (!s->probe && !s->cut_short[0])
		log_line(LOG_WARN, "no probes: %s; the load still runs", s->no_probes_because);
	privileges_drop(s);
	return 0;
}
