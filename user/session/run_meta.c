// SPDX-License-Identifier: GPL-2.0-only
#include "session/run_meta.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *endpoint_name(enum plan_endpoint endpoint)
{
	static const char *const names[] = {
		[PLAN_CHAT] = "chat",     [PLAN_EMBEDDINGS] = "embeddings", [PLAN_MODELS] = "models",
		[PLAN_HEALTH] = "health", [PLAN_MESSAGES] = "messages",
	};

	return names[endpoint];
}

static void class_from_plan(struct run_meta_class *out, const struct plan_class *class_)
{
	snprintf(out->name, sizeof(out->name), "%s", class_->name);
	snprintf(out->endpoint, sizeof(out->endpoint), "%s", endpoint_name(class_->endpoint));
	out->stream = class_->stream;
	out->checks = class_->checks;
	for (uint32_t i = 0; i < class_->checks; i++)
		snprintf(out->check[i], sizeof(out->check[i]), "%s", class_->check[i].name);
}

/* By provider, as the scenario's times say after scaling; nothing where all is well. */
static int faults_from_plan(json_t *configuration, const struct plan *plan)
{
	json_t *all = json_object();
	int r = 0;

	for (uint32_t i = 0; i < plan->providers; i++) {
		const struct plan_provider *p = &plan->provider[i];
		json_t *faults = json_array();
		char text[160];

		for (uint32_t k = 0; k < p->faults; k++)
			r |= json_array_append_new(faults, json_string(fault_format(&p->fault[k], text, sizeof(text))));
		r |= p->faults ? json_object_set(all, p->label, faults) : 0;
		json_decref(faults);
	}
	if (json_object_size(all))
		r |= json_object_set(configuration, "faults", all);
	json_decref(all);
	return r;
}

static int configuration_from_plan(struct run_meta *m, const struct plan *plan)
{
	if (!m->configuration)
		m->configuration = json_object();
	json_t *provider = json_pack("{s:s, s:I}", "service_time", plan->provider[0].service_time, "tokens",
				     (json_int_t)plan->provider[0].tokens);
	int r = 0;

	r |= json_object_set_new(m->configuration, "seed", json_integer((json_int_t)plan->seed));
	r |= json_object_set_new(m->configuration, "model", report_text(plan->model));
	r |= json_object_set_new(m->configuration, "time_scale", json_real(plan->time_scale));
	r |= json_object_set_new(m->configuration, "warmup_s", json_real((double)plan->warmup_ns / 1e9));
	r |= json_object_set_new(m->configuration, "provider", provider);
	r |= faults_from_plan(m->configuration, plan);
	if (plan->says[0][0])
		r |= json_object_set_new(m->configuration, "says",
					 json_pack("[o, o]", report_text(plan->says[0]), report_text(plan->says[1])));
	if (plan->ratings)
		r |= json_object_set_new(m->configuration, "ratings", json_true());
	return r ? -ENOMEM : 0;
}

int run_meta_from_plan(struct run_meta *m, const struct plan *plan)
{
	report_machine_here(&m->machine);
	m->attach = !plan;
	snprintf(m->command, sizeof(m->command), "%s", plan ? "run" : "attach");
	if (!plan)
		return 0;
	snprintf(m->scenario, sizeof(m->scenario), "%s", plan->name);
	m->warmup_ns = plan->warmup_ns;
	m->classes = plan->classes;
	for (uint32_t i = 0; i < plan->classes; i++)
		class_from_plan(&m->class_[i], &plan->class_[i]);
	m->stages = plan->stages;
	for (uint32_t i = 0; i < plan->stages; i++) {
		snprintf(m->stage[i].name, sizeof(m->stage[i].name), "%s", plan->stage[i].name);
		m->stage[i].duration_ns = plan->stage[i].duration_ns;
		m->stage[i].tenants = plan->stage[i].tenants;
		m->open_loop = m->open_loop || plan->stage[i].loop == PLAN_OPEN;
	}
	m->tenants = plan->tenants;
	for (uint32_t i = 0; i < plan->tenants; i++)
		snprintf(m->tenant[i], sizeof(m->tenant[i]), "%s", plan->tenant[i].name);
	m->upstreams = plan->providers;
	for (uint32_t i = 0; i < plan->providers; i++)
		snprintf(m->upstream[i], sizeof(m->upstream[i]), "%s", plan->provider[i].label);
	m->criteria = plan->criteria;
	for (uint32_t i = 0; i < plan->criteria; i++)
		snprintf(m->criterion[i], sizeof(m->criterion[i]), "%s", plan->criterion[i]);
	return configuration_from_plan(m, plan);
}

static void copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text ? text : "");
}

void run_meta_from_report(struct run_meta *m, const struct report_input *in)
{
	json_t *probed;

	m->ended = true;
	m->complete = in->complete;
	copy_text(m->cut_short_because, sizeof(m->cut_short_because), in->cut_short_because);
	copy_text(m->invalid_because, sizeof(m->invalid_because), in->invalid_because);
	copy_text(m->no_probes_because, sizeof(m->no_probes_because), in->no_probes_because);
	copy_text(m->probe_paths, sizeof(m->probe_paths), in->probe_paths);
	m->start_unix_s = in->start_unix_s;
	probed = in->probed ? json_deep_copy(in->probed) : NULL; /* in->probed may be m->probed */
	json_decref(m->probed);
	m->probed = probed;
	m->probe_cpu_known = in->probe_cpu_known;
	m->probe_cpu_share = in->probe_cpu_share;
	m->gateway = in->gateway;
	m->open_loop = in->open_loop;
	m->due = in->due;
	m->queue_max = in->queue_max;
	m->in_flight_max = in->in_flight_max;
	m->connections = in->connections;
	m->driver_cpu_ns = in->driver_cpu_ns;
	m->driver_threads = in->driver_threads;
	m->plants = in->plants < RUN_META_PLANTS_MAX ? in->plants : RUN_META_PLANTS_MAX;
	memcpy(m->plant, in->plant, sizeof(m->plant));
	m->plant_causes = in->plant_causes < RUN_META_PLANTS_MAX ? in->plant_causes : RUN_META_PLANTS_MAX;
	memcpy(m->plant_cause, in->plant_cause, sizeof(m->plant_cause));
	m->notes = 0;
	for (unsigned i = 0; i < in->notes && m->notes < RUN_META_NOTES_MAX; i++)
		copy_text(m->note[m->notes++], sizeof(m->note[0]), in->note[i]);
}

void run_meta_fini(struct run_meta *m)
{
	json_decref(m->configuration);
	json_decref(m->probed);
	memset(m, 0, sizeof(*m));
}

bool run_meta_peer_address(const struct run_meta_peer *peer, uint8_t addr[16], uint16_t *port)
{
	const char *colon = strrchr(peer->address, ':');
	char host[sizeof(peer->address)];
	struct in_addr v4;

	if (!colon)
		return false;
	*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	snprintf(host, sizeof(host), "%.*s", (int)(colon - peer->address), peer->address);
	if (inet_pton(AF_INET, host, &v4) == 1) {
		memset(addr, 0, 10);
		memset(addr + 10, 0xff, 2);
		memcpy(addr + 12, &v4, sizeof(v4));
		return true;
	}
	host[strcspn(host, "]")] = '\0';
	return inet_pton(AF_INET6, host + (host[0] == '['), addr) == 1;
}
